"""A tokenizer and a model in, a pair that fits out: tokens added, rows resized; proves what it wrote."""
