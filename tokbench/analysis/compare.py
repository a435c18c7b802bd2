"""Several tokenizers on several corpora: each corpus is read once, and every tokenizer gets each batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import tee
from pathlib import PurePath

from tokbench.analysis.backends import Backend, backend_for
from tokbench.analysis.corpus_stats import CorpusStats, StatsCollector, sample_batches
from tokbench.analysis.measure import Measured, Scorer, Tally, ensure_pairs, probe, surprise
from tokbench.analysis.parity import Parity, measure_parity
from tokbench.corpus.reading import Corpus, open_corpus
from tokbench.errors import UsageError
from tokbench.pretrained.folder import TokenizerSource, load
from tokbench.progress import Progress, silent


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


@dataclass(frozen=True, kw_only=True)
class Comparison:
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
