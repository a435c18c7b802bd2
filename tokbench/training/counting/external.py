"""Count within a budget of memory: what does not fit waits on the disk as sorted runs, merged at the end.

A table of words that has its share of the budget is sorted, written and begun anew; the rest of the budget is
for its growth and for the sorting. At the end the runs are merged by word, their counts added up, then once
more by count, both times in blocks. Beyond the budget there are only the threads' buffers and the reader's:
some 40 MB, whatever the corpus. Measured for 20 MB of Korean, 421,222 words: with 16 MiB a peak 62 MB above
the start, with 64 MiB 98 MB, without a need for the disk 180 MB.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain, count
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from tokbench.errors import FileError, UsageError
from tokbench.io.atomic import ELSEWHERE, FULL, disk_full, scratch_folder
from tokbench.native.compiler import loops
from tokbench.native.kernels import count_abi
from tokbench.native.word_counter import (
    BLOCK,
    Counter,
    TextBlock,
    WordTable,
    compiled_counts,
    text_blocks_of,
    texts_of,
)
from tokbench.progress import Progress, silent
from tokbench.training.counting.store import (
    PackedWords,
    gather_words,
    joined_words,
    packed_of_compiled,
    packed_of_counts,
    summed,
)
from tokbench.training.word_counts import library_counts

if TYPE_CHECKING:
    from tokbench.native.scanner import Scanner

ROW = 160  # bytes of memory that merging takes for a word of usual length: measured, and rounded up
BYTES = 40  # a word's bytes that are counted in that
SMALLEST = 64  # words in a block
THREADS = 2
FAN = 256  # files open at once
Key = Callable[[PackedWords, int, bytes], Any]


@dataclass(frozen=True)
class SortedRun:
    """Sorted words in a part of a file: from byte `start` on their bytes, then lengths, then counts."""

    path: Path
    start: int
    rows: int
    utf8_bytes: int


Chain = Sequence[SortedRun]  # runs of which each goes on where the one before ended: sorted as a whole


def write_runs(path: Path, several: Iterable[PackedWords]) -> list[SortedRun]:
    """These words, sorted by whoever calls, as a file of one run after the other."""
    runs, start = [], 0
    with _disk(path), path.open("wb") as file:
        for words in several:
            for array in (words.utf8, words.lengths.astype("<u4"), words.counts.astype("<i8")):
                file.write(np.ascontiguousarray(array).data)
            runs.append(SortedRun(path, start, len(words), len(words.utf8)))
            start += len(words.utf8) + 12 * len(words)
        file.flush()
        os.fsync(file.fileno())
    return runs


def summed_by_word(chains: Sequence[Chain], *, memory: int) -> Iterator[PackedWords]:
    """The words of chains sorted by word: each once with all its counts, in that order, in blocks."""
    return map(summed, _merged(chains, lambda _, __, word: word, memory))


def order_by_count(chains: Sequence[Chain], *, memory: int) -> Iterator[PackedWords]:
    """The words of chains sorted by count and then by word, in that order, in blocks; none comes twice."""
    blocks = _merged(chains, lambda words, number, word: (-int(words.counts[number]), word), memory)
    return (block.by_count() for block in blocks)


def fewer(chains: Sequence[Chain], folder: Path, *, memory: int) -> Sequence[Chain]:
    """At most FAN chains with the same sums, sorted by word: a process may not open files without end."""
    for level in count():
        if len(chains) <= FAN:
            break
        groups = [chains[start : start + FAN] for start in range(0, len(chains), FAN)]
        chains = [
            write_runs(folder / f"joined-{level}-{number}.words", summed_by_word(group, memory=memory))
            for number, group in enumerate(groups)
        ]
    return chains


def _merged(chains: Sequence[Chain], key: Key, memory: int) -> Iterator[PackedWords]:
    """Blocks of words, unsorted inside, none of which sorts before one of an earlier block.

    What is read of every chain is held back as far as another may yet have something that sorts before it.
    """
    rows = max(SMALLEST, memory // ROW // max(1, len(chains)))
    readers = [_Reader(chain, rows) for chain in chains]
    try:
        while readers := [reader for reader in readers if reader.has_words()]:
            ends = [reader.last(key) for reader in readers if reader.has_more]
            taken = [reader.take(key, min(ends)) if ends else reader.rest() for reader in readers]
            yield joined_words(taken)
    finally:
        for reader in readers:
            reader.close()


class _Reader:
    """A chain that is read block by block, with one file open."""

    def __init__(self, chain: Chain, rows: int) -> None:
        self._runs, self._rows = deque(run for run in chain if run.rows), rows
        self._file: BinaryIO | None = None
        self._row = self._byte = 0  # of the first run, that follow the block
        self._at = 0  # the first word of the block that is not taken
        self._block = joined_words([])
        self._utf8, self._ends = b"", [0]

    @property
    def has_more(self) -> bool:
        """Whether words follow the block."""
        return bool(self._runs)

    def has_words(self) -> bool:
        """Whether the block has words, read just now if it had none."""
        if self._at == len(self._block) and self.has_more:
            self._block, self._at = self._read(), 0
            self._utf8 = self._block.utf8.tobytes()
            self._ends = [0, *np.cumsum(self._block.lengths).tolist()]
        return self._at < len(self._block)

    def last(self, key: Key) -> Any:  # noqa: ANN401  (whatever the key is)
        """The key of the block's last word."""
        return self._key(key, len(self._block) - 1)

    def take(self, key: Key, most: Any) -> PackedWords:  # noqa: ANN401
        """The words that do not sort after this key; the others remain."""
        rows = range(len(self._block))
        return self._up_to(bisect_right(rows, most, lo=self._at, key=lambda row: self._key(key, row)))

    def rest(self) -> PackedWords:
        """All words of the block."""
        return self._up_to(len(self._block))

    def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()
            self._file = None

    def _up_to(self, end: int) -> PackedWords:
        start, self._at = self._at, end
        utf8 = self._block.utf8[self._ends[start] : self._ends[end]]
        return PackedWords(utf8, self._block.lengths[start:end], self._block.counts[start:end])

    def _key(self, key: Key, row: int) -> Any:  # noqa: ANN401
        return key(self._block, row, self._utf8[self._ends[row] : self._ends[row + 1]])

    def _read(self) -> PackedWords:
        """The next words of the first run: as many as asked for, fewer when they are long."""
        run = self._runs[0]
        rows = min(self._rows, run.rows - self._row)
        behind = run.start + run.utf8_bytes
        lengths = self._array("<u4", behind + 4 * self._row, rows).astype(np.int64)
        rows = max(1, int(np.searchsorted(np.cumsum(lengths), rows * BYTES, side="right")))
        lengths = lengths[:rows]
        counts = self._array("<i8", behind + 4 * run.rows + 8 * self._row, len(lengths)).astype(np.int64)
        utf8 = self._array("u1", run.start + self._byte, int(lengths.sum()))
        self._row += len(lengths)
        self._byte += len(utf8)
        if self._row == run.rows:
            self._runs.popleft()
            self._row = self._byte = 0
            self.close()
        return PackedWords(utf8, lengths, counts)

    def _array(self, kind: str, at: int, number: int) -> NDArray[Any]:
        path = self._runs[0].path
        if self._file is None:
            self._file = path.open("rb")
        self._file.seek(at)
        array: NDArray[Any] = np.fromfile(self._file, kind, number)
        if len(array) < number:
            raise FileError(f"{path} was cut short", fix="remove it, and count again")
        return array


