"""What each block did to one text, as plain data: steps, words, tokens, cuts. Knows nothing of folders."""
