"""Several tokenizers on several corpora, parallel ones too: each is read once, and each batch goes to all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, tee, zip_longest
from operator import itemgetter
from pathlib import PurePath

import numpy as np

from tokbench.analysis.backends import Backend, backend_for
from tokbench.analysis.corpus_metrics import gini, parity
from tokbench.analysis.corpus_stats import CorpusStats, StatsCollector, sample_batches
from tokbench.analysis.measure import Measured, Scorer, Tally, ensure_pairs, probe, surprise
from tokbench.corpus.lines import TextPart, read_txt
from tokbench.corpus.reading import Corpus, open_corpus
from tokbench.corpus.sources import Source, find_sources
from tokbench.errors import DataError, UsageError
from tokbench.pretrained.folder import TokenizerSource, load
from tokbench.progress import Progress, silent
from tokbench.results import Result

ROWS = 4096  # lines taken at once

Rows = Sequence[Sequence[str]]  # of each language, its lines


@dataclass(frozen=True, kw_only=True)
class ParityRow:
    """One tokenizer: tokens of each language, and over those of the base language; gini of the tokens."""

    tokenizer: str
    tokens: tuple[int, ...]
    parity: tuple[float, ...]
    gini: float


@dataclass(frozen=True, kw_only=True)
class Parity:
    """Languages, the base first; `lines` were compared, `left_out` were blank in one of them."""

    languages: tuple[str, ...]
    lines: int
    left_out: int
    rows: tuple[ParityRow, ...]


def measure_parity(
    backends: Sequence[Backend],
    paths: Sequence[str],
    names: Sequence[str],
    *,
    progress: Progress = silent,
) -> Parity:
    """The tokens of each language; DataError where the files do not have the same number of lines."""
    sources = _sources(paths)
    aligned = _Aligned(sources, progress)
    feeds = tee(aligned, len(backends) * len(paths))
    places = [(each, language) for each in backends for language in range(len(paths))]
    streams = [
        each.stream(map(itemgetter(language), feed), size=sum(source.size for source in sources))
        for (each, language), feed in zip(places, feeds, strict=True)
    ]
    tokens = np.zeros((len(backends), len(paths)), np.int64)
    for row in zip(*streams, strict=True):
        tokens += np.array([len(each.ids) for each in row]).reshape(tokens.shape)
    rows = [_row(each.name, counts) for each, counts in zip(backends, tokens.tolist(), strict=True)]
    return Parity(languages=tuple(names), lines=aligned.lines, left_out=aligned.left_out, rows=tuple(rows))


def _row(name: str, tokens: Sequence[int]) -> ParityRow:
    ratios = tuple(parity(tokens=each, tokens_of_base=tokens[0]) for each in tokens)
    return ParityRow(tokenizer=name, tokens=tuple(tokens), parity=ratios, gini=gini(np.array(tokens)))


def _sources(paths: Sequence[str]) -> list[Source]:
    """One plain file for each language."""
    if len(paths) < 2:
        raise UsageError(
            "parity needs two files or more, whose lines say the same",
            fix="--parallel base.txt --parallel other.txt",
        )
    found = [find_sources([path]) for path in paths]
    for path, sources in zip(paths, found, strict=True):
        if len(sources) != 1 or sources[0].format != "txt" or sources[0].path is None:
            raise DataError(f"{path} is not one file of plain lines", fix="give one .txt file a language")
    return [sources[0] for sources in found]


class _Aligned:
    """The lines of all files side by side, those left out that are blank in one of them."""

    def __init__(self, sources: Sequence[Source], progress: Progress) -> None:
        self._sources = sources
        self._progress = progress
        self.lines = self.left_out = 0

    def __iter__(self) -> Iterator[Rows]:
        rows = zip_longest(*(_lines(source) for source in self._sources))
        while taken := list(islice(rows, ROWS)):
            self._same_end(taken[-1])
            kept = [row for row in taken if all(text.strip() for text in row)]
            self.lines += len(kept)
            self.left_out += len(taken) - len(kept)
            self._progress("parity", self.lines)
            if kept:
                yield [list(language) for language in zip(*kept, strict=True)]
        if not self.lines:
            raise DataError("the parallel files share no line with text", fix="look at the files")

    def _same_end(self, row: Sequence[str | None]) -> None:
        ended = [source.name for source, text in zip(self._sources, row, strict=True) if text is None]
        if ended:
            more = [source.name for source, text in zip(self._sources, row, strict=True) if text is not None]
            raise DataError(
                f"{ended[0]} has fewer lines than {more[0]}, so they do not say the same",
                fix="give files whose lines belong together: line 7 of one translates line 7 of the other",
            )


def _lines(source: Source) -> Iterator[str]:
    """All lines, blank ones too, whole."""
    return chain.from_iterable(_whole(read_txt(source, lambda done: None)))


def _whole(parts: Iterable[TextPart]) -> Iterator[list[str]]:
    begun = ""
    for part in parts:
        texts = list(part.texts)
        if texts:
            texts[0], begun = begun + texts[0], ""
        begun += part.unfinished
        yield texts
    if begun:
        yield [begun]


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A tokenizer that was compared: the name it has in tables, how it was asked for, whose, its tokens.

    model: the language model that its texts were shown to, if one was.
    """

    name: str
    asked: str
    library: str
    size: int
    model: str | None = None


