"""A tokenizer, its config and its model files in, findings and fixes out; no training."""
