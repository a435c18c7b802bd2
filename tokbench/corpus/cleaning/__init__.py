"""Batches of texts in, fewer and cleaner ones out: one file a kind of step, each with its tally."""
