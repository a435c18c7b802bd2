"""Words of a text, by masks of 64 bytes: where a byte and its two neighbours decide, no loop looks at bytes.

Each byte gets the flags of its character (letter, number, space, …). A mask has a bit for each of 64 bytes
that have some flag; masks shifted by one and joined by and, or, not tell where a word begins; and the places
of the bits are the spans. Contractions and wide spaces, which need more, are marked beforehand.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tokbench.native.kernels import count_abi as abi
from tokbench.native.kernels.simd import (
    Pointer,
    Whole,
    Word,
    equal,
    having,
    inner,
    load64,
    lowest,
    not_inlined,
)

HIGH_BITS = np.uint64(0x8080808080808080)
NONE, ONE = np.uint64(0), np.uint64(1)
NO_LEAD = 0xF8
APOSTROPHE = ord("'")
D, E, L, M, R, S, T, V = b"delmrstv"


class TextPage(NamedTuple):
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
def mark(page: TextPage, start: int, end: int) -> None:
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
def _mark_one(page: TextPage, at: int) -> int:
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
        page.flags[at + k] = flags | abi.NEXT
    return at + length


@inner
def mark_gpt2(page: TextPage, start: int, end: int) -> None:
    """Mark where GPT-2's split looks further than a neighbour: contractions, white space of several bytes."""
    for at in range(start, end, 64):
        found = equal(page.text, at, APOSTROPHE)
        while found != NONE:
            _mark_contraction(page, at + lowest(found))
            found &= found - ONE
        found = having(page.flags, at, abi.SPACE) & having(page.text, at, 0x80)
        while found != NONE:
            _mark_wide_space(page, at + lowest(found))
            found &= found - ONE


@not_inlined
def _mark_contraction(page: TextPage, at: int) -> None:
    r"""'s, 't, 're, 've, 'm, 'll, 'd, where the apostrophe begins a word: not in "''s", not in " 's"."""
    before = page.flags[at - 1]
    if before & (abi.LETTER | abi.NUMBER | abi.SPACE | abi.BORDER) and not before & abi.BLANK:
        length = contraction(page.text, at)
        if length:
            page.flags[at + 1] |= abi.GLUED
            page.flags[at + length] |= abi.BREAK


@not_inlined
def contraction(text: Pointer, at: int) -> int:
    """The length of the contraction that begins at this apostrophe, or 0."""
    first, second = text[at + 1], text[at + 2]
    if first in (S, T, M, D):
        return 2
    if (second == E and first in (R, V)) or (second == L and first == L):
        return 3
    return 0


@not_inlined
def _mark_wide_space(page: TextPage, at: int) -> None:
    """The last white space before something else begins a word; of those with several bytes, their first."""
    if page.flags[at] & abi.NEXT:
        return
    _, length = code_point(page.text, at)
    if not page.flags[at + length] & (abi.SPACE | abi.BORDER):
        page.flags[at] |= abi.BREAK


ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
SOMETHING = abi.LETTER | abi.NUMBER | abi.SPACE | abi.BORDER


@inner
def split_gpt2(page: TextPage, spans: Pointer, start: int, end: int) -> int:
    r"""'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+, as spans; how many."""
    number, begun = 0, start
    for at in range(start, end, 64):
        begins = _gpt2_begins(page, at) & _inside(at, end)
        while begins != NONE:
            place = at + lowest(begins)
            begins &= begins - ONE
            number = _write(page, spans, number, begun, place)
            begun = place
    return _write(page, spans, number, begun, end)


@inner
def _gpt2_begins(page: TextPage, at: int) -> Word:
    """Which of these 64 bytes begin a word or a border."""
    flags = page.flags
    space, border = having(flags, at, abi.SPACE), having(flags, at, abi.BORDER)
    runs = _run_begins(flags, at, abi.LETTER) | _run_begins(flags, at, abi.NUMBER)
    runs |= ~having(flags, at, SOMETHING) & having(flags, at - 1, SOMETHING)
    runs &= ~having(flags, at - 1, abi.BLANK)  # the blank before a run is part of its word
    last = space & ~having(flags, at + 1, abi.SPACE | abi.BORDER) & ~having(page.text, at, 0x80)
    spaces = _run_begins(flags, at, abi.SPACE) | last
    return (runs | spaces | border | having(flags, at, abi.BREAK)) & ~having(flags, at, abi.GLUED)


