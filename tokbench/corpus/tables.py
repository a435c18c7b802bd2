"""CSV and TSV: one column's fields as they are written, so NA, null and 007 stay what they are.

CSV has standard quoting; TSV has none (a quote is a character, as in GLUE). The first row names the columns,
an empty line is a blank text, and a row with too few or too many fields is refused. A row must fit in memory.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from tokbench.corpus.lines import RECORD_LIMIT, whole_blocks
from tokbench.errors import DataError, did_you_mean, plural

if TYPE_CHECKING:
    from tokbench.corpus.compression import Done
    from tokbench.corpus.source import Source

USUAL = ("text", "sentence", "content", "document")  # taken in this order when no column is named
SHOWN = 20  # column names listed in an error
OTHER_SEPARATOR = re.compile(
    r'"?\w+"?([;,\t|] ?)"?\w+"?(\1"?\w+"?)*'
)  # "text;label" as the only column of a csv
KINDS = {bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "an object"}


def choose_column(
    names: Sequence[str], column: str | None, source: Source, first_row: Callable[[], Sequence[object]] = list
) -> str:
    """The column to read: the one named, the only one, or a usual one, which is noted as a guess.

    Otherwise an error that lists them, each with its value in the first row.
    """
    if column is None:
        column = _default(names, source, first_row)
        if len(names) > 1:
            source.note(f"the texts are its column {column!r}, of {_listed(names)}; --column names another")
    if column not in names:
        near = did_you_mean(column, names)
        hint = f"{near} " if near.startswith("did you mean") else ""
        shown = _with_values(names, first_row())
        raise DataError(f"{source.name} has no column {column!r}", fix=f"{hint}it has: {shown}")
    if names.count(column) > 1:
        raise DataError(
            f"{source.name} has {names.count(column)} columns {column!r}", fix="give each column its own name"
        )
    return column


def _default(names: Sequence[str], source: Source, first_row: Callable[[], Sequence[object]]) -> str:
    if len(names) == 1:
        other = OTHER_SEPARATOR.fullmatch(names[0])
        if other and source.format in ("csv", "tsv"):
            separator = other[1].strip(" ")
            raise DataError(
                f"{source.name} has one column, {names[0]!r}, so its separator seems to be {separator!r}",
                fix="use commas in .csv files and tabs in .tsv files, or name that column with --column",
            )
        return names[0]
    usual = next((name for name in USUAL if name in names), None)
    if usual is None:
        raise DataError(
            f"{source.name} has {len(names)} columns and none is named {', '.join(USUAL)}",
            fix=f"name the one with the texts by --column: {_with_values(names, first_row())}",
        )
    return usual


def _with_values(names: Sequence[str], values: Sequence[object]) -> str:
    """The names, each with a value, shortened.

    >>> _with_values(["id", "body"], [7, "a text"])
    "id (7), body ('a text')"
    """
    if len(values) != len(names):
        return _listed(names)
    return _listed(
        [f"{_cut(name, 40)} ({_cut(repr(value), 24)})" for name, value in zip(names, values, strict=True)]
    )


def _listed(names: Sequence[str]) -> str:
    """Names as a person reads them, shortened, since a table without a header has texts for names.

    >>> _listed(["a", "b" * 90])[-9:], len(_listed(["b" * 90]))
    ('bbbbbbbb…', 68)
    """
    shown = ", ".join(_cut(name, 68) for name in names[:SHOWN])
    return f"{shown} and {len(names) - SHOWN} more" if len(names) > SHOWN else shown


def _cut(words: str, longest: int) -> str:
    return words if len(words) <= longest else f"{words[: longest - 1]}…"


def as_text(value: object, source: Source, place: str) -> str:
    """The value when it is a text, "" for None (it counts as blank); all else is refused by its place."""
    if isinstance(value, str):
        fault = _fault(value)
        if not fault:
            return value
        raise DataError(f"{source.name}, {place}: the text {fault}", fix="take it out of that record")
    if value is None:
        return ""
    kind = KINDS.get(type(value), type(value).__name__)
    raise DataError(
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


def batches_of_size(texts: Iterator[str], *, size: int) -> Iterator[list[str]]:
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


Row = tuple[int, list[str]]  # the number of its first line, its fields


def read_csv(source: Source, column: str | None, done: Done) -> Iterator[str]:
    """The texts of a CSV file's column."""
    return _column(csv_rows(source, done), source, column)


def read_tsv(source: Source, column: str | None, done: Done) -> Iterator[str]:
    """The texts of a TSV file's column."""
    return _column(tsv_rows(source, done), source, column)


def _column(rows: Iterator[Row], source: Source, column: str | None) -> Iterator[str]:
    """One field of every row after the header."""
    header = next((fields for _, fields in rows if fields), None)
    if header is None:
        return
    index = header.index(choose_column(header, column, source, lambda: next(rows, (0, []))[1]))
    width = len(header)
    for line, fields in rows:
        if len(fields) == width:
            yield fields[index]
        elif not fields:
            yield ""
        else:
            raise uneven_rows(source, line, len(fields), width)


def csv_rows(source: Source, done: Done) -> Iterator[Row]:
    """Every row of a CSV file, the header first; an empty line has no fields."""
    csv.field_size_limit(max(csv.field_size_limit(), RECORD_LIMIT))  # the module's own is 128 KiB
    reader = csv.reader(_lines(source, done), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            fields = next(reader, None)
        except csv.Error as error:
            raise DataError(
                f"{source.name}, the row that begins in line {line} is not CSV: {error}", fix=_remedy(error)
            ) from error
        if fields is None:
            return
        yield line, fields


def _remedy(error: csv.Error) -> str:
    if "new-line character" in str(error):
        return "end lines with LF, not with CR alone: tr '\\r' '\\n' < old.csv > new.csv"
    return 'close every quote and double those inside a field: "she said ""no"""'


def _lines(source: Source, done: Done) -> Iterator[str]:
    """Lines with their LF; StringIO given LF splits at nothing else."""
    for block in whole_blocks(source, done):
        yield from io.StringIO(block, newline="\n")


def tsv_rows(source: Source, done: Done) -> Iterator[Row]:
    """Every row of a TSV file, the header first; an empty line has no fields."""
    line = 0
    for block in whole_blocks(source, done):
        for text in block[:-1].split("\n"):
            line += 1
            yield line, text.split("\t") if text else []


def uneven_rows(source: Source, line: int, fields: int, width: int) -> DataError:
    """A row whose fields do not stand under the header's."""
    remedy = {
        "csv": 'put a text with commas in "quotes"',
        "tsv": "a text in a .tsv file must not hold a tab: write spaces, or use .jsonl",
    }
    return DataError(
        f"{source.name}, line {line} has {plural(fields, 'field')} and the header has {width}",
        fix=remedy[source.format],
    )
