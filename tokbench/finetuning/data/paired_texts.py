"""Texts as two tokenizers have them: which token of the one ends where one of the other does."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from tokbench.finetuning.data.tokenize import UNLABELLED, EncodedRows, Units
from tokbench.io.library_errors import wrap_library_errors
from tokbench.native.ragged import Ids, ragged, starts_of

AT_ONCE = 256  # texts that the library is given
CHARACTERS = 8  # a token of the limit, of which a text has more, is cut before it is encoded


@dataclass(frozen=True)
class TextReader:
    """A tokenizer that neither cuts nor pads, and how many tokens its model takes."""

    tokenizer: Tokenizer
    name: str
    limit: int

    def read(self, texts: Sequence[str]) -> list[Encoding]:
        """Their encodings, special tokens included."""
        with wrap_library_errors(f"the tokenizer in {self.name}"):
            return list(self.tokenizer.encode_batch(texts))

    def inside(self, texts: Sequence[str]) -> tuple[list[int], ...]:
        """Their ids, without special tokens."""
        with wrap_library_errors(f"the tokenizer in {self.name}"):
            return tuple(each.ids for each in self.tokenizer.encode_batch(texts, add_special_tokens=False))


@dataclass(frozen=True)
class PairedText:
    """A text, its encoding by a tokenizer, and by another where there is one."""

    text: str
    own: Encoding
    other: Encoding | None

    @property
    def places(self) -> NDArray[np.int64]:
        """For each token the place of the other tokenizer's that ends at the same character; else -100.

        Special tokens that a template adds are counted from the front, where both have as many.
        """
        found = np.full(len(self.own.ids), UNLABELLED, np.int64)
        assert self.other is not None
        known = _ends(self.other)
        for end, at in _ends(self.own).items():
            found[at] = known.get(end, UNLABELLED)
        mine, theirs = (np.flatnonzero(each.special_tokens_mask) for each in (self.own, self.other))
        if len(mine) == len(theirs):
            found[mine] = theirs
        return found


def _ends(encoding: Encoding) -> dict[int, int]:
    """Where tokens end in the text → the last token that ends there."""
    ends = {}
    for at, ((start, end), special) in enumerate(
        zip(encoding.offsets, encoding.special_tokens_mask, strict=True)
    ):
        if end > start and not special:
            ends[end] = at
    return ends


def paired_texts(
    texts: Iterable[Sequence[str]], own: TextReader, other: TextReader | None, chosen: NDArray[np.bool_]
) -> Iterator[PairedText]:
    """The texts that have one of the `chosen` ids (V,), cut between words to what both models take."""
    waiting = deque[str]()
    for batch in texts:
        waiting.extend(piece for text in batch for piece in _cut(text, CHARACTERS * own.limit))
        while len(waiting) >= AT_ONCE:
            yield from _read(waiting, own, other, chosen)
    while waiting:
        yield from _read(waiting, own, other, chosen)


def _read(
    waiting: deque[str], own: TextReader, other: TextReader | None, chosen: NDArray[np.bool_]
) -> Iterator[PairedText]:
    """Some of the texts that wait; what is too long waits again, in two parts."""
    texts = [waiting.popleft() for _ in range(min(AT_ONCE, len(waiting)))]
    read = zip(texts, own.read(texts), strict=True)
    some = [(text, encoding) for text, encoding in read if chosen[encoding.ids].any()]
    theirs = [None] * len(some) if other is None else other.read([text for text, _ in some])
    again = []
    for (text, one), two in zip(some, theirs, strict=True):
        ends = [_end(one, own.limit)]
        if two is not None and other is not None:
            ends.append(_end(two, other.limit))
        last = min((end for end in ends if end is not None), default=None)
        found = PairedText(text, one, two)
        if last is not None:
            again += [piece for piece in _halves(text, last) if piece.strip()]
        elif two is None or (found.places != UNLABELLED).any():
            yield found
    waiting.extendleft(reversed(again))


def _end(encoding: Encoding, limit: int) -> int | None:
    """Where the text has to end so that its tokens are no more than the limit; None where it fits."""
    if len(encoding.ids) <= limit:
        return None
    marks = encoding.special_tokens_mask
    ends = [end for (_, end), special in zip(encoding.offsets, marks, strict=True) if not special]
    return ends[max(0, limit - sum(marks) - 1)]


def _halves(text: str, end: int) -> tuple[str, ...]:
    """The text up to the last space before `end`, and what is left; nothing where it cannot be cut."""
    at = text.rfind(" ", 1, end)
    at = at if at > 0 else min(end, len(text) - 1)
    return (text[:at], text[at:]) if at > 0 else ()


def _cut(text: str, longest: int) -> Iterator[str]:
    """The text in pieces of so many characters at most, between words where there are some."""
    while len(text) > longest:
        at = text.rfind(" ", 1, longest)
        at = at if at > 0 else longest
        yield text[:at]
        text = text[at:]
    yield text


@dataclass(frozen=True)
class PairedRows:
    """Rows to train on, labelled with places among all tokens of `others`, and the texts themselves."""

    rows: EncodedRows
    others: EncodedRows | None
    texts: tuple[str, ...]


def rows_of(found: Sequence[PairedText], labels: Sequence[Sequence[int]] | None = None) -> PairedRows:
    """The texts as rows; their labels are places of the other tokenizer's tokens, unless they are given."""
    others = None
    if all(each.other is not None for each in found):
        others = _encoded([each.other for each in found], None)
    if labels is None and others is not None:
        starts = others.starts
        places = (each.places for each in found)
        labels = [np.where(own < 0, own, own + starts[row]).tolist() for row, own in enumerate(places)]
    return PairedRows(
        _encoded([each.own for each in found], labels), others, tuple(each.text for each in found)
    )


def _encoded(encodings: Sequence[Any], labels: Sequence[Sequence[int]] | None) -> EncodedRows:
    own = ragged([each.ids for each in encodings])
    types = ragged([each.type_ids for each in encodings]).ids
    flat = own.ids if labels is None else ragged(labels).ids
    return EncodedRows(own.ids, own.starts, types, flat, 0, units=_none(len(own)))


def _none(rows: int) -> Units:
    """No words: labels stand one a token."""
    nothing: Ids = np.zeros(0, np.int64)
    return Units(nothing, np.zeros(0, np.bool_), nothing, starts_of([0] * rows))
