"""Texts and a tokenizer in, ids out, and back: one text, rows of several, and whole corpora."""
