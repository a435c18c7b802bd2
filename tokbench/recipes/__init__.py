"""A recipe and texts in, a tokenizer out; knows the blocks of the tokenizers library, no folders."""
