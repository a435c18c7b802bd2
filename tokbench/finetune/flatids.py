"""Rows as flat ids: one array of all tokens, where each row starts, and the segment of each token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class FlatIds:
    """Row i is ids[starts[i]:starts[i + 1]]; type_ids stand one a token, or are None where all are 0."""

    ids: Ids
    type_ids: Ids | None
    starts: Ids
    truncated: int  # rows that were cut

    @property
    def lengths(self) -> Ids:
        """Tokens per row."""
        return np.diff(self.starts)

    def segments(self) -> Ids:
        """The type id of each token."""
        return np.zeros(len(self.ids), np.int64) if self.type_ids is None else self.type_ids


def starts_of(lengths: Sequence[int] | Ids) -> Ids:
    """Where rows of these lengths start, and where the last one ends."""
    starts = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=starts[1:])
    return starts


def of_encodings(encodings: Sequence[Any]) -> FlatIds:
    """What the library made of some rows."""
    ids = [each.ids for each in encodings]
    lengths = np.fromiter(map(len, ids), np.int64, len(ids))
    total = int(lengths.sum())
    types = np.fromiter(chain.from_iterable(each.type_ids for each in encodings), np.int64, total)
    return FlatIds(
        np.fromiter(chain.from_iterable(ids), np.int64, total),
        types if types.any() else None,
        starts_of(lengths),
        sum(bool(each.overflowing) for each in encodings),
    )


def joined(parts: Sequence[FlatIds]) -> FlatIds:
    """The rows of several, one after the other."""
    one_segment = all(each.type_ids is None for each in parts)
    return FlatIds(
        np.concatenate([each.ids for each in parts]),
        None if one_segment else np.concatenate([each.segments() for each in parts]),
        starts_of(np.concatenate([each.lengths for each in parts])),
        sum(each.truncated for each in parts),
    )


def replaced(whole: FlatIds, rows: NDArray[np.bool_], others: FlatIds) -> FlatIds:
    """The same rows, but those marked in `rows` are the ones of `others`, in order."""
    lengths = whole.lengths
    stay = np.repeat(~rows, lengths)
    lengths[rows] = others.lengths
    other = np.repeat(rows, lengths)

    def mixed(mine: Ids, theirs: Ids) -> Ids:
        result = np.empty(len(other), np.int64)
        result[~other], result[other] = mine[stay], theirs
        return result

    one_segment = whole.type_ids is None and others.type_ids is None
    return FlatIds(
        mixed(whole.ids, others.ids),
        None if one_segment else mixed(whole.segments(), others.segments()),
        starts_of(lengths),
        whole.truncated + others.truncated,
    )
