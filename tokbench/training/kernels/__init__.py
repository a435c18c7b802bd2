"""Inner loops in the Python that numba compiles; all but layout.py are imported only to be compiled."""
