"""A grown model and a corpus in, its new rows trained out; every other tensor keeps its bits."""
