"""Steps that look at one text at a time: they change it, or drop it by what is in it."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Literal, cast

from tokbench.corpus.cleaning.text_batches import BETWEEN, Step, StepTally, in_one

if TYPE_CHECKING:
    from tokbench.corpus.cleaning.choices import Cleaning

# References to line breaks: white space to a browser, and no text of a plain file may hold one.
LINE_BREAK = re.compile(r"&(?:#0*1[03](?![0-9]);?|#[xX]0*[aAdD](?![0-9a-fA-F]);?|NewLine;)")
Form = Literal["NFC", "NFD", "NFKC", "NFKD"]


def text_steps(choices: Cleaning) -> Iterator[tuple[StepTally, Step]]:
    """The steps before dedup that were asked for, each with its tally; blank texts are always dropped."""
    form = cast(Form, choices.unicode.upper())
    changes: dict[str, Callable[[list[str]], list[str]] | None] = {
        "html": unescaped if choices.html else None,
        "unicode": (lambda texts: normalized(texts, form)) if form else None,
        "lower": (lambda texts: in_one(texts, str.lower)) if choices.lower else None,
        "strip": (lambda texts: list(map(str.strip, texts))) if choices.strip else None,
    }
    for name, change in changes.items():
        if change:
            yield _changing(StepTally(name), change)
    yield _keeping(StepTally("empty"), _not_blank)
    if choices.match:
        yield _keeping(StepTally("match"), _searching(choices.match))
    if choices.not_match:
        find = _searching(choices.not_match)
        yield _keeping(StepTally("not-match"), lambda texts: [not found for found in find(texts)])


def length_steps(choices: Cleaning) -> Iterator[tuple[StepTally, Step]]:
    """The caps on a text's length in characters."""
    least, most = choices.min_chars, choices.max_chars
    if least:
        yield _keeping(StepTally("min-chars"), lambda texts: [len(text) >= least for text in texts])
    if most:
        yield _keeping(StepTally("max-chars"), lambda texts: [len(text) <= most for text in texts])


def _changing(tally: StepTally, change: Callable[[list[str]], list[str]]) -> tuple[StepTally, Step]:
    return tally, lambda batch: tally.change(batch, change(batch.texts))


def _keeping(tally: StepTally, kept: Callable[[list[str]], list[bool]]) -> tuple[StepTally, Step]:
    return tally, lambda batch: tally.keep(batch, kept(batch.texts))


def unescaped(texts: list[str]) -> list[str]:
    """References of HTML as the characters they stand for; one to a line break is a space.

    >>> unescaped(["fish &amp; chips&#10;", "a < b"])
    ['fish & chips ', 'a < b']
    """
    if "&" not in BETWEEN.join(texts):
        return texts
    return [html.unescape(LINE_BREAK.sub(" ", text)) if "&" in text else text for text in texts]


def normalized(texts: list[str], form: Form) -> list[str]:
    r"""Texts in a Unicode normal form; most are already, which is much faster to see than to make.

    No character of a text meets one of the next: what stands between them joins with nothing.

    >>> normalized(["e\u0301", "e"], "NFC") == ["\xe9", "e"]
    True
    """
    if unicodedata.is_normalized(form, BETWEEN.join(texts)):
        return texts
    is_normalized, normalize = unicodedata.is_normalized, unicodedata.normalize
    return [text if is_normalized(form, text) else normalize(form, text) for text in texts]


def _not_blank(texts: list[str]) -> list[bool]:
    return [not (text.isspace() or not text) for text in texts]


def _searching(pattern: str) -> Callable[[list[str]], list[bool]]:
    search = re.compile(pattern).search
    return lambda texts: [found is not None for found in map(search, texts)]
