"""Bytes to flags: what each byte's character is, so that the splits need no code points."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tokbench.training.kernels.layout import (
    BLANK,
    BORDER,
    BREAK,
    GLUED,
    LETTER,
    NEXT,
    NUMBER,
    SPACE,
)
from tokbench.training.kernels.memory import Pointer, apart, equal, having, inner, load64, lowest

HIGH_BITS = np.uint64(0x8080808080808080)
NONE, ONE = np.uint64(0), np.uint64(1)
NO_LEAD = 0xF8
APOSTROPHE = ord("'")
D, E, L, M, R, S, T, V = b"delmrstv"


class Page(NamedTuple):
    """The text at work, tables of classes, and the flags of its bytes."""

    text: Pointer
    low: Pointer
    classes: Pointer
    flags: Pointer


@inner
def code_point(text: Pointer, at: int) -> tuple[int, int]:
    """The code point that begins here with a byte of 128 or more, and its length; any bytes give some."""
    lead = text[at]
    if lead < 0xE0:
        return (lead & 0x1F) << 6 | text[at + 1] & 0x3F, 2
    if lead < 0xF0:
        return (lead & 0x0F) << 12 | (text[at + 1] & 0x3F) << 6 | text[at + 2] & 0x3F, 3
    tail = (text[at + 1] & 0x3F) << 12 | (text[at + 2] & 0x3F) << 6 | text[at + 3] & 0x3F
    return (lead & 0x07) << 18 | tail, 4


@inner
def mark(page: Page, start: int, end: int) -> None:
    """Write the flags of the bytes from start to end; up to seven bytes beyond may be marked too."""
    at = start
    while at < end:
        if load64(page.text, at) & HIGH_BITS == NONE:
            for k in range(8):
                page.flags[at + k] = page.low[page.text[at + k]]
            at += 8
        else:
            at = _mark_one(page, at)


@inner
def _mark_one(page: Page, at: int) -> int:
    """Mark one character; return where the next one begins."""
    byte = page.text[at]
    if (
        byte < 0x80 or byte >= NO_LEAD
    ):  # the latter is in no UTF-8, so it may part texts that hold any character
        page.flags[at] = page.low[byte]
        return at + 1
    code, length = code_point(page.text, at)
    flags = page.classes[code]
    page.flags[at] = flags
    for k in range(1, length):
        page.flags[at + k] = flags | NEXT
    return at + length


@inner
def mark_gpt2(page: Page, start: int, end: int) -> None:
    """Mark where GPT-2's split looks further than a neighbour: contractions, white space of several bytes."""
    for at in range(start, end, 64):
        found = equal(page.text, at, APOSTROPHE)
        while found != NONE:
            _mark_contraction(page, at + lowest(found))
            found &= found - ONE
        found = having(page.flags, at, SPACE) & having(page.text, at, 0x80)
        while found != NONE:
            _mark_wide_space(page, at + lowest(found))
            found &= found - ONE


@apart
def _mark_contraction(page: Page, at: int) -> None:
    r"""'s, 't, 're, 've, 'm, 'll, 'd, where the apostrophe begins a word: not in "''s", not in " 's"."""
    before = page.flags[at - 1]
    if before & (LETTER | NUMBER | SPACE | BORDER) and not before & BLANK:
        length = contraction(page.text, at)
        if length:
            page.flags[at + 1] |= GLUED
            page.flags[at + length] |= BREAK


@apart
def contraction(text: Pointer, at: int) -> int:
    """The length of the contraction that begins at this apostrophe, or 0."""
    first, second = text[at + 1], text[at + 2]
    if first in (S, T, M, D):
        return 2
    if (second == E and first in (R, V)) or (second == L and first == L):
        return 3
    return 0


@apart
def _mark_wide_space(page: Page, at: int) -> None:
    """The last white space before something else begins a word; of those with several bytes, their first."""
    if page.flags[at] & NEXT:
        return
    _, length = code_point(page.text, at)
    if not page.flags[at + length] & (SPACE | BORDER):
        page.flags[at] |= BREAK
