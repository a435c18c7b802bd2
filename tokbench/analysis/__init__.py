"""Tokenizers and corpora in, metrics out: fertility, compression, parity; knows no model."""
