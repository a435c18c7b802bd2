"""Files of other formats in, a tokenizers.Tokenizer and what was read out; knows no portable folder."""
