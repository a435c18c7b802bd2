"""Room: a tokenizer, its config and its model's files in; findings out. It looks, and never repairs."""
