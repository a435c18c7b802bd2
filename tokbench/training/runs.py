"""Sorted runs: words on the disk, read back in blocks and merged in less memory than they take."""

from __future__ import annotations

import errno
import os
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from tokbench.errors import FileProblem, OutOfRoom
from tokbench.training.spelled import Spelled, joined, summed

ROW = 160  # bytes of memory that merging takes for a word of usual length: measured, and rounded up
BYTES = 40  # a word's bytes that are counted in that
SMALLEST = 64  # words in a block
FAN = 256  # files open at once
Key = Callable[[Spelled, int, bytes], Any]


@dataclass(frozen=True)
class Run:
    """Sorted words in a part of a file: from byte `start` on their bytes, then lengths, then counts."""

    path: Path
    start: int
    rows: int
    utf8_bytes: int


Chain = Sequence[Run]  # runs of which each goes on where the one before ended: sorted as a whole


def write_runs(path: Path, several: Iterable[Spelled]) -> list[Run]:
    """These words, sorted by whoever calls, as a file of one run after the other."""
    runs, start = [], 0
    with _disk(path), path.open("wb") as file:
        for words in several:
            for array in (words.utf8, words.lengths.astype("<u4"), words.counts.astype("<i8")):
                file.write(np.ascontiguousarray(array).data)
            runs.append(Run(path, start, len(words), len(words.utf8)))
            start += len(words.utf8) + 12 * len(words)
        file.flush()
        os.fsync(file.fileno())
    return runs


def summed_by_word(chains: Sequence[Chain], *, memory: int) -> Iterator[Spelled]:
    """The words of chains sorted by word: each once with all its counts, in that order, in blocks."""
    return map(summed, _merged(chains, lambda _, __, word: word, memory))


def by_count(chains: Sequence[Chain], *, memory: int) -> Iterator[Spelled]:
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


def _merged(chains: Sequence[Chain], key: Key, memory: int) -> Iterator[Spelled]:
    """Blocks of words, unsorted inside, none of which sorts before one of an earlier block.

    What is read of every chain is held back as far as another may yet have something that sorts before it.
    """
    rows = max(SMALLEST, memory // ROW // max(1, len(chains)))
    readers = [_Reader(chain, rows) for chain in chains]
    try:
        while readers := [reader for reader in readers if reader.has_words()]:
            ends = [reader.last(key) for reader in readers if reader.has_more]
            taken = [reader.take(key, min(ends)) if ends else reader.rest() for reader in readers]
            yield joined(taken)
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
        self._block = joined([])
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

    def take(self, key: Key, most: Any) -> Spelled:  # noqa: ANN401
        """The words that do not sort after this key; the others remain."""
        rows = range(len(self._block))
        return self._up_to(bisect_right(rows, most, lo=self._at, key=lambda row: self._key(key, row)))

    def rest(self) -> Spelled:
        """All words of the block."""
        return self._up_to(len(self._block))

    def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()
            self._file = None

    def _up_to(self, end: int) -> Spelled:
        start, self._at = self._at, end
        utf8 = self._block.utf8[self._ends[start] : self._ends[end]]
        return Spelled(utf8, self._block.lengths[start:end], self._block.counts[start:end])

    def _key(self, key: Key, row: int) -> Any:  # noqa: ANN401
        return key(self._block, row, self._utf8[self._ends[row] : self._ends[row + 1]])

    def _read(self) -> Spelled:
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
        return Spelled(utf8, lengths, counts)

    def _array(self, kind: str, at: int, number: int) -> NDArray[Any]:
        path = self._runs[0].path
        if self._file is None:
            self._file = path.open("rb")
        self._file.seek(at)
        array: NDArray[Any] = np.fromfile(self._file, kind, number)
        if len(array) < number:
            raise FileProblem(f"{path} was cut short", fix="remove it, and count again")
        return array


@contextmanager
def _disk(path: Path) -> Iterator[None]:
    """Say what the disk refused, and leave no half of a file."""
    try:
        yield
    except OSError as error:
        path.unlink(missing_ok=True)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise OutOfRoom(
                f"the disk is full: {path.parent} holds the words that memory did not",
                fix="make room, give a larger --memory, or drop rare words with --min-count",
            ) from error
        raise FileProblem(
            f"{path} cannot be written: {error.strerror}", fix="choose another place with -o"
        ) from error
    except BaseException:
        path.unlink(missing_ok=True)
        raise