@inner
def _run_begins(flags: Pointer, at: int, kind: int) -> Word:
    """Which of these 64 bytes are of this kind and follow one that is not."""
    return having(flags, at, kind) & ~having(flags, at - 1, kind)


@inner
def _inside(at: int, end: int) -> Word:
    """A mask of the bytes from here to the end, if that comes within 64 bytes."""
    return ALL if end - at >= 64 else (ONE << np.uint64(end - at)) - ONE


@inner
def _write(page: TextPage, spans: Pointer, number: int, begun: int, end: int) -> int:
    """Add a span, unless it is a border or empty; without a branch, since no one could predict it."""
    spans[2 * number] = begun
    spans[2 * number + 1] = end
    return number + (begun < end and page.flags[begun] & abi.BORDER == 0)


@inner
def split_runs(page: TextPage, spans: Pointer, start: int, end: int) -> int:
    """Runs of like characters, with characters that stand alone or begin a run, as spans; how many."""
    number, begun = 0, start
    for at in range(start, end, 64):
        begins = _runs_begin(page.flags, at) & _inside(at, end)
        while begins != NONE:
            place = at + lowest(begins)
            begins &= begins - ONE
            number = _write(page, spans, number, begun, place)
            begun = place
    return _write(page, spans, number, begun, end)


@inner
def _runs_begin(flags: Pointer, at: int) -> Word:
    """Which of these 64 bytes begin a word or a border."""
    within = having(flags, at - 1, abi.FIRST_RUN | abi.BEGINS | abi.JOINED)
    joined = having(flags, at, abi.JOINED) & ~having(flags, at - 1, abi.JOINED | abi.HOLDS)
    first = having(flags, at, abi.FIRST_RUN) & ~within | joined
    runs = first | _run_begins(flags, at, abi.SECOND_RUN) | _run_begins(flags, at, abi.BORDER)
    return runs | having(flags, at, abi.ALONE | abi.BEGINS) & ~having(flags, at, abi.NEXT)


SLASH, BLANK_BYTE = ord("/"), ord(" ")
LONG_S = (0xC5, 0xBF)  # U+017F in UTF-8: an s to a regex that ignores case
LOWER_CASE = 0x20  # the bit that makes an ASCII letter small
WORDISH = (
    abi.UPPERISH | abi.LOWERISH
)  # letters, and in o200k marks, which have MARK too; in cl100k letters are both


@inner
def split_pattern(page: TextPage, spans: Pointer, job: Pointer, end: int) -> int:
    """The words of the texts from the job's start on as spans; how many."""
    number, at, kind, digits = 0, job[abi.START], job[abi.KIND], job[abi.DIGITS]
    while at < end:
        if page.flags[at] & abi.BORDER:
            at += 1
        else:
            stop = (
                _cl100k_word(page, at, digits) if kind == abi.CL100K else _o200k_word(page, at, digits, kind)
            )
            spans[2 * number], spans[2 * number + 1] = at, stop
            number += 1
            at = stop
    return number


@not_inlined
def _cl100k_word(page: TextPage, at: int, digits: int) -> Whole:
    """The end of the word that begins here."""
    flags = page.flags
    here = flags[at]
    if here & WORDISH:
        return _run(flags, at, WORDISH)
    if here & abi.DIGIT:
        return _some(flags, at, abi.DIGIT, digits)
    if page.text[at] == APOSTROPHE:
        stop = _contraction(page.text, at)
        if stop > at:
            return stop
    after = _after(flags, at)
    if not here & abi.NEWLINE and flags[after] & WORDISH:
        return _run(flags, after, WORDISH)
    return _others_or_space(page, at, BLANK_BYTE)


