"""Texts of a block: where they end, which of them hold a token that is matched whole, what they become."""

from __future__ import annotations

from typing import NamedTuple

from tokbench.training.kernels import layout as at
from tokbench.training.kernels.marking import NONE, ONE
from tokbench.training.kernels.memory import Pointer, Whole, apart, as_bytes, as_places, equal, inner, lowest
from tokbench.training.kernels.patterns import BLANK_BYTE
from tokbench.training.kernels.rewriting import Rewriting, rewrite_text, text_end
from tokbench.training.lookup.layout import (
    EMPTY,
    ENDS,
    FEW,
    FIRST_COUNT,
    FIRSTS,
    HEADS,
    MATCHED,
    NEEDLE_COUNT,
    NEEDLE_ENDS,
    NEEDLES,
    PLAIN,
    REFUSED,
    STATES,
    TEXTS,
)
from tokbench.training.lookup.trie import whole


class Needles(NamedTuple):
    """What to look for, sorted: the bytes, where each ends, which is the first to begin with two bytes."""

    utf8: Pointer
    ends: Pointer
    number: int
    heads: Pointer
    firsts: Pointer
    first_count: int


@inner
def part(job: Pointer, table: Pointer) -> None:
    """Write down where the texts end; each is followed by the separator."""
    text, ends = as_bytes(table[at.TEXT]), as_places(job[ENDS])
    begin = 0
    for number in range(job[TEXTS]):
        end = text_end(text, begin, table[at.END], table[at.SEPARATOR])
        ends[number + 1] = end
        begin = end + 1


@inner
def search(job: Pointer, table: Pointer) -> None:
    """Note which texts hold a needle, and make them empty."""
    text, ends, states = as_bytes(table[at.TEXT]), as_places(job[ENDS]), as_bytes(job[STATES])
    needles = Needles(
        as_bytes(job[NEEDLES]),
        as_places(job[NEEDLE_ENDS]),
        job[NEEDLE_COUNT],
        as_places(job[HEADS]),
        as_bytes(job[FIRSTS]),
        job[FIRST_COUNT],
    )
    for number in range(job[TEXTS]):
        begin, end = ends[number] + 1, ends[number + 1]
        if states[number] == PLAIN and _has_needle(needles, text, begin, end):
            states[number] = MATCHED
            for place in range(begin, end):
                text[place] = table[at.SEPARATOR]


@inner
def _has_needle(needles: Needles, text: Pointer, begin: int, end: int) -> Whole:
    """Whether a needle stands between begin and end."""
    if needles.first_count > FEW:
        for place in range(begin, end):  # noqa: SIM110  numba has no any()
            if _is_needle(needles, text, place, end):
                return True
        return False
    for place in range(begin, end, 64):
        found = NONE
        for k in range(needles.first_count):
            found |= equal(text, place, needles.firsts[k])
        while found != NONE:
            if _is_needle(needles, text, place + lowest(found), end):
                return True
            found &= found - ONE
    return False


@inner
def _is_needle(needles: Needles, text: Pointer, place: int, end: int) -> Whole:
    """Whether a needle begins here and ends before the text does."""
    number = needles.heads[whole(text[place]) << 8 | whole(text[place + 1])]
    return number != EMPTY and place < end and _is_one_of(needles, number, text, place, end)


@apart
def _is_one_of(needles: Needles, number: int, text: Pointer, place: int, end: int) -> bool:
    """Whether this needle, or one after it that begins with the same byte, stands here."""
    while number < needles.number:
        begin = needles.ends[number]
        size = needles.ends[number + 1] - begin
        if needles.utf8[begin] > text[place]:
            return False
        same = place + size <= end
        k = 0
        while same and k < size:
            same = needles.utf8[begin + k] == text[place + k]
            k += 1
        if same:
            return True
        number += 1
    return False


@inner
def rewrite_texts(job: Pointer, table: Pointer) -> None:
    """Write the new form of every text that is still plain; the others become empty."""
    text, out, ends = as_bytes(table[at.TEXT]), as_bytes(table[at.OUT]), as_places(job[ENDS])
    low, actions = as_bytes(table[at.LOW_MAP]), as_bytes(table[at.ACTIONS])
    places, spellings = as_places(table[at.PLACES]), as_bytes(table[at.SPELLINGS])
    states = as_bytes(job[STATES])
    how = Rewriting(text, out, low, actions, places, spellings, table[at.SEPARATOR])
    begin, to = 0, 0
    for number in range(job[TEXTS]):
        end, stop = whole(ends[number + 1]), to
        if states[number] == PLAIN and begin < end:
            stop = _rewritten(how, begin, end, to, table[at.PREFIX])
            if stop < 0:
                states[number], stop = REFUSED, to
        out[stop] = how.separator
        ends[number + 1] = stop
        begin, to = end + 1, stop + 1
    table[at.WRITTEN] = to


@inner
def _rewritten(how: Rewriting, begin: int, end: int, to: int, prefix: int) -> Whole:
    """Write one text, with a blank before it if it needs one; return where it ends, or -1 if it refuses."""
    stop = rewrite_text(how, begin, end, to + prefix)
    if stop == to + prefix:
        return to
    if prefix and stop > 0:  # a second blank is made an empty text of its own
        how.out[to] = how.separator if how.out[to + 1] == BLANK_BYTE else BLANK_BYTE
    return stop
