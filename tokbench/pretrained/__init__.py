"""Room 4: tokenizers in, folders out, and back; knows files, roles and ids, but no weights."""
