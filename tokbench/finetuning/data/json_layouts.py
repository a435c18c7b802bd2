"""JSON files that hold rows in another way than an object a row, and the line of Python that rewrites them.

pandas writes columns of values by index (its default), objects by index, and "split" tables; others write
lists of values a column, or an object with several tables. None of them is read: the line makes rows of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING

from tokbench.corpus.decoding import python_line
from tokbench.corpus.records import is_rows
from tokbench.errors import DataError
from tokbench.finetuning.data.scalars import listed_columns

if TYPE_CHECKING:
    from tokbench.corpus.sources import Source

ROWS = {
    "split": "[dict(zip(d['columns'], r)) for r in d['data']]",
    "index": "list(d.values())",
    "columns": "[dict(zip(d, r)) for r in zip(*(c.values() for c in d.values()))]",
    "lists": "[dict(zip(d, r)) for r in zip(*d.values())]",
}


def must_be_rows(source: Source, first: Mapping[str, object], *, alone: bool) -> None:
    """Nothing, or DataError where the first object of a file, or its `alone`, is a whole table."""
    tables = [name for name, value in first.items() if is_rows(value)]
    if alone and len(tables) > 1:
        raise DataError(
            f"{source.name} holds {len(tables)} lists of rows ({listed_columns(tables)}): which is it?",
            fix=_rewrite(source, f"d[{tables[0]!r}]"),
        )
    if first and all(isinstance(value, list | dict) for value in first.values()):
        raise DataError(
            f"{source.name} holds one object of columns ({listed_columns(list(first))}), not an object a row",
            fix=_rewrite(source, ROWS.get(_layout(first), "")),
        )


def _layout(table: Mapping[str, object]) -> str:
    """Which of ROWS a table is; "" for none of them."""
    kinds = {type(value) for value in table.values()}
    if "columns" in table and "data" in table:
        return "split"
    if len(kinds) > 1:
        return ""
    if kinds == {list}:
        return "lists"
    return "index" if all(name.isdecimal() for name in table) else "columns"


def _rewrite(source: Source, rows: str) -> str:
    """The line that writes the rows, an expression of the file's `d`, into a file beside it."""
    name = PurePath(source.name)
    if name.suffix != ".json" or not rows:  # packed, or lines, or something else
        return 'write an object a row: {"text": "a good film", "label": "good"}'
    out = str(name.with_name(f"{name.stem}-rows.json"))
    opened = f"d = json.load(open({source.name!r}, encoding='utf-8'))"
    return python_line(f"import json; {opened}; json.dump({rows}, open({out!r}, 'w'))")
