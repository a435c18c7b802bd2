"""Tokenizer, model and task in; a Run with its metric and its proofs out. Knows nothing of the terminal."""
