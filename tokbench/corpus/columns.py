"""Which column of a table holds the texts, and whether a value in it is one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tokbench.corpus.sources import Source
from tokbench.errors import DataProblem, did_you_mean

USUAL = ("text", "sentence", "content", "document")  # taken in this order when no column is named
SHOWN = 20  # column names listed in an error
OTHER_SEPARATOR = re.compile(
    r'"?\w+"?([;,\t|] ?)"?\w+"?(\1"?\w+"?)*'
)  # "text;label" as the only column of a csv
KINDS = {bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "an object"}


def choose(names: Sequence[str], column: str | None, source: Source) -> str:
    """The column to read: the one named, the only one, or a usual one; otherwise an error that lists them."""
    if column is None:
        column = _default(names, source)
    if column not in names:
        near = did_you_mean(column, names)
        hint = f"{near} " if near.startswith("did you mean") else ""
        raise DataProblem(f"{source.name} has no column {column!r}", fix=f"{hint}it has: {_listed(names)}")
    if names.count(column) > 1:
        raise DataProblem(
            f"{source.name} has {names.count(column)} columns {column!r}", fix="give each column its own name"
        )
    return column


def _default(names: Sequence[str], source: Source) -> str:
    if len(names) == 1:
        other = OTHER_SEPARATOR.fullmatch(names[0])
        if other and source.format in ("csv", "tsv"):
            separator = other[1].strip(" ")
            raise DataProblem(
                f"{source.name} has one column, {names[0]!r}, so its separator seems to be {separator!r}",
                fix="use commas in .csv files and tabs in .tsv files, or name that column with --column",
            )
        return names[0]
    usual = next((name for name in USUAL if name in names), None)
    if usual is None:
        raise DataProblem(
            f"{source.name} has {len(names)} columns and none is named {', '.join(USUAL)}",
            fix=f"name the one with the texts by --column: {_listed(names)}",
        )
    return usual


def _listed(names: Sequence[str]) -> str:
    """Names as a person reads them, shortened, since a table without a header has texts for names.

    >>> _listed(["a", "b" * 50])
    'a, bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb…'
    """
    shown = ", ".join(name if len(name) <= 40 else f"{name[:39]}…" for name in names[:SHOWN])
    return f"{shown} and {len(names) - SHOWN} more" if len(names) > SHOWN else shown


def as_text(value: object, source: Source, place: str) -> str:
    """The value when it is a text, "" for None (it counts as blank); all else is refused by its place."""
    if isinstance(value, str):
        fault = _fault(value)
        if not fault:
            return value
        raise DataProblem(f"{source.name}, {place}: the text {fault}", fix="take it out of that record")
    if value is None:
        return ""
    kind = KINDS.get(type(value), type(value).__name__)
    raise DataProblem(
        f"{source.name}, {place}: the value is {kind}, not text",
        fix="put texts in quotes, or name another column with --column",
    )


def _fault(text: str) -> str:
    """What no tokenizer can take: NUL, or half of a surrogate pair, which JSON's escapes can spell."""
    if "\0" in text:
        return "holds a NUL character"
    if text.isascii():
        return ""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return f"holds half a surrogate pair, \\u{ord(text[error.start]):x}"
    return ""


def gathered(texts: Iterator[str], *, size: int) -> Iterator[list[str]]:
    """Texts in lists of about `size` characters."""
    part: list[str] = []
    held = 0
    for text in texts:
        part.append(text)
        held += len(text) + 1
        if held >= size:
            yield part
            part, held = [], 0
    yield part
