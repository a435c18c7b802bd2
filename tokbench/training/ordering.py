"""Words in an order that does not depend on how they were found: by count, then by their bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]


def ordered(arena: NDArray[np.uint8], places: Numbers, counts: Numbers) -> Numbers:
    """The numbers of the words, the most frequent first, equally frequent ones by their bytes.

    Sorted by eight bytes at a time, read as one number, and each time only those that are still tied.
    """
    lengths = places[:, 1] - places[:, 0]
    padded = np.concatenate((arena, np.zeros(8, np.uint8)))
    numbers = np.ndarray(len(arena) + 1, ">u8", padded, strides=(1,))  # eight bytes from each byte on
    order: Numbers = np.argsort(-counts, kind="stable")
    group = np.cumsum(np.diff(counts[order], prepend=-1) != 0)  # of the word at each position; ties share one
    begun = 0
    while len(at := np.flatnonzero(_tied(group))):
        words = order[at]
        left = lengths[words] - begun
        ended = bool((left <= 0).all())  # words that differ only in the null bytes at their ends
        heads = lengths[words] if ended else _heads(numbers, places[words, 0] + begun, left)
        sort = np.lexsort((heads, group[at]))
        order[at] = words[sort]
        group[at] = _parted(group[at][sort], heads[sort], int(group.max()))
        begun += 8
    return order


def _tied(group: Numbers) -> NDArray[np.bool_]:
    """Which positions share their group with a neighbour."""
    same = group[1:] == group[:-1]
    return np.concatenate((same, [False])) | np.concatenate(([False], same))


def _parted(group: Numbers, heads: NDArray[Any], highest: int) -> Numbers:
    """New groups, of what is equal in both, above the highest of all: none is one that others have."""
    new = (np.diff(group) != 0) | (heads[1:] != heads[:-1])
    parted: Numbers = np.cumsum(np.concatenate(([True], new))) + highest
    return parted


def _heads(numbers: NDArray[np.uint64], starts: Numbers, lengths: Numbers) -> NDArray[np.uint64]:
    """Eight bytes from each start, as a number that sorts like them; null bytes where a word has ended."""
    heads = numbers[np.minimum(starts, len(numbers) - 1)].astype(np.uint64)
    beyond = 8 * (8 - np.clip(lengths, 1, 8)).astype(np.uint64)
    return np.where(lengths > 0, heads >> beyond << beyond, np.uint64(0))
