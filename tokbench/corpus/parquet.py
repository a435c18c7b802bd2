"""Parquet: one column of strings, read by record batches, so the pages of one row group are in memory.

A compressed parquet file is unpacked into a temporary file first, since parquet is read from its end.
"""

from __future__ import annotations

import errno
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from tokbench.corpus.arrow_files import ROWS, arrow_values, damaged, refuse_other_types
from tokbench.corpus.compression import Done, open_bytes, unpacked
from tokbench.corpus.tables import as_text, choose_column
from tokbench.errors import DataError, ResourceError

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

    from tokbench.corpus.source import Source

BUFFER = 1 << 20  # bytes of a column's pages that are read ahead


def read_parquet(source: Source, column: str | None, done: Done) -> Iterator[str]:
    """The texts of a parquet file's column."""
    with _seekable(source, done) as file:
        table = _open(source, file)
        name = choose_column(table.schema_arrow.names, column, source, partial(_first_row, source, table))
        refuse_other_types(source, name, table.schema_arrow.field(name).type)
        row = 0
        for values in _columns(source, table, name):
            for value in values:
                row += 1
                yield as_text(value, source, f"row {row}")
            done(source.size * row // max(1, table.metadata.num_rows))


def parquet_rows(source: Source, done: Done) -> Iterator[dict[str, Any]]:
    """Every row of a parquet file, all its columns by name."""
    with _seekable(source, done) as file:
        table = _open(source, file)
        columns = [_columns(source, table, name) for name in table.schema_arrow.names]
        for values in zip(*columns, strict=True):
            for row in zip(*values, strict=True):
                yield dict(zip(table.schema_arrow.names, row, strict=True))


def parquet_metadata(source: Source) -> dict[str, str]:
    """What the writer of a parquet file said about it, as texts by key; the keys are the writer's own."""
    with _seekable(source, _unheard) as file:
        found = _open(source, file).schema_arrow.metadata or {}
    return {key.decode(errors="replace"): value.decode(errors="replace") for key, value in found.items()}


def _unheard(_bytes: int) -> None:
    """Nobody waits for a few lines at the end of a file."""


@contextmanager
def _seekable(source: Source, done: Done) -> Iterator[BinaryIO]:
    """The parquet file itself, or a copy without a name where it is packed or lies where no file can seek."""
    if not source.compression and (source.path or (source.place and source.place.seeks)):
        with open_bytes(source) as file:
            yield file
        return
    with tempfile.TemporaryFile() as spool:
        for chunk in unpacked(source, done):
            try:
                spool.write(chunk)
            except OSError as error:
                raise _no_room(source, error) from error
        spool.seek(0)
        yield cast(BinaryIO, spool)


def _no_room(source: Source, error: OSError) -> ResourceError:
    folder = tempfile.gettempdir()
    full = "is full" if error.errno == errno.ENOSPC else str(error.strerror).lower()
    free = shutil.disk_usage(folder).free >> 20
    return ResourceError(
        f"cannot unpack {source.name} into {folder}: it {full} ({free} MiB free)",
        fix="unpack the file yourself, or set TMPDIR to a folder with room",
    )


def _open(source: Source, file: BinaryIO) -> ParquetFile:
    import pyarrow
    from pyarrow import parquet

    try:
        return parquet.ParquetFile(file, buffer_size=BUFFER, pre_buffer=False)
    except (pyarrow.ArrowException, OSError) as error:
        raise damaged(source, error, "a parquet file") from error


def _first_row(source: Source, table: ParquetFile) -> list[Any]:
    """The values of the first row, for an error that lists the columns."""
    return [
        next(chain.from_iterable(_columns(source, table, name)), None) for name in table.schema_arrow.names
    ]


def _columns(source: Source, table: ParquetFile, name: str) -> Iterator[list[Any]]:
    """A column's values, a few rows at a time."""
    import pyarrow

    batches = table.iter_batches(batch_size=ROWS, columns=[name], use_threads=False)
    while True:
        try:
            batch = next(batches, None)
            values = [] if batch is None else arrow_values(batch.column(0))
        except (pyarrow.ArrowException, OSError) as error:
            raise damaged(source, error, "a parquet file") from error
        except UnicodeDecodeError as error:
            raise DataError(
                f"{source.name}: a value of column {name!r} is not UTF-8",
                fix="write that column as UTF-8 strings",
            ) from error
        if batch is None:
            return
        yield values
