"""Texts rewritten character by character: what a normalizer does where no character's neighbours matter.

A table says of each character whether it stays, is spelled anew, or makes the loop refuse its text, which the
library then normalizes. The same file takes blank lines out of a block and checks that it is UTF-8.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tokbench.native.kernels import count_abi as abi
from tokbench.native.kernels.count_split import HIGH_BITS, NONE, ONE, code_point
from tokbench.native.kernels.simd import Pointer, Whole, equal, inner, load64, lowest, not_inlined

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


@not_inlined
def _one(how: Rewriting, at: int, to: int) -> tuple[int, int]:
    """Write one character; where the next is read and written."""
    text, out = how.text, how.out
    code, length = (np.int64(text[at]), 1) if text[at] < 0x80 else code_point(text, at)
    action = how.actions[code]
    if action == abi.KEEP:
        for k in range(length):
            out[to + k] = text[at + k]
        return at + length, to + length
    if action == abi.REFUSE:
        return at + length, -1
    if action == abi.AS_BORDER:
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


LINE_FEED = 0x0A


@inner
def is_utf8(text: Pointer, end: int) -> Whole:
    """Whether these bytes are UTF-8; up to eight zeros have to follow them."""
    at = 0
    while at < end:
        high = load64(text, at) & HIGH_BITS
        if high == NONE:
            at += 8
            continue
        at += lowest(high) >> 3
        length = _length(text, at)
        if length == 0:
            return 0
        at += length
    return 1


@inner
def _length(text: Pointer, at: int) -> Whole:
    """The bytes of the character beyond ASCII that begins here; 0 when none does (Unicode, table 3-7)."""
    lead, second = text[at], text[at + 1]
    if lead < 0xC2 or lead > 0xF4 or second & 0xC0 != 0x80:
        return 0
    if lead < 0xE0:
        return 2
    if text[at + 2] & 0xC0 != 0x80:
        return 0
    if lead < 0xF0:
        short, surrogate = lead == 0xE0 and second < 0xA0, lead == 0xED and second > 0x9F
        return 0 if short or surrogate else 3
    short, beyond = lead == 0xF0 and second < 0x90, lead == 0xF4 and second > 0x8F
    return 0 if short or beyond or text[at + 3] & 0xC0 != 0x80 else 4


@inner
def sieve_lines(text: Pointer, end: int, out: Pointer, longest: int) -> tuple[int, int, int]:
    """Write all lines but the blank ones; how many are written and left out, and the bytes written.

    The first number is -1 when a line is longer than `longest`.
    """
    begun, waiting, written, texts, blanks = 0, 0, 0, 0, 0
    for at in range(0, end, 64):
        found = equal(text, at, LINE_FEED)
        while found != NONE:
            place = at + lowest(found)
            found &= found - ONE
            if place == begun or is_blank(text, begun, place):
                written = _copy(text, waiting, begun, out, written)
                waiting = place + 1
                blanks += 1
            elif place - begun > longest:
                return -1, 0, 0
            else:
                texts += 1
            begun = place + 1
    return texts, blanks, _copy(text, waiting, end, out, written)


@inner
def _copy(text: Pointer, start: int, end: int, out: Pointer, to: int) -> Whole:
    """Write these bytes; where the next go."""
    for k in range(end - start):
        out[to + k] = text[start + k]
    return to + end - start


@inner
def is_blank(text: Pointer, at: int, end: int) -> bool:
    """Whether all of these characters are white space to Python's str.isspace."""
    byte = text[at]
    if byte > 0x20 and byte < 0x80:
        return False
    return _all_white(text, at, end)


@not_inlined
def _all_white(text: Pointer, at: int, end: int) -> bool:
    while at < end:
        byte = text[at]
        if byte < 0x80:
            if byte > 0x20 or byte < 0x09 or (byte > 0x0D and byte < 0x1C):
                return False
            at += 1
            continue
        length = _white(text, at)
        if length == 0:
            return False
        at += length
    return True


@inner
def _white(text: Pointer, at: int) -> Whole:
    """The bytes of the white space beyond ASCII that begins here; 0 for any other character."""
    lead, second = text[at], text[at + 1]
    if lead == 0xC2:
        return 2 if second == 0x85 or second == 0xA0 else 0
    third = text[at + 2] if lead >= 0xE0 else np.uint8(0)
    if lead == 0xE2:
        quad = second == 0x80 and (third <= 0x8A or third == 0xA8 or third == 0xA9 or third == 0xAF)
        return 3 if quad or (second == 0x81 and third == 0x9F) else 0
    ogham = lead == 0xE1 and second == 0x9A and third == 0x80
    wide = lead == 0xE3 and second == 0x80 and third == 0x80
    return 3 if ogham or wide else 0