@dataclass(frozen=True, kw_only=True, repr=False)
class Comparison(Result, kind="comparison", table="results"):
    """Every tokenizer on every corpus; `results` go corpus by corpus, tokenizers in the order asked for."""

    tokenizers: tuple[Compared, ...]
    corpora: tuple[CorpusStats, ...]
    results: tuple[Measured, ...]
    parity: Parity | None
    sample: int | None
    seed: int


@dataclass(frozen=True, kw_only=True)
class CompareOptions:
    """How to compare: so many texts of each corpus (all without), drawn by a seed; a longest input."""

    column: str | None = None
    sample: int | None = None
    seed: int = 42
    max_length: int | None = None


@dataclass(frozen=True)
class Work:
    """Who is compared, each with its model or None, and the bytes that all of them will encode together."""

    backends: Sequence[Backend]
    scorers: Sequence[Scorer | None]
    size: int | None
    progress: Progress


def compare(
    tokenizers: Sequence[TokenizerSource],
    corpora: Sequence[str] = (),
    *,
    parallel: Sequence[str] = (),
    scorers: Sequence[Scorer | None] = (),
    column: str | None = None,
    sample: int | None = None,
    seed: int = CompareOptions.seed,
    max_length: int | None = None,
    progress: Progress = silent,
) -> Comparison:
    """Measure these tokenizers on these corpora, and on parallel files, the base language first.

    Everything is looked up before anything is read. A corpus is a path, a folder, a glob or "-".
    `scorers` are the language models of the tokenizers, in their order, None for one without.
    """
    ways = CompareOptions(column=column, sample=sample, seed=seed, max_length=max_length)
    if not corpora and not parallel:
        raise UsageError("there is nothing to compare on", fix="name a corpus: --corpus corpus.txt")
    backends = [backend_for(each) for each in tokenizers]
    names = [each if isinstance(each, str) else load(each).name for each in tokenizers]
    for each, name in zip(backends, short(names), strict=True):
        each.name = name
    scorers = [*scorers, *[None] * (len(backends) - len(scorers))]
    ensure_pairs(backends, scorers)
    opened = [
        open_corpus([path], column=ways.column, progress=_named(progress, name))
        for path, name in zip(corpora, short(corpora, stems=True), strict=True)
    ]
    named = zip(short(corpora, stems=True), opened, strict=True)
    work = Work(backends, scorers, _size(opened * len(backends)), progress)
    found = [measure(name, corpus, work, ways) for name, corpus in named]
    return Comparison(
        tokenizers=tuple(
            Compared(
                name=each.name,
                asked=asked,
                library=each.library,
                size=each.size,
                model=None if scorer is None else scorer.name,
            )
            for each, asked, scorer in zip(backends, names, scorers, strict=True)
        ),
        corpora=tuple(ground for ground, _ in found),
        results=tuple(measured for _, several in found for measured in several),
        parity=measure_parity(backends, parallel, short(parallel, stems=True), progress=progress)
        if parallel
        else None,
        sample=ways.sample,
        seed=ways.seed,
    )


def short(names: Sequence[str], *, stems: bool = False) -> list[str]:
    """The last part of each name, or all of it where two would be alike.

    >>> short(["runs/a/tok", "runs/b/tok", "gpt2"])
    ['runs/a/tok', 'runs/b/tok', 'gpt2']
    >>> short(["data/en.txt.gz", "ko.txt"], stems=True)
    ['en', 'ko']
    """
    lasts = [PurePath(name).name or name for name in names]
    if stems:
        lasts = [last.split(".")[0] or last for last in lasts]
    return [last if lasts.count(last) == 1 else name for name, last in zip(names, lasts, strict=True)]


def _named(progress: Progress, name: str) -> Progress:
    """The same progress, its stage named after the corpus."""
    return lambda stage, done, total=None: progress(f"Comparing on {name}", done, total)


def _size(corpora: Sequence[Corpus]) -> int | None:
    """The bytes of all; None with standard input, whose size nobody knows."""
    sizes = [corpus.size for corpus in corpora]
    return None if None in sizes else sum(size for size in sizes if size is not None)


def measure(
    name: str, corpus: Corpus, work: Work, ways: CompareOptions
) -> tuple[CorpusStats, list[Measured]]:
    """All tokenizers on one corpus, which is read once."""
    backends = work.backends
    survey, tallies = StatsCollector(ways.seed), [Tally(each) for each in backends]
    own, *feeds = tee(sample_batches(corpus, sample=ways.sample, seed=ways.seed), len(backends) + 1)
    streams = [
        each.stream(feed, size=work.size, progress=work.progress)
        for each, feed in zip(backends, feeds, strict=True)
    ]
    for batch, *encoded in zip(own, *streams, strict=True):  # a batch is held until all have had it
        survey.add(batch)
        for tally, part in zip(tallies, encoded, strict=True):
            tally.add(part)
    ground, closer = survey.ground(name, corpus), survey.closer()
    return ground, [
        tally.measured(
            ground,
            probe(tally.backend, closer),
            max_length=ways.max_length,
            bits_per_byte=None
            if scorer is None
            else surprise(
                scorer,
                tally.backend,
                closer,
                stage=f"{scorer.name} on {name}",
                progress=work.progress,
            ),
        )
        for tally, scorer in zip(tallies, work.scorers, strict=True)
    ]
