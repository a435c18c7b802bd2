"""Many rows to ids by the bulk encoder: the library's ids, in a fraction of its time."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from tokbench.finetune.flatids import FlatIds, Ids, of_encodings, replaced
from tokbench.finetune.rows import Rows
from tokbench.finetune.segments import pair_template
from tokbench.training.encoding import encode, served_encoding
from tokbench.training.machine import are_compiled
from tokbench.training.numbering import LOOKUP
from tokbench.training.roads import WORTH

PROBED = 64  # rows that the library encodes as well, before the others are believed
Read = Callable[[list[Any]], list[Any]]


def in_bulk(backend: Tokenizer, rows: Rows, max_length: int, read: Read) -> FlatIds | None:
    """The ids of all rows; None where the library has to make them.

    `read` is the library, set to cut. It encodes the rows that are too long, and a sample of the others:
    one that differs leaves all rows to the library.
    """
    whole = _texts(backend, rows.texts) if rows.pairs is None else _pairs(backend, rows.texts, rows.pairs)
    if whole is None:
        return None
    long = whole.lengths > max_length
    if not _alike(whole, rows, np.flatnonzero(~long), read):
        return None
    return replaced(whole, long, of_encodings(read(inputs(rows, np.flatnonzero(long)))))


def inputs(rows: Rows, numbers: Ids | range) -> list[Any]:
    """These rows as the library takes them: texts, or pairs of texts."""
    if rows.pairs is None:
        return [rows.texts[number] for number in numbers]
    return [(rows.texts[number], rows.pairs[number]) for number in numbers]


def _texts(backend: Tokenizer, texts: list[str]) -> FlatIds | None:
    """Rows of one text each with their special tokens, none of them cut."""
    return _encoded(backend, [texts], special=True)


def _pairs(backend: Tokenizer, firsts: list[str], seconds: list[str]) -> FlatIds | None:
    """Rows of two texts each with their special tokens, none of them cut.

    The library, too, encodes each text for itself, and only then puts the special tokens around them.
    """
    template = pair_template(backend)
    both = None if template is None else _encoded(backend, [firsts, seconds], special=False)
    if template is None or both is None:
        return None
    half = len(firsts)
    place = both.starts[half]
    first = FlatIds(both.ids[:place], None, both.starts[: half + 1], 0)
    return template.fill((first, FlatIds(both.ids[place:], None, both.starts[half:] - place, 0)))


def _encoded(backend: Tokenizer, batches: list[list[str]], *, special: bool) -> FlatIds | None:
    """The texts of these batches one after the other; None where the compiled loops do not serve them."""
    characters = sum(sum(map(len, batch)) for batch in batches)
    ready = are_compiled() and are_compiled(LOOKUP)
    if not batches[0] or (characters < WORTH and not ready):
        return None
    if isinstance(served_encoding(backend, special=special), str):  # or the library would do it all twice
        return None
    found = encode(backend, batches, special=special, size=sys.maxsize)
    if found.road.engine != "compiled":
        return None
    return FlatIds(found.ids.astype(np.int64), None, found.starts, 0)


def _alike(whole: FlatIds, rows: Rows, numbers: NDArray[np.int64], read: Read) -> bool:
    """Whether the library makes the same of a sample of these rows: some from all over, and the longest."""
    if not len(numbers):
        return True
    probes = numbers[np.linspace(0, len(numbers) - 1, min(PROBED, len(numbers)), dtype=np.int64)]
    probes = np.append(probes, numbers[whole.lengths[numbers].argmax()])
    types = whole.segments()
    for number, known in zip(probes, read(inputs(rows, probes)), strict=True):
        mine = slice(whole.starts[number], whole.starts[number + 1])
        if whole.ids[mine].tolist() != known.ids or types[mine].tolist() != known.type_ids:
            return False
    return True
