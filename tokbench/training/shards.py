"""A corpus in shards to be counted apart: ranges of large plain files, cut at line ends, or whole files."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from glob import has_magic
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

from tokbench.corpus.columns import gathered
from tokbench.corpus.decoding import Decoding
from tokbench.corpus.intake import Intake
from tokbench.corpus.lines import Part, line_blocks, read_txt
from tokbench.corpus.reading import RECORDS
from tokbench.corpus.sources import COMPRESSIONS, FORMATS, Source, find_sources
from tokbench.corpus.unpacking import CHUNK, opened
from tokbench.errors import DataProblem, FileProblem

SHARD = 1 << 26  # bytes: some seconds of work, so that little is lost with one and starting it costs nothing


@dataclass(frozen=True)
class Shard:
    """A part of a source: the lines of a plain file that begin at bytes from start to end, or all of another.

    url: where it is when it is no file of this machine; mark: what changes when the file does.
    """

    source: Source
    url: str
    start: int
    end: int
    mark: str


def plan(paths: Sequence[str], *, size: int = SHARD) -> list[Shard]:
    """The shards of these files, folders, globs and URLs, in the order in which they would be read."""
    found: dict[str, Shard] = {}
    for path in paths:
        for shard in _remote(path) if "://" in path else _local(path):
            found.setdefault(shard.url or str(shard.source.path), shard)
    return [part for whole in found.values() for part in _parts(whole, size)]


def batches(shard: Shard, column: str | None, intake: Intake) -> Iterator[list[str] | bytes]:
    """The texts of a shard, passed through an intake, which counts them."""
    for part in _texts(shard, column):
        yield from intake.take(part)
    yield from intake.last()


def _local(path: str) -> Iterator[Shard]:
    for source in find_sources([path]):
        if source.path is None:
            raise FileProblem("stdin cannot be counted in shards", fix="save it to a file and name the file")
        real = source.path.resolve()
        yield Shard(replace(source, path=real), "", 0, source.size, str(real.stat().st_mtime_ns))


def _remote(url: str) -> Iterator[Shard]:
    """The files behind a URL, through fsspec."""
    disk, root = _disk(url)
    try:
        if has_magic(root):
            names = disk.glob(root)
        else:
            names = (
                [name for name in disk.find(root) if _is_wanted(name, root)] if disk.isdir(root) else [root]
            )
        infos = [disk.info(name) for name in sorted(names)]
    except (OSError, ValueError) as error:
        raise FileProblem(
            f"cannot read {url}: {error}", fix="look whether it is there, and may be read"
        ) from error
    if not infos:
        raise FileProblem(f"{url} holds no file to read ({' '.join(FORMATS)})", fix="name a file itself")
    for info in infos:
        name, whole = str(info["name"]), disk.unstrip_protocol(info["name"])
        kind, compression = _kind(name)
        source = Source(whole, Path(name), kind or "txt", compression, int(info["size"] or 0))
        yield Shard(source, whole, 0, source.size, disk.ukey(name))


def _disk(url: str) -> tuple[Any, str]:
    """The file system of a URL, and the path in it."""
    from fsspec.core import url_to_fs

    try:
        disk, root = url_to_fs(url)
    except (ValueError, ImportError) as error:
        raise FileProblem(
            f"cannot read {url}: {error}", fix="install what it needs, or copy the files"
        ) from error
    return disk, str(root)


def _is_wanted(name: str, root: str) -> bool:
    """Whether a file in a folder is a text file and not hidden."""
    inside = PurePosixPath(name[len(root) :].lstrip("/"))
    return bool(_kind(name)[0]) and not any(part.startswith(".") for part in inside.parts)


def _kind(name: str) -> tuple[str, str]:
    """Format and compression by suffix, as for local files."""
    path = PurePosixPath(name.lower())
    compression = COMPRESSIONS.get(path.suffix, "")
    suffix = PurePosixPath(path.stem).suffix if compression else path.suffix
    return FORMATS.get(suffix, ""), compression


def _parts(whole: Shard, size: int) -> list[Shard]:
    """A plain file in ranges of about equal size; anything else as it is."""
    source = whole.source
    number = 1 + (source.size - 1) // size
    if source.format != "txt" or source.compression or number < 2:
        return [whole]
    cuts = [source.size * each // number for each in range(number + 1)]
    return [replace(whole, start=start, end=end) for start, end in pairwise(cuts)]


def _texts(shard: Shard, column: str | None) -> Iterator[Part]:
    source = shard.source
    if source.format == "txt" and not source.compression:
        yield from _lines(shard)
        return
    with _at_hand(shard) as local:
        if source.format == "txt":
            yield from read_txt(local, _ignore)
        else:
            texts = RECORDS[source.format](local, column, _ignore)
            yield from map(Part, gathered(texts, size=CHUNK))


def _ignore(done: int) -> None:
    """Nobody watches a shard."""


@contextmanager
def _at_hand(shard: Shard) -> Iterator[Source]:
    """The source as a local file: some formats are read from their end, and decompressors know files only."""
    if not shard.url:
        yield shard.source
        return
    with tempfile.TemporaryDirectory() as folder:
        disk, root = _disk(shard.url)
        path = Path(folder, PurePosixPath(root).name)
        disk.get_file(root, str(path))
        yield replace(shard.source, path=path)


def _lines(shard: Shard) -> Iterator[Part]:
    """The lines that begin in the shard's range."""
    decoding, lines = Decoding(shard.source), 0
    if shard.start:
        decoding.block(b"\n", lines=0)  # so that what follows is not the beginning, where a mark is dropped
    with _open(shard) as file:
        try:
            for block in line_blocks(_range(file, shard.start, shard.end)):
                utf8, text = decoding.block(block, lines=lines)
                texts = text.split("\n")
                unfinished = texts.pop()
                lines = len(texts)
                yield Part(texts, unfinished, utf8)
        except DataProblem as error:
            if not shard.start:
                raise
            where = f"{error.message} (counted from byte {shard.start:,} of the file)"
            raise DataProblem(where, fix=error.fix) from error


def _open(shard: Shard) -> AbstractContextManager[BinaryIO]:
    if not shard.url:
        return opened(shard.source)
    disk, root = _disk(shard.url)
    return cast(AbstractContextManager[BinaryIO], disk.open(root, "rb"))


def _range(file: BinaryIO, start: int, end: int) -> Iterator[bytes]:
    """The bytes of the lines that begin at a byte from `start` to `end`, the last one whole."""
    at, last = start, b"\n"
    if start:
        file.seek(start - 1)
        at += _rest_of_line(file, end - start + 1) - 1
    while at < end and (last := file.read(min(CHUNK, end - at))):
        at += len(last)
        yield last
    while at >= end > start and last and not last.endswith(b"\n"):
        last = file.readline(CHUNK)
        yield last


def _rest_of_line(file: BinaryIO, most: int) -> int:
    """Pass over what is left of a line, at most so many bytes; how many there were."""
    passed = 0
    while passed < most and (piece := file.readline(min(CHUNK, most - passed))):
        passed += len(piece)
        if piece.endswith(b"\n"):
            break
    return passed
