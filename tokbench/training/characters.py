r"""What the tokenizers library takes each character for, asked of the library itself.

Its regex engine and its Rust code follow other versions of Unicode than Python's, and not the same:
17,144 code points are no \p{L} to it that are to Python's `regex`. So it is shown all, once per version.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
import tokenizers
from numpy.typing import NDArray
from tokenizers import NormalizedString, PreTokenizedString, Regex
from tokenizers.pre_tokenizers import BertPreTokenizer, PreTokenizer, Whitespace, WhitespaceSplit

from tokbench.training.keeping import kept

Table = NDArray[np.uint16]  # the flags below, by code point

# As the regex engine sees them, in ByteLevel and Split.
LETTER, NUMBER, SPACE, UPPER, LOWER, MARK = (1 << bit for bit in range(6))  # UPPER has the title case too
# As the Rust code sees them: Whitespace's \w and \s, BertPreTokenizer's punctuation, char::is_whitespace.
WORD, GAP, PUNCTUATION, WHITE = (1 << bit for bit in range(6, 10))
PATTERNS = {
    LETTER: r"\p{L}",
    NUMBER: r"\p{N}",
    SPACE: r"\s",
    UPPER: r"[\p{Lu}\p{Lt}]",
    LOWER: r"\p{Ll}",
    MARK: r"\p{M}",
}
SURROGATES = range(0xD800, 0xE000)


@cache
def characters() -> Table:
    """The flags of every code point; about 2 CPU seconds the first time, then read from the user's cache."""
    name = f"characters-1-{tokenizers.__version__}.bin"
    return np.frombuffer(kept(name, lambda: _ask().astype("<u2").tobytes()), dtype="<u2")


def _ask() -> Table:
    """Every code point, as the library takes it."""
    everything = "".join(map(chr, (*range(SURROGATES.start), *range(SURROGATES.stop, 0x110000))))
    table = np.zeros(0x110000, np.uint16)
    for flag, pattern in PATTERNS.items():
        rest = NormalizedString(everything).split(Regex(pattern), "removed")
        _set(table, flag, everything, (piece.normalized for piece in rest))
    _set(table, WHITE, everything, _pieces(WhitespaceSplit(), everything))
    _set(table, GAP, everything, _pieces(Whitespace(), everything))
    for piece in _pieces(Whitespace(), everything):
        if len(list(_pieces(Whitespace(), "a" + piece[0]))) == 1:
            _flag(table, WORD, piece)
    for piece in _pieces(BertPreTokenizer(), everything):
        if len(piece) == 1 and len(list(_pieces(BertPreTokenizer(), f"a{piece}a"))) == 3:
            _flag(table, PUNCTUATION, piece)
    return table


def _pieces(pre_tokenizer: PreTokenizer, text: str) -> Iterator[str]:
    """The words of a text; this way the library counts no characters for offsets, its slowest part."""
    words = PreTokenizedString(text)
    pre_tokenizer.pre_tokenize(words)
    return (piece for piece, _, _ in words.get_splits("original", "byte"))


def _set(table: Table, flag: int, everything: str, others: Iterator[str]) -> None:
    """Give the flag to all characters but these."""
    _flag(table, flag, everything)
    for piece in others:
        table[_codes(piece)] &= ~np.uint16(flag)


def _flag(table: Table, flag: int, text: str) -> None:
    table[_codes(text)] |= np.uint16(flag)


def _codes(text: str) -> NDArray[np.uint32]:
    """The code points of a text."""
    return np.frombuffer(text.encode("utf-32-le"), dtype="<u4")
