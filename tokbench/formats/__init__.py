"""Files of other formats in, a tokenizers.Tokenizer out, and back; proves its ids, knows no folder."""
