"""A corpus becomes a file of counts, by whichever engine can do it."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache, partial
from os import PathLike
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from tokbench.corpus.reading import CorpusFacts, CorpusSource, as_corpus
from tokbench.errors import UsageError
from tokbench.io.atomic import ensure_writable
from tokbench.io.extras import require
from tokbench.native.scanner import scanner_for
from tokbench.progress import Progress, silent
from tokbench.results import Result
from tokbench.training.counting import store
from tokbench.training.counting.external import BUDGET, Counting, count_externally
from tokbench.training.counting.store import PackedWords
from tokbench.training.engine import (
    COUNT_ENGINES,
    COUNTING,
    Engine,
    EngineChoice,
    check_engine,
    choose_engine,
    in_bytes,
)
from tokbench.training.probe import probed_counting
from tokbench.training.word_counts import CountedCorpus, PipelineRecord, WordCounts

WORKERS = 2


@dataclass(frozen=True, repr=False)
class Counted(Result, kind="counted"):
    """A file of counts that was written.

    words: different ones in the file; total: with repetitions; fingerprint: of pipeline, words and counts.
    engine: compiled, library or dask; why: the reason for it, "" for the compiled one.
    """

    path: Path
    words: int
    total: int
    corpus: CountedCorpus
    min_count: int
    fingerprint: str
    engine: Engine
    why: str


@dataclass(frozen=True, kw_only=True)
class CountOptions:
    """How to count: which engine, within how many bytes of memory, and for dask which cluster.

    workers: threads, and for dask processes on this machine; scheduler: the address of an existing cluster,
    which brings its own. UsageError for what does not go together.
    """

    engine: str = "auto"
    memory: int = BUDGET
    workers: int | None = None
    scheduler: str | None = None

    def __post_init__(self) -> None:
        """Refuse what would be left unused."""
        check_engine(self.engine, COUNT_ENGINES)
        if self.scheduler is not None and self.engine != "dask":
            raise UsageError("--scheduler needs --engine dask", fix="add --engine dask")
        if self.scheduler is not None and self.workers is not None:
            raise UsageError("--workers cannot be used with --scheduler", fix="leave out one of them")


@dataclass(frozen=True)
class Texts:
    """What to count: the corpus, the column of tables, the tokenizer whose blocks make words of texts."""

    source: CorpusSource
    column: str | None
    tokenizer: Tokenizer


Tallied = tuple[Iterator[PackedWords], CountedCorpus, EngineChoice]


def count_corpus(
    source: CorpusSource,
    tokenizer: Tokenizer,
    output: Path,
    *,
    column: str | None = None,
    ways: CountOptions | None = None,
    min_count: int = 1,
    force: bool = False,
    progress: Progress = silent,
) -> Counted:
    """Count the words that a tokenizer's normalizer and pre_tokenizer make, and save them.

    Whatever can be known before reading is checked before: the output, the packages, the engine.
    """
    ways = ways or CountOptions()
    require("pyarrow", extra="data", what="a file of counts")
    ensure_writable(output, magic=store.MAGIC, force=force)
    pipeline = PipelineRecord.of(tokenizer)
    texts = Texts(source, column, tokenizer)
    counting = (
        _by_dask(texts, ways, output, min_count, progress)
        if ways.engine == "dask"
        else _here(texts, ways, _existing(output), min_count, progress)
    )
    with counting as (blocks, corpus, choice):
        saved = store.save_counts(blocks, output, pipeline, corpus, min_count=min_count)
    return Counted(
        path=output,
        words=saved.words,
        total=saved.total,
        corpus=corpus,
        min_count=min_count,
        fingerprint=saved.fingerprint,
        engine=choice.engine,
        why=choice.why,
    )


def count_in_memory(
    source: CorpusSource,
    tokenizer: Tokenizer,
    *,
    column: str | None = None,
    ways: CountOptions | None = None,
    min_count: int = 1,
    progress: Progress = silent,
) -> WordCounts:
    """The words that a tokenizer's normalizer and pre_tokenizer make; no file of them is written."""
    words, corpus = count_packed(
        source, tokenizer, column=column, ways=ways, min_count=min_count, progress=progress
    )
    pipeline = PipelineRecord.of(tokenizer)
    return replace(words.word_counts(), pipeline=pipeline, corpus=corpus, min_count=min_count)


