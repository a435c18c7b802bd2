"""Inner loops of the merge learner, in the part of Python that numba compiles; imported only to compile."""
