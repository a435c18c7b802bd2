"""Two tokenizers in, for each new token the old rows it starts from out: by texts, spelling or role."""