@contextmanager
def _disk(path: Path) -> Iterator[None]:
    """Say what the disk refused, and leave no half of a file."""
    try:
        yield
    except OSError as error:
        path.unlink(missing_ok=True)
        if error.errno in FULL:
            raise disk_full(
                f"{path.parent} holds the words that memory did not",
                fix="make room, give a larger --memory, or drop rare words with --min-count",
            ) from error
        raise FileError(f"{path} cannot be written: {error.strerror}", fix=ELSEWHERE) from error
    except BaseException:
        path.unlink(missing_ok=True)
        raise


Batch = TypeVar("Batch", list[str], list[str] | bytes)

BUDGET = 1 << 30
SMALLEST_BUDGET = 1 << 24
TABLES = 4  # a table that grows takes three times its share for a moment, and sorting it about as much
TEXT_SHARE = (
    16  # the library's own table of natural text takes less than this many times its bytes (Korean: 7)
)


@dataclass(frozen=True)
class Counting:
    """How to count. scanner: None if the library does; memory: the budget in bytes; folder: for the runs.

    threads: by default two of the compiled loops, and in the library one a core. as_found: words in no order,
    and as bytes where the compiled loops take them so, for those to whom order and spelling are nothing.
    """

    tokenizer: Tokenizer
    scanner: Scanner | None
    memory: int = BUDGET
    threads: int | None = None
    folder: Path | None = None
    as_found: bool = False


