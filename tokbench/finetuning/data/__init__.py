"""Datasets in, labelled rows out: GLUE tasks, own tables, tagged words; knows no model."""
