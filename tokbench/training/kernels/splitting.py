"""Flags to words by masks of 64 bytes: the splits in which a byte and its two neighbours decide."""

from __future__ import annotations

import numpy as np

from tokbench.training.kernels.layout import (
    ALONE,
    BEGINS,
    BLANK,
    BORDER,
    BREAK,
    FIRST_RUN,
    GLUED,
    LETTER,
    NEXT,
    NUMBER,
    SECOND_RUN,
    SPACE,
)
from tokbench.training.kernels.marking import NONE, ONE, Page
from tokbench.training.kernels.memory import Pointer, Word, having, inner, lowest

ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
SOMETHING = LETTER | NUMBER | SPACE | BORDER


@inner
def split_gpt2(page: Page, spans: Pointer, start: int, end: int) -> int:
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
def _gpt2_begins(page: Page, at: int) -> Word:
    """Which of these 64 bytes begin a word or a border."""
    flags = page.flags
    space, border = having(flags, at, SPACE), having(flags, at, BORDER)
    runs = _run_begins(flags, at, LETTER) | _run_begins(flags, at, NUMBER)
    runs |= ~having(flags, at, SOMETHING) & having(flags, at - 1, SOMETHING)
    runs &= ~having(flags, at - 1, BLANK)  # the blank before a run is part of its word
    last = space & ~having(flags, at + 1, SPACE | BORDER) & ~having(page.text, at, 0x80)
    spaces = _run_begins(flags, at, SPACE) | last
    return (runs | spaces | border | having(flags, at, BREAK)) & ~having(flags, at, GLUED)


@inner
def _run_begins(flags: Pointer, at: int, kind: int) -> Word:
    """Which of these 64 bytes are of this kind and follow one that is not."""
    return having(flags, at, kind) & ~having(flags, at - 1, kind)


@inner
def _inside(at: int, end: int) -> Word:
    """A mask of the bytes from here to the end, if that comes within 64 bytes."""
    return ALL if end - at >= 64 else (ONE << np.uint64(end - at)) - ONE


@inner
def _write(page: Page, spans: Pointer, number: int, begun: int, end: int) -> int:
    """Add a span, unless it is a border or empty; without a branch, since no one could predict it."""
    spans[2 * number] = begun
    spans[2 * number + 1] = end
    return number + (begun < end and page.flags[begun] & BORDER == 0)


@inner
def split_runs(page: Page, spans: Pointer, start: int, end: int) -> int:
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
    first = having(flags, at, FIRST_RUN) & ~having(flags, at - 1, FIRST_RUN | BEGINS)
    runs = first | _run_begins(flags, at, SECOND_RUN) | _run_begins(flags, at, BORDER)
    return runs | having(flags, at, ALONE | BEGINS) & ~having(flags, at, NEXT)
