r"""Flags to words by the patterns of cl100k, Llama 3, Qwen 2 and o200k: one word after the other.

    cl100k: C|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
    o200k:  [^\r\n\p{L}\p{N}]?U*D+C?|[^\r\n\p{L}\p{N}]?U+D*C?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|…

with C = (?i:'s|'t|'re|'ve|'m|'ll|'d), U = [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}] and D = [\p{Ll}\p{Lm}\p{Lo}\p{M}].
The alternatives are tried in their order, as a backtracking engine does. A function returns where its match
ends, which is where it began when there is none.
"""

from __future__ import annotations

from tokbench.training.kernels.layout import (
    BORDER,
    CL100K,
    DIGIT,
    DIGITS,
    KIND,
    LOWERISH,
    MARK,
    NEWLINE,
    NEXT,
    SPACE,
    START,
    UPPERISH,
)
from tokbench.training.kernels.marking import APOSTROPHE, D, E, L, M, Page, R, S, T, V
from tokbench.training.kernels.memory import Pointer, Whole, apart, inner

SLASH, BLANK_BYTE = ord("/"), ord(" ")
LONG_S = (0xC5, 0xBF)  # U+017F in UTF-8: an s to a regex that ignores case
LOWER_CASE = 0x20  # the bit that makes an ASCII letter small
WORDISH = UPPERISH | LOWERISH  # letters, and in o200k marks, which have MARK too; in cl100k letters are both


@inner
def split_pattern(page: Page, spans: Pointer, job: Pointer, end: int) -> int:
    """The words of the texts from the job's start on as spans; how many."""
    number, at, kind, digits = 0, job[START], job[KIND], job[DIGITS]
    while at < end:
        if page.flags[at] & BORDER:
            at += 1
        else:
            stop = _cl100k_word(page, at, digits) if kind == CL100K else _o200k_word(page, at, digits)
            spans[2 * number], spans[2 * number + 1] = at, stop
            number += 1
            at = stop
    return number


@apart
def _cl100k_word(page: Page, at: int, digits: int) -> Whole:
    """The end of the word that begins here."""
    flags = page.flags
    here = flags[at]
    if here & WORDISH:
        return _run(flags, at, WORDISH)
    if here & DIGIT:
        return _some(flags, at, DIGIT, digits)
    if page.text[at] == APOSTROPHE:
        stop = _contraction(page.text, at)
        if stop > at:
            return stop
    after = _after(flags, at)
    if not here & NEWLINE and flags[after] & WORDISH:
        return _run(flags, after, WORDISH)
    return _others_or_space(page, at, BLANK_BYTE)


@apart
def _o200k_word(page: Page, at: int, digits: int) -> Whole:
    """The end of the word that begins here."""
    flags = page.flags
    here = flags[at]
    if here & DIGIT:
        return _some(flags, at, DIGIT, digits)
    letter = here & WORDISH and not here & MARK
    after = at if letter or here & NEWLINE else _after(flags, at)
    stop = _lower_word(flags, after)
    if stop == after:
        after, stop = at, _lower_word(flags, at)
    if stop == after:
        after = at if letter or here & NEWLINE else _after(flags, at)
        stop = _upper_word(flags, after)
    if stop == after:
        after, stop = at, _upper_word(flags, at)
    if stop == after:
        return _others_or_space(page, at, SLASH)
    return _contraction(page.text, stop) if page.text[stop] == APOSTROPHE else stop


@inner
def _lower_word(flags: Pointer, at: int) -> int:
    """U*D+: back to the last character that may be either, if none follows that is D."""
    first = stop = at
    while flags[first] & UPPERISH:
        first += 1
        if flags[first - 1] & LOWERISH:
            stop = first
    lower = _run(flags, first, LOWERISH)
    return lower if lower > first else stop


@inner
def _upper_word(flags: Pointer, at: int) -> int:
    """U+D*."""
    first = _run(flags, at, UPPERISH)
    return _run(flags, first, LOWERISH) if first > at else at


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
    while flags[at] & NEXT:
        at += 1
    return at


@apart
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
def _others_or_space(page: Page, at: int, also: int) -> Whole:
    r"""?[^\s\p{L}\p{N}]+[\r\n]*, with one byte that may be among the line ends; else white space."""
    flags, text = page.flags, page.text
    first = at + (text[at] == BLANK_BYTE)
    stop = first
    while _is_other(flags[stop]):
        stop += 1
    if stop == first:
        return _space(flags, at)
    while (flags[stop] & NEWLINE and flags[stop] & SPACE) or text[stop] == also == SLASH:
        stop += 1
    return stop


@inner
def _is_other(flag: int) -> bool:
    """Whether a character is no white space, letter, number or border; a mark is other too."""
    return not flag & (SPACE | DIGIT | BORDER) and (not flag & WORDISH or flag & MARK != 0)


@inner
def _space(flags: Pointer, at: int) -> int:
    r"""\s*[\r\n]+|\s+(?!\S)|\s+."""
    stop, line, last = at, at, at
    while flags[stop] & SPACE:
        if flags[stop] & NEWLINE:
            line = stop + 1
        if not flags[stop] & NEXT:
            last = stop
        stop += 1
    if line > at:
        return line
    return stop if flags[stop] & BORDER or last == at else last
