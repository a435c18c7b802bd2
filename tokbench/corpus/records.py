"""Whole rows of a table, all columns of each, as they are written: for data with labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING

from tokbench.corpus.archives import members
from tokbench.corpus.arrow_files import arrow_rows, saved_rows
from tokbench.corpus.hub_datasets import hub_rows
from tokbench.corpus.json_lines import array_items, line_items
from tokbench.corpus.parquet import parquet_rows
from tokbench.corpus.tables import Row, csv_rows, tsv_rows, uneven_rows
from tokbench.errors import DataError

if TYPE_CHECKING:
    from tokbench.corpus.source import Source

TABLES = ("csv", "tsv", "json", "jsonl", "parquet", "arrow", "saved")
COLUMNAR = {"parquet": parquet_rows, "arrow": arrow_rows, "saved": saved_rows, "hub": hub_rows}
Record = tuple[str, dict[str, object]]  # where it is, and its values by column


def records(source: Source, wanted: Sequence[str] = ()) -> Iterator[Record]:
    """Every row with its place, such as "line 7"; empty lines are passed over.

    A header that has one of the `wanted` columns twice is refused: which of them is meant?

    Fields of CSV and TSV are strings exactly as they stand there; those of JSON and parquet keep their kind.
    Of a .json file with one object around one list of objects, those are the rows; `list_around` names it.
    """
    match source.format:
        case "csv" | "tsv":
            rows = csv_rows if source.format == "csv" else tsv_rows
            return _rows(rows(source, _nothing), source, wanted)
        case "json":
            return _objects(_unwrapped(array_items(source, _nothing)), source)
        case "jsonl":
            return _objects(line_items(source, _nothing), source)
        case "zip" | "tar":
            return _inside(source, wanted)
    if source.format in COLUMNAR:
        found = COLUMNAR[source.format](source, _nothing)
        return ((f"row {number}", row) for number, row in enumerate(found, 1))
    raise DataError(
        f"{source.name} is no table", fix=f"give one of {', '.join(TABLES)}, with columns that have names"
    )


def list_around(source: Source) -> str:
    """The key of the one list of rows that a .json file's one object holds; "" in any other file."""
    if source.format != "json":
        return ""
    _, name = _wrapped(list(islice(array_items(source, _nothing), 2)))
    return name


def is_rows(value: object) -> bool:
    """Whether a value of JSON is a list of objects."""
    return isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value)


def _wrapped(first: Sequence[tuple[str, object]]) -> tuple[list[object], str]:
    """The one list of rows in the only item of a file, and its key; nothing where there is none."""
    item = first[0][1] if len(first) == 1 else None
    lists = [name for name, value in item.items() if is_rows(value)] if isinstance(item, dict) else []
    if not isinstance(item, Mapping) or len(lists) != 1:
        return [], ""
    return item[lists[0]], lists[0]


def _unwrapped(items: Iterator[tuple[str, object]]) -> Iterator[tuple[str, object]]:
    """The rows of the one list in the one object of a file; of any other file its items."""
    first = list(islice(items, 2))
    rows, name = _wrapped(first)
    if rows:
        return ((f"item {number} of {name}", row) for number, row in enumerate(rows, 1))
    return chain(first, items)


def _inside(source: Source, wanted: Sequence[str]) -> Iterator[Record]:
    """The rows of all tables in an archive; the place names the member."""
    for member in members(source, _nothing):
        name = member.name.removeprefix(f"{source.name}/")
        for place, row in records(member, wanted):
            yield f"{name} {place}", row


def _nothing(_bytes: int) -> None:
    """Nobody waits for these: they are small beside a corpus."""


def _rows(rows: Iterator[Row], source: Source, wanted: Sequence[str]) -> Iterator[Record]:
    header = next((fields for _, fields in rows if fields), [])
    twice = next((column for column in wanted if header.count(column) > 1), None)
    if twice is not None:
        raise DataError(
            f"{source.name} has {header.count(twice)} columns {twice!r}", fix="give each column its own name"
        )
    for line, fields in rows:
        if not fields:
            continue
        if len(fields) != len(header):
            raise uneven_rows(source, line, len(fields), len(header))
        yield f"line {line}", dict(zip(header, fields, strict=True))


def _objects(items: Iterator[tuple[str, object]], source: Source) -> Iterator[Record]:
    for place, item in items:
        if item is None:
            continue
        if not isinstance(item, dict):
            raise DataError(
                f"{source.name}, {place} is no object with columns", fix='{"text": …, "label": …}'
            )
        yield place, item
