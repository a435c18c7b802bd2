"""Files in, texts out: found, decompressed, decoded, read in batches; knows str and Path, no tokens."""
