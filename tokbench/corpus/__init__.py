"""Files in, texts out: found, unpacked, decoded and read in chunks. Knows str and Path, nothing of tokens."""
