"""One text and a tokenizer in, every step between them out, as data that can be replayed."""