@contextmanager
def count_externally(
    batches: Iterable[Any], how: Counting, *, min_count: int = 1, progress: Progress = silent
) -> Iterator[Iterator[PackedWords]]:
    """The words of these texts, the most frequent first and then by their bytes, in blocks, while inside.

    Batches are lists of texts; the compiled loops also take UTF-8 with a line feed after each text. They are
    read when the context is entered. What lies on the disk is removed when it is left.
    """
    if how.memory < SMALLEST_BUDGET:
        raise UsageError(
            f"{how.memory:,} bytes of memory are too few to count in", fix=f"give {SMALLEST_BUDGET:,} or more"
        )
    with _folder(how.folder) as folder:
        sort = _ExternalSort(folder, how.memory)
        engine = _by_library if how.scanner is None else _compiled
        yield sort.words(engine(batches, how, sort, progress), min_count, in_order=not how.as_found)


@contextmanager
def _folder(parent: Path | None) -> Iterator[Path]:
    try:
        made = ExitStack()
        folder = made.enter_context(scratch_folder(parent))
    except OSError as error:
        raise FileError(
            f"nothing can be written in {parent}: {error.strerror}", fix="choose another -o"
        ) from error
    with made:
        yield folder


def in_final_order(
    by_word: Sequence[Chain], folder: Path, *, memory: int = BUDGET, min_count: int = 1
) -> Iterator[PackedWords]:
    """The words of chains sorted by word, counts added up, in their final order; `folder` is for runs."""
    by_count: list[Chain] = []
    held: list[PackedWords] = []
    chains = fewer(by_word, folder, memory=memory // 2)
    for block in summed_by_word(chains, memory=memory // 2):
        held.append(_frequent(block, min_count))
        if sum(map(len, held)) * ROW > memory // 2:
            path = folder / f"sorted-{len(by_count)}.words"
            by_count.append(write_runs(path, [joined_words(held).by_count()]))
            held = []
    rest = joined_words(held).by_count()
    if not by_count:
        yield rest
        return
    by_count.append(write_runs(folder / f"sorted-{len(by_count)}.words", [rest]))
    yield from order_by_count(by_count, memory=memory // 2)


class _ExternalSort:
    """The runs of words that did not fit into memory."""

    def __init__(self, folder: Path, memory: int) -> None:
        self._folder, self._memory = folder, memory
        self._runs: list[Chain] = []
        self._numbers = count()

    def write(self, words: PackedWords) -> None:
        """Write these words as a run; threads may do so at the same time."""
        path = self._folder / f"{next(self._numbers)}.words"
        self._runs.append(write_runs(path, [words.by_word()]))

    def words(
        self, parts: list[PackedWords], min_count: int, *, in_order: bool = True
    ) -> Iterator[PackedWords]:
        """All words, these parts included, those rarer than min_count dropped, by default in final order."""
        if not self._runs:
            once = _frequent(parts[0] if len(parts) == 1 else summed(joined_words(parts)), min_count)
            yield once.by_count() if in_order else once
            return
        while parts:
            self.write(parts.pop())
        yield from in_final_order(self._runs, self._folder, memory=self._memory, min_count=min_count)


def _frequent(words: PackedWords, min_count: int) -> PackedWords:
    return words if min_count <= 1 else words.take(np.flatnonzero(words.counts >= min_count))


def _by_library(
    batches: Iterable[list[str]], how: Counting, sort: _ExternalSort, progress: Progress
) -> list[PackedWords]:
    """Count portions of which the library can hold the words; those of the last are returned."""
    parts: list[PackedWords] = []
    for texts in portions(batches, how.memory // TEXT_SHARE):
        words = packed_of_counts(library_counts(how.tokenizer, texts, threads=how.threads, progress=progress))
        while parts:
            sort.write(parts.pop())
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
    batches: Iterable[list[str] | bytes], how: Counting, sort: _ExternalSort, progress: Progress
) -> list[PackedWords]:
    """Count in threads, each with a table that is written whenever it has its share; what remains."""
    scanner, compiled = how.scanner, loops("count", progress=progress)
    assert scanner
    threads = how.threads or THREADS
    share = how.memory // (TABLES * threads)
    source = _Source(text_blocks_of(_small(batches, share // 16)), progress)
    packed = partial(_packed, scanner=scanner, as_found=how.as_found)

    def work() -> WordTable:
        counter = Counter(scanner, compiled)
        for block in source:
            counter.count(block)
            if _is_full(counter.table, share):
                sort.write(packed(counter.table))
                counter = Counter(scanner, compiled)
        return counter.table

    with ThreadPoolExecutor(threads) as pool:
        try:
            futures = [pool.submit(work) for _ in range(threads)]
            wait(futures, return_when=FIRST_EXCEPTION)
            first, *others = (future.result() for future in futures)
        finally:
            source.stop()
    if sum(map(_size, others), _size(first)) > share:
        return [packed(table) for table in (first, *others)]
    for other in others:
        first.add(other)
    return [packed(first)]


def _packed(table: WordTable, *, scanner: Scanner, as_found: bool) -> PackedWords:
    found = compiled_counts(table, scanner)
    if as_found and found.bytewise:
        return gather_words(found.arena, found.places, found.counts)
    return packed_of_compiled(found)


def _is_full(table: WordTable, share: int) -> bool:
    """Whether a table that has its share is about to grow; it does when half of its slots are used."""
    size, slots = _size(table), 1 << int(table.job[count_abi.SLOT_BITS])
    return size > 2 * share or (size > share and 8 * len(table) > 3 * slots)


def _size(table: WordTable) -> int:
    """The bytes that a table takes."""
    return int((8 * count_abi.SLOT << int(table.job[count_abi.SLOT_BITS])) + table.job[count_abi.ARENA_SIZE])


def _small(batches: Iterable[list[str] | bytes], size: int) -> Iterator[list[str] | bytes]:
    """Batches cut so that one does not fill a table."""
    for batch in batches:
        if isinstance(batch, bytes) and size >= BLOCK:
            yield batch
            continue
        texts = texts_of(batch)
        step = max(1, len(texts) * size // max(1, sum(map(len, texts))))
        yield from (texts[start : start + step] for start in range(0, len(texts), step))


class _Source:
    """Blocks for whichever thread is free, until there are no more or someone says stop."""

    def __init__(self, every: Iterator[TextBlock], progress: Progress) -> None:
        self._every, self._progress = every, progress
        self._lock, self._stopped, self._done = Lock(), False, 0

    def __iter__(self) -> Iterator[TextBlock]:
        """The blocks that this thread gets."""
        while block := self._next():
            yield block

    def stop(self) -> None:
        """Give out no more blocks."""
        self._stopped = True

    def _next(self) -> TextBlock | None:
        with self._lock:
            block = None if self._stopped else next(self._every, None)
            if block:
                self._done += len(block.utf8)
                self._progress("count", self._done, None)
            return block
