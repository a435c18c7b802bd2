"""The table of words that the compiled loops fill: its arrays, the job that points to them, how it grows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tokbench.training.kernels import layout as at
from tokbench.training.machine import Loop

FIRST_BITS = 14
FIRST_ARENA = 1 << 18


class WordTable:
    """Words and their counts, as large as the different words need; not to be shared by threads."""

    def __init__(self, loops: Mapping[str, Loop]) -> None:
        self._loops = loops
        self.job = np.zeros(at.FIELDS, np.int64)
        self._keys = np.zeros(at.SLOT * at.BATCH, np.uint64)
        self._ones = np.ones(1, np.uint64)
        self._arena = np.zeros(0, np.uint8)
        self._take_slots(FIRST_BITS)
        self._take_arena(FIRST_ARENA)
        self.point(at.KEYS, self._keys)
        self._count_once()

    def __len__(self) -> int:
        """How many different words there are."""
        return int(self.job[at.USED])

    @property
    def total(self) -> int:
        """How many words were counted."""
        return int(self._slots[:, 3].sum())

    def point(self, field: int, array: NDArray[np.generic], offset: int = 0) -> None:
        """Write the address of an array into the job; the caller keeps the array alive."""
        self.job[field] = array.ctypes.data + offset

    def run(self, loop: Loop) -> None:
        """Run a loop on the job to its end, growing the table whenever it says so."""
        while loop(self.job.ctypes.data):
            self._make_room()

    def add(self, other: WordTable) -> None:
        """Count all words of another table as often as it did."""
        places, counts = other.words()
        spans = places.astype(np.int32)
        self.point(at.SPANS, spans)
        self.point(at.WEIGHTS, counts)
        self.job[at.WEIGHT_STEP] = 1
        self.job[[at.TEXT, at.END]] = other._arena.ctypes.data, len(other)
        self.job[at.NEED_BYTES] = other.job[at.ARENA_USED]
        self.run(self._loops["add"])
        self._count_once()

    def words(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Start and end in the arena of every word, (words, 2), and how often it was counted; in no order."""
        used = self._slots[self._slots[:, 2] != 0]
        packed = used[:, 2]
        starts = packed >> np.uint64(at.LENGTH_BITS)
        lengths = packed & np.uint64((1 << at.LENGTH_BITS) - 1)
        return np.stack((starts, starts + lengths), axis=1).astype(np.int64), used[:, 3].astype(np.int64)

    @property
    def arena(self) -> NDArray[np.uint8]:
        """The bytes of all words."""
        return self._arena[: self.job[at.ARENA_USED]]

    def _count_once(self) -> None:
        self.point(at.WEIGHTS, self._ones)
        self.job[at.WEIGHT_STEP] = 0

    def _make_room(self) -> None:
        """What the loop asked for, and twice what there is, so that all growing together costs little."""
        if self.job[at.ARENA_USED] + self.job[at.NEED_BYTES] > self.job[at.ARENA_SIZE]:
            self._take_arena(2 * int(self.job[at.ARENA_SIZE]) + int(self.job[at.NEED_BYTES]))
        words = int(self.job[at.USED] + self.job[at.NEED_WORDS])
        bits = int(self.job[at.SLOT_BITS])
        if 2 * words > 1 << bits:
            self.point(at.OLD_SLOTS, self._slots)
            self.job[at.OLD_BITS] = bits
            old = self._slots  # alive until the words have moved
            self._take_slots((2 * words - 1).bit_length())
            self._loops["grow"](self.job.ctypes.data)
            del old

    def _take_slots(self, bits: int) -> None:
        self._slots = np.zeros((1 << bits, at.SLOT), np.uint64)
        self.point(at.SLOTS, self._slots)
        self.job[at.SLOT_BITS] = bits

    def _take_arena(self, size: int) -> None:
        arena = np.empty(size + at.PADDING, np.uint8)
        used = self.job[at.ARENA_USED]
        arena[:used] = self._arena[:used]
        self._arena = arena
        self.point(at.ARENA, arena)
        self.job[at.ARENA_SIZE] = size
