"""A tokenizer, a model and a task in, a Run with metrics and proofs out; prints nothing."""
