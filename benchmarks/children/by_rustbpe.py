"""Byte-level BPE by rustbpe, with GPT-2's pattern and as many merges: CORPUS VOCAB_SIZE OUTPUT."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import rustbpe

corpus, vocab_size, output = sys.argv[1:]
SPECIAL = 2  # of tokbench's vocabulary; rustbpe's has none
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def lines() -> Iterator[str]:
    """The texts: lines that are not blank."""
    with Path(corpus).open(encoding="utf-8", newline="\n") as file:
        for line in file:
            text = line.removesuffix("\n").removesuffix("\r")
            if text and not text.isspace():
                yield text


tokenizer = rustbpe.Tokenizer()
tokenizer.train_from_iterator(lines(), int(vocab_size) - SPECIAL, pattern=GPT2)
ranks = sorted(tokenizer.get_mergeable_ranks(), key=lambda each: each[1])
with Path(output).open("w", encoding="utf-8") as file:
    json.dump([bytes(token).hex() for token, _ in ranks], file)
