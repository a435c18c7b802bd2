"""Rows of ids of different lengths in one array."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Ragged:
    """Row i is ids[starts[i]:starts[i + 1]]; starts, int64, has one number more than there are rows."""

    ids: NDArray[Any]
    starts: Ids

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, row: int) -> NDArray[Any]:
        return self.ids[self.starts[row] : self.starts[row + 1]]

    @property
    def lengths(self) -> Ids:
        """Ids per row."""
        return np.diff(self.starts)


def starts_of(lengths: Sequence[int] | NDArray[np.integer[Any]]) -> Ids:
    """Where rows of these lengths start, and where the last one ends.

    >>> starts_of([2, 0, 1]).tolist()
    [0, 2, 2, 3]
    """
    starts = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=starts[1:])
    return starts


def ragged(rows: Sequence[Sequence[int]], dtype: type[np.integer[Any]] = np.int64) -> Ragged:
    """These lists of ids as one array."""
    starts = starts_of(np.fromiter(map(len, rows), np.int64, len(rows)))
    return Ragged(np.fromiter(chain.from_iterable(rows), dtype, int(starts[-1])), starts)


def concatenated(parts: Sequence[Ragged]) -> Ragged:
    """The rows of all parts, part after part."""
    if len(parts) == 1:
        return parts[0]
    ids = [part.ids for part in parts] or [np.zeros(0, np.uint32)]
    lengths = [np.zeros(0, np.int64), *(part.lengths for part in parts)]
    return Ragged(np.concatenate(ids), starts_of(np.concatenate(lengths)))


def taken(whole: Ragged, rows: NDArray[np.bool_]) -> Ragged:
    """The rows marked in `rows` alone."""
    lengths = whole.lengths
    return Ragged(whole.ids[np.repeat(rows, lengths)], starts_of(lengths[rows]))


def equal_rows(one: Ragged, other: Ragged) -> NDArray[np.bool_]:
    """Which rows have the same ids in both.

    >>> equal_rows(ragged([[1, 2], [3], [4]]), ragged([[1, 2], [3, 3], [5]])).tolist()
    [True, False, False]
    """
    same = np.asarray(one.lengths == other.lengths)
    mine, theirs = (each.ids[np.repeat(same, each.lengths)] for each in (one, other))
    rows = np.repeat(np.flatnonzero(same), one.lengths[same])
    same[rows[mine != theirs]] = False
    return same


def interleaved(owners: NDArray[np.integer[Any]] | NDArray[np.bool_], parts: Mapping[int, Ragged]) -> Ragged:
    """One row for each owner: the next of the part that is under its number.

    >>> interleaved(np.array([1, 0, 1]), {0: ragged([[5, 6]]), 1: ragged([[7], [8]])}).ids.tolist()
    [7, 5, 6, 8]
    """
    lengths = np.zeros(len(owners), np.int64)
    for owner, part in parts.items():
        lengths[owners == owner] = part.lengths
    whose = np.repeat(owners, lengths)
    ids = np.empty(len(whose), next(iter(parts.values())).ids.dtype)
    for owner, part in parts.items():
        ids[whose == owner] = part.ids
    return Ragged(ids, starts_of(lengths))
