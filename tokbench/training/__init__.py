"""Texts in, word counts, merges and trained models out; knows no recipes and no folders."""
