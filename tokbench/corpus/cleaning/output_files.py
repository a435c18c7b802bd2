"""Texts and their columns into files of the kinds that corpora are read from; the same bytes every time."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from json.encoder import encode_basestring
from pathlib import Path, PurePath
from typing import Any, BinaryIO, Protocol, cast

from tokbench.corpus.cleaning.text_batches import Batch, in_one_line
from tokbench.errors import DataError, FileError
from tokbench.io.extras import require

KINDS = (".txt", ".jsonl", ".parquet")
PACKED = (".gz", ".zst", ".xz", ".bz2")
ROWS = 1 << 16  # in a row group of parquet
BYTE_ORDER_MARK = "\ufeff"


class TextWriter(Protocol):
    """Writes batches to an open file; `end` comes after the last."""

    def write(self, batch: Batch) -> None:
        """Write all rows of a batch."""

    def end(self) -> None:
        """Write what is left."""


def suffixes_of(path: Path) -> tuple[str, str]:
    """The suffix that names the kind of a file to be written, and that of its compression or "".

    FileError for kinds that are not written, MissingExtraError where the package for it is not installed.
    """
    name = PurePath(path.name.lower())
    packed = name.suffix if name.suffix in PACKED else ""
    kind = PurePath(name.stem).suffix if packed else name.suffix
    if kind not in KINDS:
        raise FileError(
            f"{path} has no suffix of a corpus that is written",
            fix=f"name it for example {path.name.partition('.')[0] or 'clean'}.jsonl.zst: "
            f"{' '.join(KINDS)}, each also with {' '.join(PACKED)}",
        )
    if kind == ".parquet":
        require("pyarrow", extra="data", what="writing parquet")
    if packed == ".zst":
        require("zstandard", extra="data", what="writing .zst files")
    return kind, packed


def beside(path: Path, split: str) -> Path:
    """The file for a split, beside the one that was named.

    >>> beside(Path("out/clean.jsonl.zst"), "train").as_posix()
    'out/clean-train.jsonl.zst'
    """
    kind, packed = suffixes_of(path)
    stem = path.name[: -len(kind + packed)]
    return path.with_name(f"{stem}-{split}{kind}{packed}") if split else path


@contextmanager
def text_writer(path: Path, name: str) -> Iterator[TextWriter]:
    """A writer for a file that is made here; `name` is what the column of the texts is called."""
    kind, packed = suffixes_of(path)
    makers: dict[str, Callable[[BinaryIO], TextWriter]] = {
        ".txt": lambda file: _Lines(file),
        ".jsonl": lambda file: _JsonLines(file, name),
        ".parquet": lambda file: _Parquet(file, name),
    }
    with path.open("wb", buffering=1 << 20) as raw, _packing(raw, packed) as file:
        writer = makers[kind](file)
        yield writer
        writer.end()


@contextmanager
def _packing(raw: BinaryIO, packed: str) -> Iterator[BinaryIO]:
    """The file to write to, which packs what it is given; no name and no date goes into it."""
    if packed == ".zst":
        import zstandard

        with zstandard.ZstdCompressor().stream_writer(raw, closefd=False) as file:
            yield cast(BinaryIO, file)
        return
    if not packed:
        yield raw
        return
    packers: dict[str, Callable[[BinaryIO], Any]] = {".gz": _gzip, ".xz": _xz, ".bz2": _bz2}
    with packers[packed](raw) as file:
        yield file


def _gzip(raw: BinaryIO) -> gzip.GzipFile:
    return gzip.GzipFile("", "wb", 6, raw, mtime=0)


def _xz(raw: BinaryIO) -> lzma.LZMAFile:
    return lzma.LZMAFile(raw, "wb")


def _bz2(raw: BinaryIO) -> bz2.BZ2File:
    return bz2.BZ2File(raw, "wb")


class _Lines:
    """A text a line. One that would be read back as something else is refused."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._begun = False

    def write(self, batch: Batch) -> None:
        joined = "\n".join(batch.texts) + "\n"
        broken = joined.count("\n") != len(batch.texts) or "\r\n" in joined
        if broken or (not self._begun and joined.startswith(BYTE_ORDER_MARK)):
            text = next((text for text in batch.texts if "\n" in text or text.endswith("\r")), batch.texts[0])
            raise DataError(
                f"a .txt file has a text a line, and this text would not be one: {in_one_line(text)}",
                fix="write .jsonl instead, which holds every text",
            )
        self._begun = True
        self._file.write(joined.encode())

    def end(self) -> None:
        """Nothing is left."""


class _JsonLines:
    """An object a line: the text, then the other columns."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file, self._name = file, name

    def write(self, batch: Batch) -> None:
        key = f"{{{encode_basestring(self._name)}: "
        if batch.columns is None:
            lines = [f"{key}{text}}}" for text in map(encode_basestring, batch.texts)]
        else:
            lines = [
                f"{key}{encode_basestring(text)}{_more(row)}}}"
                for text, row in zip(batch.texts, batch.columns, strict=True)
            ]
        self._file.write(("\n".join(lines) + "\n").encode())

    def end(self) -> None:
        """Nothing is left."""


def _more(row: dict[str, object]) -> str:
    """The other columns as they follow a first one; dates and decimals of parquet as their text."""
    return f", {json.dumps(row, ensure_ascii=False, default=str)[1:-1]}" if row else ""


class _Parquet:
    """Columns in row groups of ROWS rows; what kind of values a column holds, its first rows say."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file, self._name = file, name
        self._held: list[dict[str, object]] = []
        self._writer: Any = None

    def write(self, batch: Batch) -> None:
        columns = batch.columns or [{}] * len(batch.texts)
        self._held += [{self._name: text, **row} for text, row in zip(batch.texts, columns, strict=True)]
        if len(self._held) >= ROWS:
            self._group()

    def end(self) -> None:
        if self._held or self._writer is None:
            self._group()
        self._writer.close()

    def _group(self) -> None:
        import pyarrow
        from pyarrow import parquet

        try:
            table = pyarrow.Table.from_pylist(
                self._held, schema=None if self._writer is None else self._writer.schema
            )
        except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError) as error:
            raise DataError(
                f"a column holds values of several kinds, which parquet does not: {error}",
                fix="write .jsonl, which holds any",
            ) from error
        if self._writer is None:
            self._writer = parquet.ParquetWriter(self._file, table.schema)
        self._writer.write_table(table)
        self._held = []
