"""Pieces such as <0x41> that spell a character nobody has seen, byte by byte.

A trainer lets them in only as special tokens; then decoding would skip them, and `<0x41>` written in a text
would be taken for one. So they are made ordinary pieces afterwards.
"""

from __future__ import annotations

import json
from typing import Any

from tokenizers import Tokenizer

BYTES = tuple(f"<0x{byte:02X}>" for byte in range(256))
LETTERS = tuple(sorted(set("".join(BYTES))))


def make_ordinary(tokenizer: Tokenizer) -> Tokenizer:
    """The same tokenizer with its byte pieces no longer special, and used for what is unknown."""
    data = json.loads(tokenizer.to_str())
    data["added_tokens"] = [each for each in data["added_tokens"] if each["content"] not in BYTES]
    data["model"]["byte_fallback"] = True
    if data["model"]["type"] == "Unigram":
        _make_dear(data["model"]["vocab"])
    else:  # a corpus that writes <0x0A> often teaches a merge to it
        data["model"]["merges"] = [pair for pair in data["model"]["merges"] if "".join(pair) not in BYTES]
    return Tokenizer.from_str(json.dumps(data))


def _make_dear(vocab: list[list[Any]]) -> None:
    """Score the byte pieces below any other way to write them.

    Unigram takes the way with the highest sum of scores. All six characters of `<0x41>` are in the vocabulary
    (LETTERS), each at the lowest score or above, so a text that holds them is never read as the byte.
    """
    lowest = min((score for piece, score in vocab if piece not in BYTES), default=0.0)
    for entry in vocab:
        if entry[0] in BYTES:
            entry[1] = 7 * lowest - 1
