"""CSV and TSV: one column's fields as they are written, so NA, null and 007 stay what they are.

CSV has standard quoting; TSV has none (a quote is a character, as in GLUE). The first row names the columns,
an empty line is a blank text, and a row with too few or too many fields is refused. A row must fit in memory.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from tokbench.corpus.columns import choose
from tokbench.corpus.lines import RECORD_LIMIT, whole_blocks
from tokbench.corpus.sources import Source
from tokbench.corpus.unpacking import Done
from tokbench.errors import DataProblem, plural

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
    index = header.index(choose(header, column, source))
    width = len(header)
    for line, fields in rows:
        if len(fields) == width:
            yield fields[index]
        elif not fields:
            yield ""
        else:
            raise ragged(source, line, len(fields), width)


def csv_rows(source: Source, done: Done) -> Iterator[Row]:
    """Every row of a CSV file, the header first; an empty line has no fields."""
    csv.field_size_limit(max(csv.field_size_limit(), RECORD_LIMIT))  # the module's own is 128 KiB
    reader = csv.reader(_lines(source, done), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            fields = next(reader, None)
        except csv.Error as error:
            raise DataProblem(
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


def ragged(source: Source, line: int, fields: int, width: int) -> DataProblem:
    """A row whose fields do not stand under the header's."""
    remedy = {
        "csv": 'put a text with commas in "quotes"',
        "tsv": "a text in a .tsv file must not hold a tab: write spaces, or use .jsonl",
    }
    return DataProblem(
        f"{source.name}, line {line} has {plural(fields, 'field')} and the header has {width}",
        fix=remedy[source.format],
    )
