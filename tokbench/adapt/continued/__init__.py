"""A vocabulary and words in, the tokens that it would have learned next out: a file for each algorithm."""
