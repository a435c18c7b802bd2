"""The loops that numba compiles: *_abi.py are the shared layouts, *_entries.py the entry points."""
