"""Rows are encoded once: their ids are kept in the user's cache folder, by a hash of all they depend on.

Kept are token ids, type ids and lengths, no labels; the file's name is the hash. Who has the tokenizer can
turn the ids into texts again, so only the user may read the files. `--set cache=off` keeps and reads none.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b

import numpy as np
import tokenizers
from tokenizers import Tokenizer, models

from tokbench import __version__
from tokbench.finetune import shelf
from tokbench.finetune.flatids import FlatIds
from tokbench.finetune.rows import Rows

WORTH = 100_000  # characters from which reading ids is quicker than making them: some 2,000 rows of SST-2
CHUNK = 8_192  # rows that are hashed at a time


def remembered(backend: Tokenizer, rows: Rows, max_length: int, make: Callable[[], FlatIds]) -> FlatIds:
    """The ids of these rows as they were made before, or as `make` makes them, then kept.

    The backend must be set as it will be used: truncation, and whether special tokens are split.
    """
    key = key_of(backend, rows, max_length) if _characters(rows) >= WORTH else None
    if key is None:
        return make()
    found = shelf.take(key)
    if found is None or len(found.lengths) != len(rows):
        found = make()
        shelf.put(key, found)
    return found


def key_of(backend: Tokenizer, rows: Rows, max_length: int) -> str | None:
    """A hash of tokenizer, length, versions and texts; None where the same text may get other ids."""
    state = _state(backend)
    if state is None:
        return None
    digest = blake2b(digest_size=32)
    chosen = (shelf.SCHEMA, __version__, tokenizers.__version__, max_length, backend.encode_special_tokens)
    columns = [rows.texts] if rows.pairs is None else [rows.texts, rows.pairs]
    for part in (repr((*chosen, len(columns), len(rows.texts))), state):
        digest.update(len(part).to_bytes(8, "little") + part.encode("utf-8", "surrogatepass"))
    for column in columns:
        for start in range(0, len(column), CHUNK):
            some = column[start : start + CHUNK]
            digest.update(np.fromiter(map(len, some), np.int64, len(some)).tobytes())
            digest.update("".join(some).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _characters(rows: Rows) -> int:
    return sum(map(len, rows.texts)) + sum(map(len, rows.pairs or ()))


def _state(backend: Tokenizer) -> str | None:
    """All that a tokenizer does, as JSON; None where chance has a part in it, or Python code."""
    model = backend.model
    if isinstance(model, models.BPE) and model.dropout is not None:
        return None
    if isinstance(model, models.Unigram) and (model.alpha is not None or model.nbest_size is not None):
        return None
    try:
        state: str = backend.to_str()
    except Exception:  # the library raises nothing narrower for blocks written in Python
        return None
    return state
