"""A corpus: its files read one after the other into batches of texts, and what passed."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import chain, groupby
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Union, cast

from tokbench.corpus.compression import CHUNK, Done
from tokbench.corpus.decoding import half_character
from tokbench.corpus.lines import LIMIT, Sieve, Sieved, TextPart, read_txt, split_long_text
from tokbench.corpus.source import ARCHIVES, COMPRESSIONS, FORMATS, Source
from tokbench.corpus.sources import find_sources
from tokbench.errors import DataError, FileError, UsageError
from tokbench.io.extras import require
from tokbench.progress import Progress, silent

if TYPE_CHECKING:
    from tokbench.corpus.objects import HeldTexts

BATCH = 1 << 20  # bytes from which a batch is full
NOTES: dict[
    str, str
] = {}  # each under itself: what was guessed in reading, which the program says once, at its end
NEEDS = {"parquet": "pyarrow", "arrow": "pyarrow", "saved": "pyarrow", "hub": "datasets"}
READ_AS = {"saved": "what save_to_disk wrote", "hub": "a dataset by name"}
SHOWN_NOTES = 10
LONGEST_TEXT = 1 << 27  # characters of a text that is kept whole: it must fit in memory several times over


class Intake:
    """Counts of the texts so far, before any cutting; a text of white space only is blank and no text.

    With `raw`, lines come out as UTF-8 with a line feed after each, where there is no long one. Those are cut
    unless `whole`: words may be counted in pieces, but not every text is the sum of its pieces.
    """

    def __init__(self, *, raw: bool = False, whole: bool = False) -> None:
        self._raw, self._cuts = raw, not whole
        self.texts = self.blank = self.utf8_bytes = 0
        self.sha256 = sha256()  # over all texts, each followed by a line feed
        self._held: list[list[str] | bytes] = []  # for the next batches, in the order of the source
        self._size = 0  # bytes in it
        self._long = _Unfinished()

    def take(self, part: TextPart) -> Iterator[list[str] | bytes]:
        """The batches that this part fills."""
        if part.sieved is not None:
            self._sieved(part.sieved)
            yield from self._full()
            return
        texts, utf8 = part.texts, part.utf8
        if self._long.begun and texts:
            yield from self._go_on(texts[0])
            self._finish()
            texts, utf8 = texts[1:], b""
        self._whole(texts, utf8)
        yield from self._full()
        if part.unfinished:
            yield from self._go_on(part.unfinished)

    def last(self) -> Iterator[list[str] | bytes]:
        """The batches that are left: texts that stand together, and lines that do."""
        for kind, parts in groupby(self._held, type):
            if kind is bytes:
                yield b"".join(cast(Iterator[bytes], parts))
            else:
                yield list(chain.from_iterable(cast(Iterator[list[str]], parts)))

    def facts(self, names: tuple[str, ...]) -> CorpusFacts:
        """What has passed, by the names of its sources; DataError if no text has."""
        if not self.texts:
            raise _no_texts(names, self.blank)
        return CorpusFacts(names, self.texts, self.blank, self.utf8_bytes, self.sha256.hexdigest())

    def _sieved(self, sieved: Sieved) -> None:
        self.texts += sieved.texts
        self.blank += sieved.blank
        self.sha256.update(sieved.utf8)
        self.utf8_bytes += len(sieved.utf8) - sieved.texts
        self._size += len(sieved.utf8)
        self._held.append(sieved.utf8)

    def _whole(self, texts: list[str], utf8: bytes) -> None:
        kept, lines = _not_blank(texts), self._raw and bool(utf8)
        self.blank += len(texts) - len(kept)
        if not kept:
            return
        if len(kept) < len(texts) or not utf8:
            utf8 = ("\n".join(kept) + "\n").encode()
        self.sha256.update(utf8)
        self.texts += len(kept)
        self.utf8_bytes += len(utf8) - len(kept)
        self._size += len(utf8)
        if len(utf8) > LIMIT and max(map(len, kept)) > LIMIT:
            kept, lines = [piece for text in kept for piece in self._pieces(text)], False
        self._held.append(utf8 if lines else kept)

    def _full(self) -> Iterator[list[str] | bytes]:
        if self._size >= BATCH:
            yield from self.last()
            self._held, self._size = [], 0

    def _go_on(self, part: str) -> Iterator[list[str] | bytes]:
        for text in self._long.add(part):
            data = text.encode()
            self.sha256.update(data)
            self.utf8_bytes += len(data)
            self._size += len(data)
            if self._cuts:
                pieces, self._long.rest = split_long_text(self._long.rest + text)
                self._held.append(pieces)
                yield from self._full()
            else:
                self._long.keep(text)

    def _finish(self) -> None:
        if self._long.held:
            self.blank += 1
        else:
            self.texts += 1
            self.sha256.update(b"\n")
            self._held.append([self._long.rest + "".join(self._long.kept)])
        self._long = _Unfinished()

    def _pieces(self, text: str) -> list[str]:
        """The text cut into pieces, or alone."""
        if not self._cuts:
            return [text]
        pieces, rest = split_long_text(text)
        return [*pieces, rest]


class _Unfinished:
    """A text of which not all has come: what is not yet cut, or, as long as it may be blank, all of it.

    kept: the parts of a text that is not cut.
    """

    def __init__(self) -> None:
        self.begun = False
        self.rest = ""
        self.held: list[str] = []
        self.kept: list[str] = []
        self._characters = 0

    def keep(self, part: str) -> None:
        """Keep a part of a text that is not cut; DataError if the text is too long for that."""
        self._characters += len(part)
        if self._characters > LONGEST_TEXT:
            raise _too_long()
        self.kept.append(part)

    def add(self, part: str) -> list[str]:
        """What can be counted now: nothing while all is white space, then that and everything after it."""
        blank_so_far = bool(self.held) or not self.begun
        self.begun = True
        if not blank_so_far:
            return [part]
        if not part or part.isspace():
            # A line of nothing but spaces may be longer than memory: equal parts are one string.
            self.held.append(self.held[-1] if part in self.held[-1:] else part)
            return []
        ready, self.held = [*self.held, part], []
        return ready


def _too_long() -> DataError:
    return DataError(
        f"a text of the corpus is longer than {LONGEST_TEXT:,} characters",
        fix="cut it into several lines: each line is a text",
    )


def _not_blank(texts: list[str]) -> list[str]:
    """The texts with more in them than white space; most blank ones are empty, so those go first."""
    kept = list(filter(None, texts))
    return [text for text in kept if not text.isspace()] if any(map(str.isspace, kept)) else kept


PAUSE = 0.05  # seconds between two words on progress: 20 a second look smooth and cost nothing


@dataclass(frozen=True)
class CorpusFacts:
    """What a corpus held: its texts, the blank ones left out, and the bytes and fingerprint of the others.

    The fingerprint is the SHA-256 over all texts, each followed by a line feed. Texts are counted as they are
    in the files, before long ones are cut; compression and, for the same texts, the format do not matter.
    notes: what was guessed in reading them, such as a column.
    `cleaning` has the choices of a corpus that was cleaned, of which these are the facts then.
    """

    sources: tuple[str, ...]
    texts: int
    blank: int
    utf8_bytes: int
    sha256: str
    notes: tuple[str, ...] = ()
    cleaning: Mapping[str, Any] = field(default_factory=dict)


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

    def whole_texts(self) -> Iterator[list[str] | bytes]:
        """Batches as those of `blocks`, but no text is cut; DataError for one of more than LONGEST_TEXT."""
        return self._read(raw=True, whole=True)

    def rows(self) -> Iterator[list[str]]:
        """The same texts with nothing left out and nothing cut: the third row is the third line or record.

        The facts of such a pass have no fingerprint. DataError when there is no text at all.
        """
        texts = blank = utf8_bytes = 0
        for _, part in self.rows_by_source():
            try:
                utf8_bytes += len("".join(part).encode())
            except UnicodeEncodeError as error:
                raise half_character(error) from error
            blank += len(part) - len(_not_blank(part))
            texts += len(part)
            yield part
        if not texts:
            raise _no_texts(self.names, 0)
        self._facts = self._noted(CorpusFacts(self.names, texts - blank, blank, utf8_bytes, sha256=""))

    def _noted(self, facts: CorpusFacts) -> CorpusFacts:
        """The facts with what was guessed, which a command says at its end, too."""
        notes = [words for source in self.sources for words in source.notes]
        if len(notes) > SHOWN_NOTES:
            notes[SHOWN_NOTES:] = [f"… and {len(notes) - SHOWN_NOTES:,} more such notes on the corpus"]
        NOTES.update(zip(notes, notes, strict=True))
        return replace(facts, notes=tuple(notes))

    @property
    def names(self) -> tuple[str, ...]:
        """What the sources are called."""
        return tuple(source.name for source in self.sources)

    def rows_by_source(self) -> Iterator[tuple[int, list[str]]]:
        """All lines or records, blank ones too, some at a time, each time with the number of their source."""
        self._take_stdin()
        meter = _Meter(self._progress, self.sources)
        for number, source in enumerate(self.sources):
            begun: list[str] = []  # of a line that goes on in the next part
            for part in _parts(source, self._column, meter.inside, None):
                texts = list(part.texts)
                if begun and texts:
                    texts[0], begun = "".join((*begun, texts[0])), []
                begun += [part.unfinished] if part.unfinished else []
                if sum(map(len, begun)) > LONGEST_TEXT:
                    raise _too_long()
                yield number, texts
            if begun:
                yield number, ["".join(begun)]
            meter.passed(source)

    def _read(
        self, *, raw: bool, sieve: Sieve | None = None, whole: bool = False
    ) -> Iterator[list[str] | bytes]:
        self._take_stdin()
        intake, meter = Intake(raw=raw, whole=whole), _Meter(self._progress, self.sources)
        for source in self.sources:
            for part in _parts(source, self._column, meter.inside, sieve):
                yield from intake.take(part)
            meter.passed(source)
        yield from intake.last()
        self._facts = self._noted(intake.facts(self.names))

    @property
    def size(self) -> int | None:
        """Bytes of all sources as they lie there; None when that of one is not known, as of stdin."""
        known = all(source.is_sized for source in self.sources)
        return sum(source.size for source in self.sources) if known else None

    @property
    def facts(self) -> CorpusFacts:
        """What the last complete pass saw; there are none before."""
        if self._facts is None:
            raise RuntimeError("the facts of a corpus are known after a complete pass over it")
        return self._facts

    def _take_stdin(self) -> None:
        if self._stdin_is_read:
            raise FileError("stdin can be read only once", fix="save it to a file and name the file")
        self._stdin_is_read = any(source.is_stdin for source in self.sources)


class TextsCorpus(Corpus):
    """A corpus of texts that an object holds, or that come from an iterator; read as often as they can be.

    A text stays one text whatever is in it; its facts are those of a file with the same texts.
    """

    def __init__(self, texts: HeldTexts, *, progress: Progress) -> None:
        super().__init__((), column=None, progress=progress)
        self._texts = texts
        self._begun = False

    @property
    def size(self) -> int | None:
        """Characters of all texts; None for those that can be read only once."""
        return None if self._texts.only_once else sum(map(len, self._texts))

    @property
    def names(self) -> tuple[str, ...]:
        """What the object is called."""
        return (self._texts.name,)

    def rows_by_source(self) -> Iterator[tuple[int, list[str]]]:
        """The texts, some at a time; they are of one source."""
        return ((0, part) for part in self._parts())

    def _read(
        self, *, raw: bool, sieve: Sieve | None = None, whole: bool = False
    ) -> Iterator[list[str] | bytes]:
        intake = Intake(whole=whole)
        for part in self._parts():
            try:
                filled = list(intake.take(TextPart(part)))
            except UnicodeEncodeError as error:
                raise half_character(error) from error
            yield from filled
            self._progress("read", intake.utf8_bytes)
        yield from intake.last()
        self._facts = self._noted(intake.facts(("texts",)))

    def _noted(self, facts: CorpusFacts) -> CorpusFacts:
        return replace(facts, notes=self._texts.notes)

    def _parts(self) -> Iterator[list[str]]:
        """The texts, some at a time; UsageError when an iterator is to be read a second time."""
        if self._begun and self._texts.only_once:
            raise UsageError("an iterator of texts can be read only once", fix="give a list of them")
        from tokbench.corpus.tables import batches_of_size

        self._begun = True
        return batches_of_size(iter(self._texts), size=CHUNK)


LONGEST_PATH = 4096  # characters; what is longer is a text
ELSEWHERE = re.compile(r"(hf:|[a-z][a-z0-9+.:-]*://)\S+$")
CorpusSource = Union[str, "os.PathLike[str]", Corpus, Iterable[Any]]


class CorpusPaths(tuple[str, ...]):
    """Paths for sure, where a list of strings may be texts: one that leads nowhere is an error."""


def as_corpus(corpus: CorpusSource, *, column: str | None = None, progress: Progress = silent) -> Corpus:
    """The corpus in whatever holds texts: a path or several, texts, or a table's column of them.

    A list of strings is a list of paths when one of them exists or all end as corpus files do; to give such
    strings as texts, give `iter(list)`. Series and arrays of pandas, polars and Arrow are texts; of a Dataset
    `column` names them.

    >>> [batch for batch in as_corpus(["a text", "another one"])]
    [['a text', 'another one']]
    """
    if isinstance(corpus, Corpus):
        return corpus
    if isinstance(corpus, str | os.PathLike):
        return open_corpus([corpus], column=column, progress=progress)
    if isinstance(corpus, list | tuple) and are_paths(corpus):
        return open_corpus(corpus, column=column, progress=progress)
    from tokbench.corpus.objects import held_texts  # files need none of it

    return TextsCorpus(held_texts(corpus, column), progress=progress)


def are_paths(names: Sequence[object]) -> bool:
    """Whether these are paths rather than texts.

    >>> are_paths(["corpus.txt", "more.jsonl.gz"]), are_paths(["I read corpus.txt", "a text"])
    (True, False)
    """
    if isinstance(names, CorpusPaths) or any(isinstance(name, os.PathLike) for name in names):
        return True
    words = [
        name for name in names if isinstance(name, str) and len(name) < LONGEST_PATH and "\n" not in name
    ]
    if not names or len(words) < len(names):
        return False
    return any(map(_exists, words)) or all(map(_ends_as_a_file, words))


def _exists(name: str) -> bool:
    with suppress(OSError, ValueError):  # what is too long for a name, or holds a zero
        return (
            name == "-" or _is_elsewhere(name) or (name != "" and Path(name).exists())
        )  # "" is the folder we are in
    return False


def _is_elsewhere(name: str) -> bool:
    """Whether it is a URL, or names a dataset of the hub.

    >>> _is_elsewhere("s3://bucket/a.txt"), _is_elsewhere("hf:org/name"), _is_elsewhere("see https://a.b")
    (True, True, False)
    """
    return ELSEWHERE.match(name) is not None


def _ends_as_a_file(name: str) -> bool:
    suffixes = PurePath(name).suffixes
    return bool(suffixes) and suffixes[-1].lower() in (*FORMATS, *COMPRESSIONS, *ARCHIVES)


def open_corpus(
    paths: Sequence[str | os.PathLike[str]], *, column: str | None = None, progress: Progress = silent
) -> Corpus:
    """The corpus in these files, folders, globs or stdin ("-"); `column` names the texts in tables.

    What can be known before reading is checked here: the files, the packages they need, the use of a column.
    """
    sources = find_sources(paths)
    for source in sources:
        if source.format in NEEDS:
            require(
                NEEDS[source.format],
                extra="data",
                what=f"reading {READ_AS.get(source.format, source.format)}",
            )
        if source.compression == "zst":
            require("zstandard", extra="data", what="reading .zst files")
    if column is not None and all(source.format == "txt" for source in sources):
        raise DataError(
            f"{sources[0].name} is plain text and has no column {column!r}", fix="leave out --column"
        )
    return Corpus(sources, column=column, progress=progress)


def _parts(source: Source, column: str | None, done: Done, sieve: Sieve | None) -> Iterator[TextPart]:
    """The texts of one source, some at a time."""
    if source.format == "txt":
        return read_txt(source, done, sieve)
    if source.format in ARCHIVES.values():
        return _inside(source, column, done, sieve)
    return record_texts(source, column, done)


def _inside(source: Source, column: str | None, done: Done, sieve: Sieve | None) -> Iterator[TextPart]:
    """The texts of all members of an archive, one after the other."""
    from tokbench.corpus.archives import members

    for member in members(source, done):
        yield from _parts(member, column, _untold, sieve)


def _untold(_bytes: int) -> None:
    """The archive tells how far it is read."""


def record_texts(source: Source, column: str | None, done: Done) -> Iterator[TextPart]:
    """The texts in one column of a table or of JSON, and those of an archive."""
    if source.format in ARCHIVES.values():
        return _inside(source, column, done, None)
    from tokbench.corpus import (  # plain text needs none of them
        arrow_files,
        hub_datasets,
        json_lines,
        parquet,
        tables,
    )

    readers: dict[str, Callable[[Source, str | None, Done], Iterator[str]]] = {
        "csv": tables.read_csv,
        "tsv": tables.read_tsv,
        "json": json_lines.read_json,
        "jsonl": json_lines.read_jsonl,
        "parquet": parquet.read_parquet,
        "arrow": arrow_files.read_arrow,
        "saved": arrow_files.read_saved,
        "hub": hub_datasets.read_hub_dataset,
    }
    return map(TextPart, tables.batches_of_size(readers[source.format](source, column, done), size=CHUNK))


def _no_texts(names: tuple[str, ...], blank: int) -> DataError:
    where = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
    found = f"only blank ones ({blank})" if blank else "nothing to read"
    return DataError(f"no texts in {where}: {found}", fix="name a file with at least one text")


class _Meter:
    """Tells how many bytes on disk are read over all sources, at most every PAUSE seconds."""

    def __init__(self, progress: Progress, sources: tuple[Source, ...]) -> None:
        self._progress = progress
        known = all(source.is_sized for source in sources)
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
        self._before += source.size if source.is_sized else self._inside
        self._inside = 0
        self._progress("read", self._before, self._total)
