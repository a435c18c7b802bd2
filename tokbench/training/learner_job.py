"""The memory of one learning: the arrays that the compiled loops work on, and their growth."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tokbench.errors import OutOfRoom
from tokbench.progress import Progress
from tokbench.training.learner_words import FirstTokens, WordArrays
from tokbench.training.machine import Kernels, loops
from tokbench.training.merging import layout as at
from tokbench.training.symbols import Affixes

MERGING = Kernels(
    "tokbench.training.merging.entries",
    ("write_words", "scan_pairs", "place_pairs", "move_scanned", "move_pairs", "merge_pairs"),
    ("merging/*.py", "kernels/memory.py", "compiling.py"),
)
BUDGET = 1 << 20  # symbols, or places of merged pairs, that a call works at: some 50 ms
SMALLEST = 1 << 10
MOST_NUMBERS = (1 << 31) - 1  # in RECORDS: a place is written in 32 bits
WIDTHS = {at.SCANNED: at.SCAN, at.PAIRS: 2, at.HEAP: 3, at.ENTRIES: 2, at.MERGED: 2}  # numbers in an item
TABLES = {at.SCANNED: (at.SCANNED_BITS, "move_scanned"), at.PAIRS: (at.PAIRS_BITS, "move_pairs")}


class Job:
    """The words, tokens and pairs of one learning; job[field] are the scalars of merging/layout.py."""

    def __init__(
        self, words: WordArrays, begun: FirstTokens, affixes: Affixes, *, vocab_size: int, progress: Progress
    ) -> None:
        self._progress = progress
        self._asked = vocab_size
        self._loops = loops(MERGING, progress=progress)
        self._job = np.zeros(at.FIELDS, np.int64)
        self._arrays: dict[int, NDArray[Any]] = {}
        self[at.BUDGET], self[at.PHASE] = BUDGET, at.POP
        self[at.TOKENS] = len(begun.vocab)
        # Every merge removes a symbol, so there are no more tokens than this, whatever was asked for.
        self[at.TOKENS_WANTED] = min(vocab_size, len(begun.vocab) + len(words.codes))
        self._take_tokens(list(begun.vocab), affixes)
        self._array(at.KINDS, np.uint8, max(self[at.TOKENS_WANTED], self[at.TOKENS]) + 1)
        self._arrays[at.KINDS][begun.symbols[begun.symbols >= 0]] = at.FIRST
        self._write(words, begun)

    def __getitem__(self, field: int) -> int:
        """A scalar."""
        return int(self._job[field])

    def __setitem__(self, field: int, value: int) -> None:
        """Set a scalar."""
        self._job[field] = value

    def tokens(self) -> list[str]:
        """The tokens in id order."""
        bounds = self._arrays[at.TEXT_STARTS][: self[at.TOKENS] + 1].tolist()
        utf8 = self._arrays[at.TEXT][: bounds[-1]].tobytes()
        return [utf8[start:end].decode("utf-8", "surrogatepass") for start, end in pairwise(bounds)]

    def merged(self) -> NDArray[np.int64]:
        """Of each merge: the two ids, and how many tokens there were after it."""
        number = self[at.MERGED_USED]
        pairs, grown = self._arrays[at.MERGED][: 2 * number].reshape(number, 2).astype(np.int64).T
        return np.stack([pairs >> 32, pairs & 0xFFFFFFFF, grown], axis=1)

    def scan(self) -> None:
        """Find the pairs that reach the threshold, their counts and their places, and queue them."""
        self._array(at.SCANNED, np.int64, SMALLEST, at.EMPTY)
        self[at.SCANNED_BITS] = SMALLEST.bit_length() - 1
        self[at.SCANNED_USED] = 0
        self._over_words("scan_pairs", 0)
        scanned = self._arrays[at.SCANNED].reshape(-1, at.SCAN)
        kept = (scanned[:, 0] != at.EMPTY) & (scanned[:, 1] >= self[at.THRESHOLD])
        pairs, counts, places = scanned[kept, :3].T
        behind = np.cumsum(places)
        scanned[:, 2] = -1
        scanned[kept, 2] = behind - places
        scanned[:, 3] = -1
        self._array(at.POOL, np.int32, int(places.sum()) * 3 // 2)
        self[at.POOL_USED] = int(places.sum())
        self._over_words("place_pairs", self[at.END])
        del self._arrays[at.SCANNED]
        self._queue(pairs, counts, np.stack([behind - places, places], axis=1))

    def merge(self) -> int:
        """Merge until the loops return what is not for us to answer: DONE, LOWER or AGAIN."""
        while True:
            status = self._run("merge_pairs")
            if status != at.PAUSED:
                return status
            self._progress("merges", self[at.TOKENS], self._asked)

    def _queue(self, pairs: NDArray[np.int64], counts: NDArray[np.int64], entries: NDArray[np.int64]) -> None:
        """Begin a table and a heap with these pairs; a sorted list is a heap."""
        order = np.lexsort((pairs, -counts))
        number = len(pairs)
        self._array(at.HEAP, np.int64, number * 2)
        self._arrays[at.HEAP][: number * 3] = np.stack([counts, pairs, np.arange(number)], axis=1)[
            order
        ].ravel()
        self._array(at.ENTRIES, np.int64, number * 2)
        self._arrays[at.ENTRIES][: number * 2] = entries.ravel()
        self[at.HEAP_USED] = self[at.ENTRIES_USED] = self[at.PAIRS_USED] = number
        self._arrays[at.PAIRS] = np.stack([pairs, counts], axis=1).ravel()
        self._grow(at.PAIRS, number)

    def _over_words(self, loop: str, offset: int) -> None:
        """Run a loop over all records; each is passed twice, so the second time tells `offset` more."""
        self[at.AT] = 0
        while self._run(loop) == at.PAUSED:
            self._progress("pairs", offset + self[at.AT], 2 * self[at.END])
        self._progress("pairs", offset + self[at.END], 2 * self[at.END])

    def _run(self, loop: str) -> int:
        """Run a loop, with more room whenever it asks for that."""
        while (status := self._loops[loop](self._job.ctypes.data)) == at.GROW:
            self._grow(self[at.WANTED], self[at.WANTED_SIZE])
        return status

    def _grow(self, field: int, size: int) -> None:
        """Make an array large enough for `size` items, with room for as many again."""
        old = self._arrays[field]
        if field not in TABLES:
            self._array(field, old.dtype, size * 2)
            self._arrays[field][: len(old)] = old
            return
        bits, move = TABLES[field]
        self[bits] = max(size * 2, SMALLEST).bit_length()
        self._array(field, np.int64, 1 << self[bits], at.EMPTY)
        self[at.OLD], self[at.OLD_SIZE] = old.ctypes.data, len(old)
        self._loops[move](self._job.ctypes.data)

    def _array(self, field: int, dtype: DTypeLike, size: int, fill: int | None = None) -> None:
        """Make an array of this many items and tell the job; memory that is never touched costs nothing."""
        numbers = max(size, SMALLEST) * WIDTHS.get(field, 1)
        made = np.zeros(numbers, dtype) if fill is None else np.full(numbers, fill, dtype)
        self._point(field, made)
        self[field + 1] = max(size, SMALLEST)

    def _point(self, field: int, array: NDArray[np.generic]) -> None:
        """Keep an array alive and write its address into the job."""
        self._arrays[field] = array
        self._job[field] = array.ctypes.data

    def _take_tokens(self, texts: list[str], affixes: Affixes) -> None:
        """Write the first tokens, and make room for those to come."""
        most = max(self[at.TOKENS_WANTED], len(texts)) + 1
        spelled = [text.encode("utf-8", "surrogatepass") for text in texts]
        prefix, suffix = (
            affix.encode("utf-8", "surrogatepass") for affix in (affixes.prefix, affixes.suffix)
        )
        self[at.PREFIX], self[at.SUFFIX] = len(prefix), len(suffix)
        self._point(at.AFFIX, np.frombuffer(prefix + suffix + b"\0", np.uint8))
        self._array(at.TEXT, np.uint8, 2 * sum(map(len, spelled)))
        self._arrays[at.TEXT][: sum(map(len, spelled))] = np.frombuffer(b"".join(spelled), np.uint8)
        self._array(at.TEXT_STARTS, np.int64, most + 1)
        self._arrays[at.TEXT_STARTS][1 : len(texts) + 1] = np.cumsum([len(each) for each in spelled])
        self._array(at.LENGTHS, np.int32, most)
        self._arrays[at.LENGTHS][: len(texts)] = [affixes.length(text) for text in texts]
        self[at.NAMES_BITS] = max(most * 2, SMALLEST).bit_length()
        self._array(at.NAMES, np.int32, 1 << self[at.NAMES_BITS], at.EMPTY)
        self._array(at.MERGED, np.int64, most)
        for side in (at.LEFT, at.RIGHT):
            self._array(side + at.CHANGES, np.int64, most * at.CHANGE)
            self._array(side + at.LOST, np.int32, most)
            self._array(side + at.GAINED, np.int32, most)
            self._array(side + at.EVENTS, np.int64, SMALLEST)
            self._array(side + at.TALLY, np.int64, at.CHANGE)

    def _write(self, words: WordArrays, begun: FirstTokens) -> None:
        """Write the words as records of symbols."""
        for field, array in ((at.CODES, words.codes), (at.SPANS, words.places), (at.WEIGHTS, words.counts)):
            self._point(field, np.ascontiguousarray(array))
        self._point(at.SYMBOLS, np.ascontiguousarray(begun.symbols))
        self[at.WEIGHTS + 1] = len(words.counts)
        self[at.WIDE] = words.codes.itemsize > 1
        numbers = len(words.codes) + at.HEADER * len(words.counts)
        if numbers > MOST_NUMBERS:
            raise OutOfRoom(
                f"{len(words.counts)} words are too many", fix="count fewer texts, or leave out rare words"
            )
        self._array(at.RECORDS, np.int32, numbers)
        while self._run("write_words") == at.PAUSED:
            pass
        for field in (at.CODES, at.SPANS, at.WEIGHTS, at.SYMBOLS):
            del self._arrays[field]
