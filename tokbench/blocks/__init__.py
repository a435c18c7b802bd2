"""Room 3: a recipe and texts in, a tokenizer out. Knows the tokenizers library; nothing of folders."""
