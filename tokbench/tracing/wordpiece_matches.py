"""WordPiece, one word at a time: the longest match at every place. WordLevel: the whole word or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tokbench.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Match:
    """Characters start..end of the word are `token`; `tried` longer candidates are not in the vocabulary.

    `longest` is the first of those, the whole rest of the word.
    """

    start: int
    end: int
    token: str
    id: int
    tried: int
    longest: str


@dataclass(frozen=True, kw_only=True)
class Matching:
    """The matches in order. Where the word is unknown, `unknown` says why and its token is the only one.

    `tried` are then the candidates at the place where nothing matched.
    """

    kind: str = "matches"
    matches: tuple[Match, ...]
    unknown: str = ""
    unknown_token: str = ""
    unknown_id: int | None = None
    tried: tuple[str, ...] = ()


class WordPiece:
    """The WordPiece model of a tokenizer.json, ready to tell how it takes words apart."""

    def __init__(self, model: Mapping[str, Any]) -> None:
        self.vocab: Mapping[str, int] = model["vocab"]
        self._prefix: str = model["continuing_subword_prefix"]
        self._unknown: str = model["unk_token"]
        self._longest: int = model["max_input_chars_per_word"]

    def derive(self, word: str) -> Matching:
        """How the model takes this word apart, as the library does it."""
        if len(word) > self._longest:
            reason = f"it has {len(word)} characters, and max_input_chars_per_word is {self._longest}"
            return self._give_up((), reason)
        matches: list[Match] = []
        start = 0
        while start < len(word):
            tried: list[str] = []
            for end in range(len(word), start, -1):
                candidate = self.written(word, start, end)
                if candidate in self.vocab:
                    break
                tried.append(candidate)
            else:
                last = tried[-1]
                reason = f"nothing in the vocabulary begins its rest: not even {last!r} is a token"
                return self._give_up(tuple(matches), reason, tuple(tried))
            number = self.vocab[candidate]
            longest = tried[0] if tried else ""
            matches.append(
                Match(start=start, end=end, token=candidate, id=number, tried=len(tried), longest=longest)
            )
            start = end
        return Matching(matches=tuple(matches))

    def written(self, word: str, start: int, end: int) -> str:
        """Characters start..end of the word as the vocabulary writes them."""
        return (self._prefix if start else "") + word[start:end]

    def _give_up(self, matches: tuple[Match, ...], reason: str, tried: tuple[str, ...] = ()) -> Matching:
        if self._unknown not in self.vocab:
            raise UsageError(
                f"the unknown token {self._unknown} is not in the vocabulary", fix="add it to the vocabulary"
            )
        return Matching(
            matches=matches,
            unknown=reason,
            unknown_token=self._unknown,
            unknown_id=self.vocab[self._unknown],
            tried=tried,
        )


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
            raise UsageError(
                f"the unknown token {token} is not in the vocabulary", fix="add it to the vocabulary"
            )
        return Lookup(token=token, id=self.vocab[token], found=found)
