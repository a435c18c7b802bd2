"""A corpus in, word counts out: in memory, on disk, or on a dask cluster."""
