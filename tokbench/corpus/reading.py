"""A corpus: its files read one after the other into batches of texts, and what passed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import cast

from tokbench.corpus.columns import gathered
from tokbench.corpus.intake import Intake
from tokbench.corpus.json_items import read_json, read_jsonl
from tokbench.corpus.lines import Part, Sieve, read_txt
from tokbench.corpus.parquet import read_parquet
from tokbench.corpus.sources import Source, find_sources
from tokbench.corpus.tables import read_csv, read_tsv
from tokbench.corpus.unpacking import CHUNK, Done
from tokbench.errors import DataProblem, FileProblem, MissingExtra
from tokbench.progress import Progress, silent

Reader = Callable[[Source, str | None, Done], Iterator[str]]
RECORDS: dict[str, Reader] = {
    "csv": read_csv,
    "tsv": read_tsv,
    "json": read_json,
    "jsonl": read_jsonl,
    "parquet": read_parquet,
}
PAUSE = 0.05  # seconds between two words on progress: 20 a second look smooth and cost nothing


@dataclass(frozen=True)
class CorpusFacts:
    """What a corpus held: its texts, the blank ones left out, and the bytes and fingerprint of the others.

    The fingerprint is the SHA-256 over all texts, each followed by a line feed. Texts are counted as they are
    in the files, before long ones are cut; compression and, for the same texts, the format do not matter.
    """

    sources: tuple[str, ...]
    texts: int
    blank: int
    utf8_bytes: int
    sha256: str


class Corpus:
    """An iterable of batches, lists of texts of about 1 MiB; a text beyond 65,536 characters comes in pieces.

    Each pass reads the files anew and holds one batch; only standard input cannot be read twice.
    """

    def __init__(self, sources: tuple[Source, ...], *, column: str | None, progress: Progress) -> None:
        self.sources = sources
        self._column = column
        self._progress = progress
        self._facts: CorpusFacts | None = None
        self._stdin_is_read = False

    def __iter__(self) -> Iterator[list[str]]:
        """Read all sources once, in order."""
        return cast(Iterator[list[str]], self._read(raw=False))  # bytes come only when raw

    def blocks(self, sieve: Sieve | None = None) -> Iterator[list[str] | bytes]:
        """The same texts for readers of bytes: where it costs nothing, UTF-8 with a line feed after each.

        A sieve that takes the blank lines out of a block makes this faster and changes nothing else.
        """
        return self._read(raw=True, sieve=sieve)

    def _read(self, *, raw: bool, sieve: Sieve | None = None) -> Iterator[list[str] | bytes]:
        self._take_stdin()
        intake, meter = Intake(raw=raw), _Meter(self._progress, self.sources)
        for source in self.sources:
            for part in _parts(source, self._column, meter.inside, sieve):
                yield from intake.take(part)
            meter.passed(source)
        yield from intake.last()
        names = tuple(source.name for source in self.sources)
        if not intake.texts:
            raise _no_texts(names, intake.blank)
        self._facts = CorpusFacts(
            sources=names,
            texts=intake.texts,
            blank=intake.blank,
            utf8_bytes=intake.utf8_bytes,
            sha256=intake.sha256.hexdigest(),
        )

    @property
    def size(self) -> int | None:
        """Bytes on disk of all sources; None when standard input is one of them."""
        known = all(source.path for source in self.sources)
        return sum(source.size for source in self.sources) if known else None

    @property
    def facts(self) -> CorpusFacts:
        """What the last complete pass saw; there are none before."""
        if self._facts is None:
            raise RuntimeError("the facts of a corpus are known after a complete pass over it")
        return self._facts

    def _take_stdin(self) -> None:
        if self._stdin_is_read:
            raise FileProblem("stdin can be read only once", fix="save it to a file and name the file")
        self._stdin_is_read = any(source.path is None for source in self.sources)


def open_corpus(
    paths: Sequence[str | os.PathLike[str]], *, column: str | None = None, progress: Progress = silent
) -> Corpus:
    """The corpus in these files, folders, globs or stdin ("-"); `column` names the texts in tables.

    What can be known before reading is checked here: the files, the packages they need, the use of a column.
    """
    sources = find_sources(paths)
    for source in sources:
        if source.format == "parquet":
            _need("reading parquet", "pyarrow")
        if source.compression == "zst":
            _need("reading .zst files", "zstandard")
    if column is not None and all(source.format == "txt" for source in sources):
        raise DataProblem(
            f"{sources[0].name} is plain text and has no column {column!r}", fix="leave out --column"
        )
    return Corpus(sources, column=column, progress=progress)


def _need(what: str, package: str) -> None:
    if find_spec(package) is None:
        raise MissingExtra(what, package, extra="data")


def _parts(source: Source, column: str | None, done: Done, sieve: Sieve | None) -> Iterator[Part]:
    """The texts of one source, some at a time."""
    if source.format == "txt":
        return read_txt(source, done, sieve)
    texts = RECORDS[source.format](source, column, done)
    return map(Part, gathered(texts, size=CHUNK))


def _no_texts(names: tuple[str, ...], blank: int) -> DataProblem:
    where = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
    found = f"only blank ones ({blank})" if blank else "nothing to read"
    return DataProblem(f"no texts in {where}: {found}", fix="name a file with at least one text")


class _Meter:
    """Tells how many bytes on disk are read over all sources, at most every PAUSE seconds."""

    def __init__(self, progress: Progress, sources: tuple[Source, ...]) -> None:
        self._progress = progress
        known = all(source.path for source in sources)
        self._total = sum(source.size for source in sources) if known else None
        self._before = 0  # bytes of the sources that are done
        self._inside = 0  # bytes of the one that is being read
        self._next = 0.0

    def inside(self, done: int) -> None:
        self._inside = done
        now = time.monotonic()
        if now >= self._next:
            self._next = now + PAUSE
            self._progress("read", self._before + done, self._total)

    def passed(self, source: Source) -> None:
        """One source is read to its end."""
        self._before += source.size if source.path else self._inside
        self._inside = 0
        self._progress("read", self._before, self._total)
