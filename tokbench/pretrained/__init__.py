"""A tokenizer in, a portable folder out, and back: files, roles and ids; knows no weights."""
