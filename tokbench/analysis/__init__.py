"""What tokenizers do to a corpus, in numbers: words, texts and ids in, measures out; knows no model."""
