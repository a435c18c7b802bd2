"""Tokens that the library matches whole, before any word is found: what texts are searched for."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from tokbench.training.lookup import layout as of


class Needles:
    """Strings to look for, as the compiled search wants them."""

    def __init__(self, strings: Iterable[str]) -> None:
        utf8 = sorted({each.encode() for each in strings})
        self._utf8 = np.frombuffer(b"".join(utf8) or b"\0", np.uint8)
        self._ends = np.cumsum([0, *map(len, utf8)], dtype=np.int32)
        self._heads = np.full(of.HEAD_PAIRS, of.EMPTY, np.int32)
        for number in reversed(range(len(utf8))):
            head = utf8[number][0] << 8
            if len(utf8[number]) == 1:
                self._heads[head : head + 0x100] = number
            else:
                self._heads[head | utf8[number][1]] = number
        self._firsts: NDArray[np.uint8] = np.unique(np.array([each[0] for each in utf8], np.uint8))
        self.strings = frozenset(each.decode() for each in utf8)

    def point(self, job: NDArray[np.int64]) -> None:
        """Write the addresses into a job, which must not outlive this."""
        for field, array in (
            (of.NEEDLES, self._utf8),
            (of.NEEDLE_ENDS, self._ends),
            (of.HEADS, self._heads),
            (of.FIRSTS, self._firsts),
        ):
            job[field] = array.ctypes.data
        job[[of.NEEDLE_COUNT, of.FIRST_COUNT]] = len(self._ends) - 1, len(self._firsts)

    def among(self, text: str) -> bool:
        """Whether the text holds one of them."""
        return any(each in text for each in self.strings)


def needles_of(tokenizer: Tokenizer) -> tuple[Needles, Needles] | str:
    """What to look for in texts as they are, and in normalized ones; or why no search tells what matches.

    A text that holds none has no match. One that does may have one: single_word and special decide that.
    """
    added = tokenizer.get_added_tokens_decoder().values()
    plain = {each.content for each in added if not each.normalized}
    normalized = {each.content for each in added if each.normalized}
    if tokenizer.normalizer is not None:
        normalized |= {tokenizer.normalizer.normalize_str(each) for each in normalized}
    if "" in plain | normalized:
        return "an added token is nothing once it is normalized"
    return Needles(plain), Needles(normalized)
