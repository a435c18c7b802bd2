"""Two tokenizers on one text: where they cut alike and where they do not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokbench.results import Result

if TYPE_CHECKING:
    from tokbench.tracing.steps import Token, Trace


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """The shortest stretch of text, characters start..end, at whose ends both tokenizers cut.

    `left` and `right` are the tokens each has there, specials left out; `same` whether they cut alike,
    spaces at a token's ends not counted.
    """

    start: int
    end: int
    text: str
    left: tuple[Token, ...]
    right: tuple[Token, ...]
    same: bool


@dataclass(frozen=True, kw_only=True, repr=False)
class SideBySide(Result, kind="side_by_side", table="stretches"):
    """One text through two tokenizers: both traces, and the text in stretches, in order."""

    text: str
    left: Trace
    right: Trace
    stretches: tuple[Stretch, ...]


def side_by_side(left: Trace, right: Trace) -> SideBySide:
    """The two traces, which must be of one text, and where they differ."""
    one, two = (list(trace.step("model").tokens) for trace in (left, right))
    return SideBySide(
        text=left.text, left=left, right=right, stretches=tuple(_stretches(one, two, left.text))
    )


def _stretches(left: Sequence[Token], right: Sequence[Token], text: str) -> Iterator[Stretch]:
    one = two = 0
    while one < len(left) or two < len(right):
        first, second = one, two
        start = min(row[at].start for row, at in ((left, one), (right, two)) if at < len(row))
        reach = start
        while True:
            one = _within(left, one, start, reach)
            two = _within(right, two, start, reach)
            further = max([token.end for token in (*left[first:one], *right[second:two])], default=reach)
            if further <= reach:
                break
            reach = further
        here, there = tuple(left[first:one]), tuple(right[second:two])
        same = [_bare(token, text) for token in here] == [_bare(token, text) for token in there]
        yield Stretch(start=start, end=reach, text=text[start:reach], left=here, right=there, same=same)


def _within(row: Sequence[Token], at: int, start: int, reach: int) -> int:
    while at < len(row) and (row[at].start < reach or row[at].start == start):
        at += 1
    return at


def _bare(token: Token, text: str) -> tuple[int, int, str]:
    """The characters of a token without spaces at their ends; its letters where it is a part of one."""
    words = text[token.start : token.end]
    start = token.start + len(words) - len(words.lstrip())
    return start, token.end - len(words) + len(words.rstrip()), token.shown if token.kind == "partial" else ""
