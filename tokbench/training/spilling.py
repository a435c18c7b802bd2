"""Count within a budget of memory: what does not fit waits on the disk as sorted runs, merged at the end.

A table of words that has its share of the budget is sorted, written and begun anew; the rest of the budget is
for its growth and for the sorting. At the end the runs are merged by word, their counts added up, then once
more by count, both times in blocks. Beyond the budget there are only the threads' buffers and the reader's:
some 40 MB, whatever the corpus. Measured for 20 MB of Korean, 421,222 words: with 16 MiB a peak 62 MB above
the start, with 64 MiB 98 MB, without a need for the disk 180 MB.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import numpy as np
from tokenizers import Tokenizer

from tokbench.errors import AskedWrongly, FileProblem
from tokbench.progress import Progress, silent
from tokbench.training import runs
from tokbench.training.counting import BLOCK, Block, Counter, blocks
from tokbench.training.kernels import layout as at
from tokbench.training.machine import loops
from tokbench.training.pipelines import Scanner
from tokbench.training.runs import Chain
from tokbench.training.spelled import Spelled, joined, of_arena, of_counts, summed
from tokbench.training.words import count_words
from tokbench.training.wordtable import WordTable

Batch = TypeVar("Batch", list[str], list[str] | bytes)

BUDGET = 1 << 30
SMALLEST_BUDGET = 1 << 24
TABLES = 4  # a table that grows takes three times its share for a moment, and sorting it about as much
TEXT_SHARE = (
    16  # the library's own table of natural text takes less than this many times its bytes (Korean: 7)
)


@dataclass(frozen=True)
class Counting:
    """How to count. scanner: None if the library does; memory: the budget in bytes; folder: for the runs."""

    tokenizer: Tokenizer
    scanner: Scanner | None
    memory: int = BUDGET
    threads: int = 2
    folder: Path | None = None


@contextmanager
def counted(
    batches: Iterable[Any], how: Counting, *, min_count: int = 1, progress: Progress = silent
) -> Iterator[Iterator[Spelled]]:
    """The words of these texts, the most frequent first and then by their bytes, in blocks, while inside.

    Batches are lists of texts; the compiled loops also take UTF-8 with a line feed after each text. They are
    read when the context is entered. What lies on the disk is removed when it is left.
    """
    if how.memory < SMALLEST_BUDGET:
        raise AskedWrongly(
            f"{how.memory:,} bytes of memory are too few to count in", fix=f"give {SMALLEST_BUDGET:,} or more"
        )
    with _folder(how.folder) as folder:
        spill = _Spill(folder, how.memory)
        engine = _by_library if how.scanner is None else _compiled
        yield spill.words(engine(batches, how, spill, progress), min_count)


@contextmanager
def _folder(parent: Path | None) -> Iterator[Path]:
    try:
        made = tempfile.TemporaryDirectory(prefix=".tokbench-words-", dir=parent, ignore_cleanup_errors=True)
    except OSError as error:
        raise FileProblem(
            f"nothing can be written in {parent}: {error.strerror}", fix="choose another -o"
        ) from error
    with made as folder:
        yield Path(folder)


def in_final_order(
    by_word: Sequence[Chain], folder: Path, *, memory: int = BUDGET, min_count: int = 1
) -> Iterator[Spelled]:
    """The words of chains sorted by word, counts added up, in their final order; `folder` is for runs."""
    by_count: list[Chain] = []
    held: list[Spelled] = []
    chains = runs.fewer(by_word, folder, memory=memory // 2)
    for block in runs.summed_by_word(chains, memory=memory // 2):
        held.append(_frequent(block, min_count))
        if sum(map(len, held)) * runs.ROW > memory // 2:
            path = folder / f"sorted-{len(by_count)}.words"
            by_count.append(runs.write_runs(path, [joined(held).by_count()]))
            held = []
    rest = joined(held).by_count()
    if not by_count:
        yield rest
        return
    by_count.append(runs.write_runs(folder / f"sorted-{len(by_count)}.words", [rest]))
    yield from runs.by_count(by_count, memory=memory // 2)


class _Spill:
    """The runs of words that did not fit into memory."""

    def __init__(self, folder: Path, memory: int) -> None:
        self._folder, self._memory = folder, memory
        self._runs: list[Chain] = []
        self._numbers = count()

    def write(self, words: Spelled) -> None:
        """Write these words as a run; threads may do so at the same time."""
        path = self._folder / f"{next(self._numbers)}.words"
        self._runs.append(runs.write_runs(path, [words.by_word()]))

    def words(self, parts: list[Spelled], min_count: int) -> Iterator[Spelled]:
        """All words in their final order, these parts included, those rarer than min_count dropped."""
        if not self._runs:
            once = parts[0] if len(parts) == 1 else summed(joined(parts))
            yield _frequent(once, min_count).by_count()
            return
        while parts:
            self.write(parts.pop())
        yield from in_final_order(self._runs, self._folder, memory=self._memory, min_count=min_count)


def _frequent(words: Spelled, min_count: int) -> Spelled:
    return words if min_count <= 1 else words.take(np.flatnonzero(words.counts >= min_count))


def _by_library(
    batches: Iterable[list[str]], how: Counting, spill: _Spill, progress: Progress
) -> list[Spelled]:
    """Count portions of which the library can hold the words; those of the last are returned."""
    parts: list[Spelled] = []
    for texts in portions(batches, how.memory // TEXT_SHARE):
        words = of_counts(count_words(how.tokenizer, texts, progress=progress))
        while parts:
            spill.write(parts.pop())
        parts = [words]
    return parts


def portions(batches: Iterable[Batch], size: int) -> Iterator[Iterator[Batch]]:
    """The batches in portions of so many characters; each must be read to its end before the next."""
    rest = iter(batches)
    return (_up_to(size, chain([first], rest)) for first in rest)


def _up_to(size: int, batches: Iterable[Batch]) -> Iterator[Batch]:
    """Batches until they have this many characters or bytes."""
    taken = 0
    for batch in batches:
        yield batch
        taken += len(batch) if isinstance(batch, bytes) else sum(map(len, batch))
        if taken >= size:
            return


def _compiled(
    batches: Iterable[list[str] | bytes], how: Counting, spill: _Spill, progress: Progress
) -> list[Spelled]:
    """Count in threads, each with a table that is written whenever it has its share; what remains."""
    scanner, compiled = how.scanner, loops(progress=progress)
    assert scanner
    share = how.memory // (TABLES * how.threads)
    source = _Source(blocks(_small(batches, share // 16)), progress)

    def work() -> WordTable:
        counter = Counter(scanner, compiled)
        for block in source:
            counter.count(block)
            if _is_full(counter.table, share):
                spill.write(_spelled(counter.table, scanner))
                counter = Counter(scanner, compiled)
        return counter.table

    with ThreadPoolExecutor(how.threads) as pool:
        try:
            futures = [pool.submit(work) for _ in range(how.threads)]
            wait(futures, return_when=FIRST_EXCEPTION)
            first, *others = (future.result() for future in futures)
        finally:
            source.stop()
    if sum(map(_size, others), _size(first)) > share:
        return [_spelled(table, scanner) for table in (first, *others)]
    for other in others:
        first.add(other)
    return [_spelled(first, scanner)]


def _spelled(table: WordTable, scanner: Scanner) -> Spelled:
    split = scanner.split
    return of_arena(table.arena, *table.words(), bytewise=split.bytewise, blank=split.blank)


def _is_full(table: WordTable, share: int) -> bool:
    """Whether a table that has its share is about to grow; it does when half of its slots are used."""
    size, slots = _size(table), 1 << int(table.job[at.SLOT_BITS])
    return size > 2 * share or (size > share and 8 * len(table) > 3 * slots)


def _size(table: WordTable) -> int:
    """The bytes that a table takes."""
    return int((8 * at.SLOT << int(table.job[at.SLOT_BITS])) + table.job[at.ARENA_SIZE])


def _small(batches: Iterable[list[str] | bytes], size: int) -> Iterator[list[str] | bytes]:
    """Batches cut so that one does not fill a table."""
    for batch in batches:
        if isinstance(batch, bytes):
            if size >= BLOCK:
                yield batch
                continue
            batch = batch.decode().removesuffix("\n").split("\n")
        step = max(1, len(batch) * size // max(1, sum(map(len, batch))))
        yield from (batch[start : start + step] for start in range(0, len(batch), step))


class _Source:
    """Blocks for whichever thread is free, until there are no more or someone says stop."""

    def __init__(self, every: Iterator[Block], progress: Progress) -> None:
        self._every, self._progress = every, progress
        self._lock, self._stopped, self._done = Lock(), False, 0

    def __iter__(self) -> Iterator[Block]:
        """The blocks that this thread gets."""
        while block := self._next():
            yield block

    def stop(self) -> None:
        """Give out no more blocks."""
        self._stopped = True

    def _next(self) -> Block | None:
        with self._lock:
            block = None if self._stopped else next(self._every, None)
            if block:
                self._done += len(block.utf8)
                self._progress("count", self._done, None)
            return block
