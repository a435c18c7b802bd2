"""BPE by SentencePiece, which parts words at blanks only: CORPUS VOCAB_SIZE OUTPUT."""

import sys

import sentencepiece

corpus, vocab_size, output = sys.argv[1:]
sentencepiece.SentencePieceTrainer.train(
    input=corpus,
    model_prefix=output.removesuffix(".model"),
    model_type="bpe",
    vocab_size=int(vocab_size),
    character_coverage=0.9995,
    byte_fallback=True,
    hard_vocab_limit=False,  # a small corpus may have fewer pieces
    max_sentence_length=1 << 20,
    minloglevel=2,
)
