"""A vocabulary of whole words: found, or unknown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tokbench.errors import AskedWrongly


@dataclass(frozen=True, kw_only=True)
class Lookup:
    """The word is `token`; `found` is false where it is the unknown token."""

    kind: str = "lookup"
    token: str
    id: int
    found: bool


class WordLevel:
    """The WordLevel model of a tokenizer.json, ready to tell how it finds words."""

    def __init__(self, model: Mapping[str, Any]) -> None:
        self.vocab: Mapping[str, int] = model["vocab"]
        self._unknown: str = model["unk_token"]

    def derive(self, word: str) -> Lookup:
        """What the model finds for this word."""
        found = word in self.vocab
        token = word if found else self._unknown
        if token not in self.vocab:
            raise AskedWrongly(
                f"the unknown token {token} is not in the vocabulary", fix="run tokbench check"
            )
        return Lookup(token=token, id=self.vocab[token], found=found)
