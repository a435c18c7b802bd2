"""Tests of what tokenizers do to a corpus, in numbers."""
