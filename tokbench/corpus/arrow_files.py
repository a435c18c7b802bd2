"""Arrow's own files, streams and Feather 2: one column of strings, mapped into memory and read by batches.

A file that is packed or lies elsewhere is read as the stream that it holds, so nothing is unpacked to disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from tokbench.corpus.compression import Done, unpacked_file
from tokbench.corpus.tables import as_text, choose_column
from tokbench.errors import DataError

if TYPE_CHECKING:
    from tokbench.corpus.source import Source

ROWS = 256  # decoded at a time: 16 MiB of texts of 64 KiB
MAGIC = b"ARROW1\0\0"  # of the file format, in which a stream follows ("IPC File Format", arrow.apache.org)


def read_arrow(source: Source, column: str | None, done: Done) -> Iterator[str]:
    """The texts of one column of an Arrow file, a stream of Arrow, or a Feather file of version 2."""
    with _opened(source, done) as table:
        name = choose_column(table.schema.names, column, source, table.first_row)
        refuse_other_types(source, name, table.schema.field(name).type)
        row = 0
        for part in table.parts():
            for value in arrow_values(part.column(part.schema.names.index(name))):
                row += 1
                yield as_text(value, source, f"row {row}")


def arrow_rows(source: Source, done: Done) -> Iterator[dict[str, Any]]:
    """Every row of such a file, all its columns by name."""
    with _opened(source, done) as table:
        for part in table.parts():
            columns = [arrow_values(column) for column in part.columns]
            for row in zip(*columns, strict=True):
                yield dict(zip(part.schema.names, row, strict=True))


def read_saved(source: Source, column: str | None, done: Done) -> Iterator[str]:
    """The texts of one column of a dataset that `save_to_disk` wrote, file after file."""
    for part, passed in _files_of(source, done):
        yield from read_arrow(part, column, passed)


def saved_rows(source: Source, done: Done) -> Iterator[dict[str, Any]]:
    """Every row of a dataset that `save_to_disk` wrote."""
    for part, passed in _files_of(source, done):
        yield from arrow_rows(part, passed)


def _files_of(source: Source, done: Done) -> Iterator[tuple[Source, Done]]:
    """Each file of a saved dataset as a source, and whom to tell how far it is."""
    from tokbench.corpus.saved_datasets import saved_files

    assert source.path is not None
    before = 0
    for path in saved_files(source.path):
        size = path.stat().st_size
        part = replace(source, name=f"{source.name}/{path.name}", path=path, format="arrow", size=size)
        part = replace(part, notes=[]) if before else part  # the first one says it for all
        yield part, partial(_told, done, before)
        before += size


def _told(done: Done, before: int, inside: int) -> None:
    done(before + inside)


@dataclass(frozen=True)
class _Table:
    """The schema of what was opened, and its record batches, read anew on each call."""

    schema: Any
    source: Source
    batches: Callable[[], Iterator[Any]]

    def parts(self) -> Iterator[Any]:
        """The rows in order, at most ROWS of them at the same time."""
        import pyarrow

        batches = self.batches()
        while True:
            try:
                batch = next(batches, None)
            except (pyarrow.ArrowException, OSError) as error:
                raise damaged(self.source, error, "an Arrow file") from error
            if batch is None:
                return
            for start in range(0, batch.num_rows, ROWS):
                yield batch.slice(start, ROWS)

    def first_row(self) -> list[Any]:
        """The values of the first row, for an error that lists the columns."""
        part = next(self.parts(), None)
        return [] if part is None else [next(iter(column.slice(0, 1).to_pylist())) for column in part.columns]


@contextmanager
def _opened(source: Source, done: Done) -> Iterator[_Table]:
    import pyarrow

    packed = source.path is None or bool(source.compression)
    opener = unpacked_file(source, done) if packed else pyarrow.memory_map(str(source.path))
    with opener as file:
        try:
            if not packed and file.read(len(MAGIC)) == MAGIC:
                reader = pyarrow.ipc.open_file(file)
                yield _Table(reader.schema, source, partial(_of_file, reader, source, done))
                return
            if not packed:
                file.seek(0)
            elif file.peek(len(MAGIC))[: len(MAGIC)] == MAGIC:
                file.read(len(MAGIC))
            reader = pyarrow.ipc.open_stream(file)
        except (pyarrow.ArrowException, OSError) as error:
            raise damaged(source, error, "an Arrow file") from error
        yield _Table(reader.schema, source, partial(_of_stream, reader, file, done, packed))


def _of_file(reader: Any, source: Source, done: Done) -> Iterator[Any]:  # noqa: ANN401
    for number in range(reader.num_record_batches):
        yield reader.get_batch(number)
        done(source.size * (number + 1) // reader.num_record_batches)


def _of_stream(reader: Any, file: Any, done: Done, packed: bool) -> Iterator[Any]:  # noqa: ANN401
    for batch in reader:
        yield batch
        if not packed:  # what unpacks tells it itself
            done(file.tell())


def arrow_values(column: Any) -> list[Any]:  # noqa: ANN401
    """An Arrow column's values; pairs of a map as the object that JSON has."""
    import pyarrow

    values: list[Any] = column.to_pylist()
    if pyarrow.types.is_map(column.type):
        values = [None if pairs is None else dict(pairs) for pairs in values]
    return values


def refuse_other_types(source: Source, name: str, kind: Any) -> None:  # noqa: ANN401
    """DataError unless a column of this Arrow type holds texts."""
    import pyarrow

    stored = kind.value_type if pyarrow.types.is_dictionary(kind) else kind
    is_text = (pyarrow.types.is_string, pyarrow.types.is_large_string, pyarrow.types.is_string_view)
    if any(each(stored) for each in (*is_text, pyarrow.types.is_null)):
        return
    if pyarrow.types.is_list(stored) or pyarrow.types.is_large_list(stored):
        raise DataError(
            f"{source.name}: column {name!r} holds lists ({stored}), and a text is one string",
            fix="name another column with --column, or join each list into one string first",
        )
    raise DataError(
        f"{source.name}: column {name!r} holds {stored}, not text",
        fix="name another column with --column",
    )


def damaged(source: Source, error: Exception, what: str) -> DataError:
    """What to say of a file that Arrow cannot read to its end."""
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    again = source.place.again if source.place else "get the file again"
    whole = f"{what.split()[0]} whole {' '.join(what.split()[1:])}"
    return DataError(f"{source.name} is not {whole.replace('an whole', 'a whole')}: {reason}", fix=again)
