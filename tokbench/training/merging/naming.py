"""The tokens' texts: what two symbols make, and whether there is such a token already."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tokbench.training.kernels.memory import Pointer, apart, inner
from tokbench.training.merging.layout import (
    EMPTY,
    LONGEST_BYTES,
    NAMES_BITS,
    PREFIX,
    SUFFIX,
    TOKENS,
    UNSEEN,
)

OFFSET, PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)  # FNV-1a, 64 bits
SPREAD, WORD = np.uint64(0x9E3779B97F4A7C15), np.uint64(64)


class Names(NamedTuple):
    """Texts of tokens, by id and back; affix: the prefix's bytes, then the suffix's."""

    text: Pointer
    starts: Pointer
    lengths: Pointer
    kinds: Pointer
    table: Pointer
    affix: Pointer


@inner
def same(text: Pointer, start: int, other: Pointer, begin: int, size: int) -> bool:
    """Whether two stretches of bytes are equal."""
    for k in range(size):  # noqa: SIM110 (numba has no all())
        if text[start + k] != other[begin + k]:
            return False
    return True


@apart
def join(job: Pointer, names: Names, left: int, right: int) -> int:
    """The id of the token that these two make; it is new when it is as high as TOKENS was."""
    number = job[TOKENS]
    start = names.starts[number]
    end = _copy(names, left, 0, start)
    skipped, prefix = 0, job[PREFIX]
    size = names.starts[right + 1] - names.starts[right]
    if size >= prefix and same(names.text, names.starts[right], names.affix, 0, prefix):
        skipped = prefix
    end = _copy(names, right, skipped, end)
    names.starts[number + 1] = end
    found = enter(job, names, number)
    if found == number:
        names.lengths[number] = _length(job, names, start, end)
        names.kinds[number] = UNSEEN
        job[LONGEST_BYTES] = max(job[LONGEST_BYTES], end - start)
        job[TOKENS] = number + 1
    return found


@apart
def _copy(names: Names, token: int, skipped: int, to: int) -> int:
    """Write a token's bytes, without the first ones, from `to` on; return where they end."""
    for k in range(names.starts[token] + skipped, names.starts[token + 1]):
        names.text[to] = names.text[k]
        to += 1
    return to


@apart
def enter(job: Pointer, names: Names, number: int) -> int:
    """The token with the text of this one: itself, then put in the table, or one that was there before."""
    start, size = names.starts[number], names.starts[number + 1] - names.starts[number]
    value = OFFSET
    for k in range(start, start + size):
        value = (value ^ np.uint64(names.text[k])) * PRIME
    bits = job[NAMES_BITS]
    slot = int(np.int64((value * SPREAD) >> (WORD - np.uint64(bits))))
    while names.table[slot] != EMPTY:
        other = int(names.table[slot])
        begin = names.starts[other]
        if names.starts[other + 1] - begin == size and same(names.text, begin, names.text, start, size):
            return other
        slot = (slot + 1) & ((1 << bits) - 1)
    names.table[slot] = number
    return number


@apart
def _length(job: Pointer, names: Names, start: int, end: int) -> int:
    """The characters of a text, its marks not counted."""
    prefix, suffix = job[PREFIX], job[SUFFIX]
    if end - start >= prefix and same(names.text, start, names.affix, 0, prefix):
        start += prefix
    if end - start >= suffix and same(names.text, end - suffix, names.affix, prefix, suffix):
        end -= suffix
    characters = 0
    for k in range(start, end):
        if names.text[k] & 0xC0 != 0x80:
            characters += 1
    return characters
