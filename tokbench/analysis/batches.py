"""Batches of texts for libraries that want lists, and their ids in one array."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np

from tokbench.training.encoder import Batch
from tokbench.training.encoding import EncodedTexts
from tokbench.training.roads import Road


def texts_of(batch: Batch) -> list[str]:
    r"""The texts of a batch, whichever form it has.

    >>> texts_of(b"one\ntwo\n")
    ['one', 'two']
    """
    if not isinstance(batch, bytes):
        return batch
    return batch.decode().removesuffix("\n").split("\n") if batch else []


def encoded_one_by_one(ids: Sequence[Sequence[int]], library: str) -> EncodedTexts:
    """The ids of several texts, which this library made, as one array.

    >>> encoded_one_by_one([[5], [6, 7]], "tiktoken").starts.tolist()
    [0, 1, 3]
    """
    counts = np.fromiter(map(len, ids), np.int64, len(ids))
    starts = np.concatenate((np.zeros(1, np.int64), np.cumsum(counts)))
    flat = np.fromiter(chain.from_iterable(ids), np.uint32, int(starts[-1]))
    return EncodedTexts(flat, starts, Road("library", f"{library} made them"))
