"""Loops from texts to ids in the Python that numba compiles; all but layout.py are imported only for that."""
