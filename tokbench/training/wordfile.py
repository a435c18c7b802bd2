"""Words and counts as the columns of a parquet file; pyarrow is loaded when one is written or read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from tokbench.errors import FileProblem, MissingExtra
from tokbench.training.spelled import Spelled, joined

MAGIC = b"PAR1"
KEY = b"tokbench"  # of our facts among the file's own
ROWS = 1 << 17  # words in a row group; part of the format, since the bytes and the fingerprint depend on it
AGAIN = "count the corpus again: tokbench count CORPUS -o counts.parquet"


def need_pyarrow() -> None:
    """MissingExtra when there is no pyarrow."""
    if find_spec("pyarrow") is None:
        raise MissingExtra("a file of counts", "pyarrow", extra="data")


def groups(blocks: Iterable[Spelled]) -> Iterator[Spelled]:
    """The same words in groups of ROWS, however they come."""
    held: list[Spelled] = []
    rows = 0
    for block in blocks:
        held.append(block)
        rows += len(block)
        if rows >= ROWS:
            whole = joined(held)
            full = rows - rows % ROWS
            yield from (whole.part(start, start + ROWS) for start in range(0, full, ROWS))
            held, rows = [whole.part(full, rows)], rows - full
    if rows:
        yield joined(held)


def _columns() -> Any:  # noqa: ANN401
    import pyarrow

    fields = [("word", pyarrow.string()), ("count", pyarrow.int64())]
    return pyarrow.schema([pyarrow.field(name, kind, nullable=False) for name, kind in fields])


def writer(path: Path) -> Any:  # noqa: ANN401
    """Neighbours in this order have the same count and like words, which these encodings make little of."""
    from pyarrow import parquet

    return parquet.ParquetWriter(
        path,
        _columns(),
        compression="zstd",
        use_dictionary=False,
        column_encoding={"word": "DELTA_BYTE_ARRAY", "count": "DELTA_BINARY_PACKED"},
        write_page_checksum=True,
    )


def table(group: Spelled) -> Any:  # noqa: ANN401
    """A row group."""
    import pyarrow

    ends = np.cumsum(np.append(0, group.lengths)).astype("<i4")
    buffers = [None, pyarrow.py_buffer(ends), pyarrow.py_buffer(np.ascontiguousarray(group.utf8))]
    words = pyarrow.StringArray.from_buffers(len(group), *buffers[1:])
    return pyarrow.Table.from_arrays([words, pyarrow.array(group.counts)], schema=_columns())


def read(path: Path, schema: str) -> tuple[Mapping[str, Any], Spelled]:
    """The facts and the words in a file of this schema; ValueError when the facts are no JSON."""
    from pyarrow import parquet

    with parquet.ParquetFile(path, page_checksum_verification=True) as file:
        written = (file.metadata.metadata or {}).get(KEY)
        facts = json.loads(written) if written else {}
        if facts.get("schema") != schema or not file.schema_arrow.equals(_columns()):
            raise FileProblem(
                f"{path} is parquet, but no file of counts of this version ({schema})", fix=AGAIN
            )
        parts = [_words(file.read_row_group(number)) for number in range(file.num_row_groups)]
    return facts, joined(parts)


def _words(table: Any) -> Spelled:  # noqa: ANN401
    words, counts = (_whole(table.column(name)) for name in ("word", "count"))
    _, offsets, utf8 = words.buffers()
    ends = np.frombuffer(offsets, "<i4")[words.offset : words.offset + len(words) + 1].astype(np.int64)
    letters = np.frombuffer(utf8 or b"", np.uint8)[ends[0] : ends[-1]]
    numbers = np.frombuffer(counts.buffers()[1], "<i8")[counts.offset : counts.offset + len(counts)]
    return Spelled(letters, np.diff(ends), numbers)


def _whole(column: Any) -> Any:  # noqa: ANN401
    """A column as one array; pyarrow's own way to numpy would import pandas."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
