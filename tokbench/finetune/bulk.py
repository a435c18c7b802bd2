"""Many single texts to ids by the bulk encoder: the library's ids, in a fraction of its time."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from tokbench.training.encoding import encode
from tokbench.training.machine import are_compiled
from tokbench.training.numbering import LOOKUP
from tokbench.training.roads import WORTH

PROBED = 64  # rows that the library encodes as well, before the others are believed
Ids = NDArray[np.int64]


def in_bulk(
    backend: Tokenizer, texts: list[str], max_length: int, read: Callable[[list[Any]], list[Any]]
) -> tuple[list[Ids], int] | None:
    """The ids of each text, and how many were cut; None where the library has to do it.

    `read` is the library, set to cut. It encodes the rows that are too long, and a sample of the others:
    one that differs, or has a segment other than 0, leaves all rows to the library.
    """
    compiled = are_compiled() and are_compiled(LOOKUP)
    if not texts or (sum(map(len, texts)) < WORTH and not compiled):
        return None
    found = encode(backend, [texts], size=sys.maxsize)
    if found.road.engine != "compiled":
        return None
    lengths = np.diff(found.starts)
    whole = found.ids.astype(np.int64)
    ids = [whole[start:end] for start, end in zip(found.starts[:-1], found.starts[1:], strict=True)]
    long = np.flatnonzero(lengths > max_length).tolist()
    probes = [*range(min(PROBED, len(texts))), int(lengths.argmax())]
    for row, known in zip(probes, read([texts[row] for row in probes]), strict=True):
        if any(known.type_ids) or (known.ids != ids[row][:max_length].tolist() and row not in long):
            return None
    for row, known in zip(long, read([texts[row] for row in long]), strict=True):
        ids[row] = np.array(known.ids, np.int64)
    return ids, len(long)
