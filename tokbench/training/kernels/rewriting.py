"""Texts to texts, character by character: what a normalizer does where no character's neighbours matter."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tokbench.training.kernels.layout import AS_BORDER, KEEP, REFUSE
from tokbench.training.kernels.marking import HIGH_BITS, NONE, code_point
from tokbench.training.kernels.memory import Pointer, Whole, apart, equal, inner, load64, lowest

HIGH = np.uint8(0x80)


class Rewriting(NamedTuple):
    """A text, where its new form goes, and what becomes of each character.

    low: the byte that takes the place of a byte below 128; 128 when there is no such single byte.
    actions: by code point; places: where in `spellings` the length and the bytes of a code point stand.
    """

    text: Pointer
    out: Pointer
    low: Pointer
    actions: Pointer
    places: Pointer
    spellings: Pointer
    separator: int


@inner
def rewrite_text(how: Rewriting, start: int, end: int, to: int) -> int:
    """Write the new form of this text; return where that ends, or -1 if a character refuses."""
    at = start
    while at < end and to >= 0:
        fits = at + 8 <= end and load64(how.text, at) & HIGH_BITS == NONE
        if fits and _eight(how, at, to):
            at += 8
            to += 8
        else:
            at, to = _one(how, at, to)
    return to


@inner
def _eight(how: Rewriting, at: int, to: int) -> Whole:
    """Write eight characters below 128, if each becomes a byte; else what was written is written over."""
    seen = np.uint8(0)
    for k in range(8):
        byte = how.low[how.text[at + k]]
        how.out[to + k] = byte
        seen |= byte
    return seen < HIGH


@apart
def _one(how: Rewriting, at: int, to: int) -> tuple[int, int]:
    """Write one character; where the next is read and written."""
    text, out = how.text, how.out
    code, length = (np.int64(text[at]), 1) if text[at] < 0x80 else code_point(text, at)
    action = how.actions[code]
    if action == KEEP:
        for k in range(length):
            out[to + k] = text[at + k]
        return at + length, to + length
    if action == REFUSE:
        return at + length, -1
    if action == AS_BORDER:
        out[to] = how.separator
        return at + length, to + 1
    place = how.places[code]
    size = how.spellings[place]
    for k in range(size):
        out[to + k] = how.spellings[place + 1 + k]
    return at + length, to + size


@inner
def text_end(text: Pointer, start: int, end: int, separator: int) -> Whole:
    """Where the text that begins here ends."""
    for at in range(start, end, 64):
        found = equal(text, at, separator)
        if found != NONE:
            return min(end, at + lowest(found))
    return end