@not_inlined
def _o200k_word(page: TextPage, at: int, digits: int, kind: int) -> Whole:
    """The end of the word that begins here; tekken's words have no contractions."""
    flags = page.flags
    here = flags[at]
    if here & abi.DIGIT:
        return _some(flags, at, abi.DIGIT, digits)
    letter = here & WORDISH and not here & abi.MARK
    after = at if letter or here & abi.NEWLINE else _after(flags, at)
    stop = _lower_word(flags, after)
    if stop == after:
        after, stop = at, _lower_word(flags, at)
    if stop == after:
        after = at if letter or here & abi.NEWLINE else _after(flags, at)
        stop = _upper_word(flags, after)
    if stop == after:
        after, stop = at, _upper_word(flags, at)
    if stop == after:
        return _others_or_space(page, at, SLASH)
    if page.text[stop] == APOSTROPHE and kind == abi.O200K:
        return _contraction(page.text, stop)
    return stop


@inner
def _lower_word(flags: Pointer, at: int) -> int:
    """U*D+: back to the last character that may be either, if none follows that is D."""
    first = stop = at
    while flags[first] & abi.UPPERISH:
        first += 1
        if flags[first - 1] & abi.LOWERISH:
            stop = first
    lower = _run(flags, first, abi.LOWERISH)
    return lower if lower > first else stop


@inner
def _upper_word(flags: Pointer, at: int) -> int:
    """U+D*."""
    first = _run(flags, at, abi.UPPERISH)
    return _run(flags, first, abi.LOWERISH) if first > at else at


@inner
def _run(flags: Pointer, at: int, kind: int) -> int:
    """The end of a run of characters of these kinds."""
    while flags[at] & kind:
        at += 1
    return at


@inner
def _some(flags: Pointer, at: int, kind: int, most: int) -> int:
    """The end of a run of characters of a kind, but no more than so many."""
    number = 0
    while number < most and flags[at] & kind:
        at = _after(flags, at)
        number += 1
    return at


@inner
def _after(flags: Pointer, at: int) -> int:
    """Where the next character begins."""
    at += 1
    while flags[at] & abi.NEXT:
        at += 1
    return at


@not_inlined
def _contraction(text: Pointer, at: int) -> int:
    """C, where there is an apostrophe."""
    first, second = text[at + 1], text[at + 2]
    if (first, second) == LONG_S:
        return at + 3
    first, second = first | LOWER_CASE, second | LOWER_CASE
    if first in (S, T, M, D):
        return at + 2
    if (second == E and first in (R, V)) or (second == L and first == L):
        return at + 3
    return at


@inner
def _others_or_space(page: TextPage, at: int, also: int) -> Whole:
    r"""?[^\s\p{L}\p{N}]+[\r\n]*, with one byte that may be among the line ends; else white space."""
    flags, text = page.flags, page.text
    first = at + (text[at] == BLANK_BYTE)
    stop = first
    while _is_other(flags[stop]):
        stop += 1
    if stop == first:
        return _space(flags, at)
    while (flags[stop] & abi.NEWLINE and flags[stop] & abi.SPACE) or text[stop] == also == SLASH:
        stop += 1
    return stop


@inner
def _is_other(flag: int) -> bool:
    """Whether a character is no white space, letter, number or border; a mark is other too."""
    return not flag & (abi.SPACE | abi.DIGIT | abi.BORDER) and (not flag & WORDISH or flag & abi.MARK != 0)


@inner
def _space(flags: Pointer, at: int) -> int:
    r"""\s*[\r\n]+|\s+(?!\S)|\s+."""
    stop, line, last = at, at, at
    while flags[stop] & abi.SPACE:
        if flags[stop] & abi.NEWLINE:
            line = stop + 1
        if not flags[stop] & abi.NEXT:
            last = stop
        stop += 1
    if line > at:
        return line
    return stop if flags[stop] & abi.BORDER or last == at else last


@inner
def split_strip(page: TextPage, spans: Pointer, job: Pointer, end: int) -> int:
    """Write the spans of a strip's words; how many."""
    if job[abi.KIND] == abi.GPT2:
        mark_gpt2(page, job[abi.START], end)
        return split_gpt2(page, spans, job[abi.START], end)
    if job[abi.KIND] == abi.RUNS:
        return split_runs(page, spans, job[abi.START], end)
    return split_pattern(page, spans, job, end)
