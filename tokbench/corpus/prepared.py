"""A cleaned corpus as files: lines, JSON lines or parquet, packed or not, split by hash of the text."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tokbench.corpus.cleaned import CleaningPass
from tokbench.corpus.cleaning.choices import Cleaning, parse_cleaning
from tokbench.corpus.cleaning.exact_dedup import hashes_of
from tokbench.corpus.cleaning.output_files import TextWriter, beside, suffixes_of, text_writer
from tokbench.corpus.cleaning.spool import Scratch
from tokbench.corpus.reading import CorpusSource, as_corpus
from tokbench.errors import UsageError
from tokbench.io.atomic import atomic_files, ensure_writable
from tokbench.progress import Progress, silent
from tokbench.results import Result

if TYPE_CHECKING:
    from tokbench.corpus.cleaning.text_batches import Batch, StepTally


@dataclass(frozen=True)
class StepCount:
    """What one step did: rows that came to it, rows it dropped, rows it changed, and one example.

    dropped_bytes: UTF-8 bytes of what it dropped, and what changed texts are shorter by.
    """

    name: str
    rows: int
    dropped: int
    dropped_bytes: int
    changed: int
    example: str


@dataclass(frozen=True)
class PreparedFile:
    """A file that was written, or would be: its split, its rows and bytes of text, and its own sha256."""

    path: Path | None
    split: str
    rows: int
    utf8_bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True, repr=False)
class PreparedCorpus(Result, kind="prepared", table="steps"):
    """A corpus that was cleaned and written to `files`; with `dry_run` nothing was written.

    sources: what was read, `read_bytes` of text. steps: in the order in which they ran. rows and utf8_bytes
    are what is left; sha256 is over all of it, each text followed by a line feed, as that of any corpus.
    cleaning: the choices, as `tokbench.json` records them.
    """

    sources: tuple[str, ...]
    read_bytes: int
    steps: tuple[StepCount, ...]
    rows: int
    utf8_bytes: int
    sha256: str
    files: tuple[PreparedFile, ...]
    dry_run: bool
    cleaning: Mapping[str, Any]


def prepare_corpus(
    corpus: CorpusSource,
    output: str | Path | None = None,
    *,
    clean: str | Sequence[str] = (),
    weights: str | Mapping[str, float] = "",
    sample: str | int | float = "",
    split: str | Mapping[str, float] = "",
    dry_run: bool = False,
    force: bool = False,
    progress: Progress = silent,
    **more: Any,  # noqa: ANN401  the fields of Cleaning
) -> PreparedCorpus:
    """Clean a corpus and write it: `output` ends in .txt, .jsonl or .parquet, .gz, .zst, .xz or .bz2 next.

    `clean` has the words of --clean: html, nfc (nfd, nfkc, nfkd), lower, strip, dedup, near, shuffle, and
    such as match=REGEX, min-chars=10, sort=text. `more` are column, keep, rename, match, not_match, dedup,
    near, min_chars, max_chars, sort, shuffle and seed. With `split`, train=.9,test=.1, a file for each is
    written beside `output`'s name. Steps run in one order; the same corpus and choices give the same bytes.
    Without output, or with dry_run, nothing is written. Raises UsageError and DataError for choices that do
    not fit, and NegativeResultError when no text is left.

    >>> done = prepare_corpus(["Fish &amp; chips", "Fish & chips", " "], clean="html,dedup")
    >>> [(step.name, step.dropped) for step in done.steps], done.rows
    ([('read', 0), ('html', 0), ('empty', 1), ('dedup', 1)], 1)
    """
    choices = parse_cleaning(clean, weights=weights, sample=sample, split=split, **more)
    opened = as_corpus(corpus, column=choices.column or None, progress=progress)
    out = None if output is None else _checked(Path(output), choices, force=force)
    splits = _Splits(choices)
    with Scratch() as scratch:
        pipeline = CleaningPass(opened, choices, scratch)
        if out is None or dry_run:
            for batch in pipeline:
                splits.take(batch, {})
            files = splits.files({})
        else:
            with atomic_files(beside(out, splits.names[0]), force=force) as (folder, _):
                written = {name: folder / beside(out, name).name for name in splits.names}
                with _writers(written, choices.text_name) as writers:
                    for batch in pipeline:
                        splits.take(batch, writers)
                files = splits.files({name: (beside(out, name), path) for name, path in written.items()})
    return PreparedCorpus(
        sources=opened.names,
        read_bytes=pipeline.tallies[0].utf8_bytes,
        steps=tuple(map(_step_count, pipeline.tallies)),
        rows=sum(splits.rows),
        utf8_bytes=sum(splits.utf8_bytes),
        sha256=splits.sha256.hexdigest(),
        files=files,
        dry_run=out is None or dry_run,
        cleaning=choices.record,
    )


def _step_count(tally: StepTally) -> StepCount:
    return StepCount(tally.name, tally.rows, tally.dropped, tally.dropped_bytes, tally.changed, tally.example)


def _checked(out: Path, choices: Cleaning, *, force: bool) -> Path:
    """The output, when it can hold what is asked for and may be written."""
    kind, _ = suffixes_of(out)
    if kind == ".txt" and (choices.keep or choices.rename):
        raise UsageError(
            f"{out} has lines and no columns", fix="write .jsonl or .parquet, or leave out --keep"
        )
    for name in choices.split or {"": 1.0}:
        ensure_writable(beside(out, name), magic=b"", force=force)
    return out


@contextmanager
def _writers(paths: Mapping[str, Path], name: str) -> Iterator[dict[str, TextWriter]]:
    with ExitStack() as stack:
        yield {split: stack.enter_context(text_writer(path, name)) for split, path in paths.items()}


class _Splits:
    """Deals texts out by their hash, so that a text is in one file however often and wherever it comes."""

    def __init__(self, choices: Cleaning) -> None:
        shares = choices.split or {"": 1.0}
        self.names = list(shares)
        self.rows, self.utf8_bytes = [0] * len(shares), [0] * len(shares)
        self.sha256 = hashlib.sha256()
        self._borders = np.cumsum(list(shares.values()))[:-1] * 2.0**64

    def take(self, batch: Batch, writers: Mapping[str, TextWriter]) -> None:
        """Count a batch, and write it where there are writers."""
        self.sha256.update(("\n".join(batch.texts) + "\n").encode())
        if len(self.names) == 1:
            self._put(0, batch, writers)
            return
        parts = np.searchsorted(self._borders, hashes_of(batch.texts).astype(np.float64), side="right")
        for number in range(len(self.names)):
            self._put(number, batch.keep((parts == number).tolist()), writers)

    def _put(self, number: int, batch: Batch, writers: Mapping[str, TextWriter]) -> None:
        self.rows[number] += len(batch.texts)
        self.utf8_bytes[number] += batch.utf8_bytes
        name = self.names[number]
        if batch.texts and name in writers:
            writers[name].write(batch)

    def files(self, written: Mapping[str, tuple[Path, Path]]) -> tuple[PreparedFile, ...]:
        """What is in each file; `written` has the place of each and where it is until all are complete."""
        return tuple(
            PreparedFile(
                written[name][0] if name in written else None,
                name,
                self.rows[number],
                self.utf8_bytes[number],
                _sha256(written[name][1]) if name in written else "",
            )
            for number, name in enumerate(self.names)
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
