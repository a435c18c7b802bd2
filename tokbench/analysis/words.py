"""Words by the Unicode standard: "can't", "3.14", "한국어를" are one each, "x-y" two, 日本 two characters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import regex
from numpy.typing import NDArray

# Default word boundaries of UAX #29 (regex's WORD flag); of what lies between two of them a word is what
# holds a letter or a number, possibly after connectors such as the underscore. The standard leaves Thai,
# Chinese and Japanese to dictionaries; here each of their ideographs, and each of hiragana, is a word.
# Where a text or a line begins with marks, the standard has them stand alone and regex does not everywhere:
# they go with the word that follows.
_BEGIN = r"\b[\p{WB=Extend}\p{WB=Format}\p{WB=ZWJ}]*+\p{WB=ExtendNumLet}*+[\p{Alphabetic}\p{N}]"
BEGINS = regex.compile(_BEGIN, regex.WORD)
WHOLE = regex.compile(_BEGIN + r".*?\b", regex.WORD | regex.DOTALL)


def number_of_words(text: str) -> int:
    """How many words a text has.

    >>> number_of_words("It can't cost 3.14, 한국어를 said.")
    6
    """
    return sum(1 for _ in BEGINS.finditer(text))


def words(text: str) -> list[str]:
    """The words of a text.

    >>> words("x-y can't _a")
    ['x', 'y', "can't", '_a']
    """
    return [found.group() for found in WHOLE.finditer(text)]


def continued(text: str, spans: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """How many words of a text have two tokens or more, and how many words there are.

    spans: of each token, the characters of the text it stands for. A token belongs to the word that holds
    its last character, so that "␣the" belongs to "the"; one that is only part of a character holds that.

    >>> continued("the harbour", [(0, 3), (3, 7), (7, 11)])
    (1, 2)
    """
    found = [match.span() for match in WHOLE.finditer(text)]
    if not found or not spans:
        return 0, len(found)
    begins, ends = np.array(found).T
    starts, stops = np.array(spans).T
    tokens = _tokens_in(begins, ends, np.maximum(stops, starts + 1) - 1)
    return int(np.count_nonzero(tokens > 1)), len(found)


def _tokens_in(
    begins: NDArray[np.int64], ends: NDArray[np.int64], lasts: NDArray[np.int64]
) -> NDArray[np.int64]:
    """How many tokens have their last character in each word."""
    which = np.searchsorted(begins, lasts, side="right") - 1
    inside = (which >= 0) & (lasts < ends[which])
    return np.bincount(which[inside], minlength=len(begins))