def count_packed(
    source: CorpusSource,
    tokenizer: Tokenizer,
    *,
    column: str | None = None,
    ways: CountOptions | None = None,
    min_count: int = 1,
    progress: Progress = silent,
) -> tuple[PackedWords, CountedCorpus]:
    """The same words as bytes in a row, the most frequent first, and what was counted."""
    ways = ways or CountOptions()
    if ways.engine == "dask":
        raise UsageError("the engine dask counts into a file", fix="name one with output=, or another engine")
    texts = Texts(source, column, tokenizer)
    with _here(texts, ways, None, min_count, progress) as (blocks, corpus, _):
        return store.joined_words(list(blocks)), corpus


def count_as_found(
    source: CorpusSource, tokenizer: Tokenizer, *, column: str | None = None, progress: Progress = silent
) -> tuple[PackedWords, CountedCorpus, bool]:
    """The same words in no order; and whether they are still the bytes that ByteLevel spells."""
    texts = Texts(source, column, tokenizer)
    one = CountOptions(workers=1)  # as training counts: two have a table each, which must be joined
    with _here(texts, one, None, 1, progress, as_found=True) as (blocks, corpus, choice):
        words = store.joined_words(list(blocks))
    scanner = scanner_for(tokenizer) if choice.compiled else ""
    return words, corpus, not isinstance(scanner, str) and scanner.split.bytewise


@contextmanager
def _here(
    texts: Texts,
    ways: CountOptions,
    folder: Path | None,
    min_count: int,
    progress: Progress,
    *,
    as_found: bool = False,
) -> Iterator[Tallied]:
    """Counted on this machine; what memory cannot hold lies in the folder, or where the system has such."""
    corpus = as_corpus(texts.source, column=texts.column, progress=progress)
    served = cache(partial(scanner_for, texts.tokenizer))
    choice = choose_engine(COUNTING, ways.engine, size=corpus.size, served=served, progress=progress)
    batches: Iterable[Any] = corpus
    if choice.compiled:
        compiled = in_bytes(corpus, progress=progress)
        choice, batches = probed_counting(choice, texts.tokenizer, compiled)
    scanner = served() if choice.compiled else None
    assert not isinstance(scanner, str)
    how = Counting(texts.tokenizer, scanner, ways.memory, ways.workers, folder, as_found)
    with count_externally(batches, how, min_count=min_count, progress=progress) as blocks:
        yield blocks, corpus_of(corpus.facts), choice


@contextmanager
def _by_dask(
    texts: Texts, ways: CountOptions, output: Path, min_count: int, progress: Progress
) -> Iterator[Tallied]:
    """Counted by the workers of a cluster; what they finish is kept beside the output until that is there."""
    from tokbench.training.counting.dask_cluster import Cluster, count_distributed  # 12 ms, seldom needed

    work = output.with_name(f".{output.name}.shards")
    with (
        _gone_if_empty(work),
        count_distributed(
            _paths(texts.source),
            texts.tokenizer,
            work,
            cluster=Cluster(scheduler=ways.scheduler, workers=ways.workers or WORKERS),
            column=texts.column,
            min_count=min_count,
            memory=ways.memory,
            progress=progress,
        ) as (words, corpus, why),
    ):
        yield words, corpus, EngineChoice("dask", why or "it was asked for")
    shutil.rmtree(work, ignore_errors=True)


def _paths(source: CorpusSource) -> Sequence[str]:
    """The files that workers of a cluster open themselves."""
    given = [source] if isinstance(source, str | PathLike) else source
    if not isinstance(given, list | tuple):
        raise UsageError("the engine dask counts files", fix="give paths, or another engine")
    return [str(path) for path in given]


@contextmanager
def _gone_if_empty(folder: Path) -> Iterator[None]:
    """A folder in which nothing was finished is not left behind."""
    try:
        yield
    finally:
        with suppress(OSError):
            folder.rmdir()


def corpus_of(facts: CorpusFacts) -> CountedCorpus:
    """The facts that do not depend on where the files lie."""
    names = tuple(source.rpartition("/")[2] for source in facts.sources)
    return CountedCorpus(names, facts.texts, facts.blank, facts.utf8_bytes)


def _existing(path: Path) -> Path:
    """The nearest folder above that exists."""
    return next(folder for folder in path.absolute().parents if folder.is_dir())
