"""Texts → ids, all at once: flat arrays with a start per row, nothing padded yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from tokbench.errors import ChecksFailed, DataProblem, plural
from tokbench.finetune.bulk import Read, in_bulk, inputs
from tokbench.finetune.flatids import FlatIds, joined, of_encodings, starts_of
from tokbench.finetune.remembering import remembered
from tokbench.finetune.rows import Rows
from tokbench.finetune.tagged import Tagged
from tokbench.finetune.tasks import Task
from tokbench.finetune.units import (
    NO_PIECE,
    Units,
    counted,
    going_on,
    labels_of_pieces,
    layout,
    pieces_of_units,
)
from tokbench.pretrained.edge import translated
from tokbench.progress import Progress, silent

CHUNK = 8_192  # rows a call: enough for all cores, small enough to show progress and bound memory
Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Encoded:
    """Rows as ids: row i is ids[starts[i]:starts[i + 1]]; labels are class ids or scores, one a row.

    Where words are tagged, `units` says which piece speaks for which, and labels stand one a piece.
    """

    ids: Ids
    type_ids: Ids
    starts: Ids
    labels: NDArray[Any]
    truncated: int  # rows that were cut
    units: Units | None = None

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> Ids:
        """Tokens per row."""
        return np.diff(self.starts)

    def first(self, count: int) -> Encoded:
        """The first rows alone."""
        starts = self.starts[: count + 1]
        end = starts[-1]
        labels = self.labels[: count if self.units is None else end]
        units = None if self.units is None else self.units.first(count)
        return Encoded(self.ids[:end], self.type_ids[:end], starts, labels, self.truncated, units)


def encode(
    tokenizer: PreTrainedTokenizerBase,
    rows: Rows | Tagged,
    *,
    max_length: int,
    task: Task,
    remember: bool = False,
    progress: Progress = silent,
) -> Encoded:
    """The ids of all rows with their special tokens, cut to `max_length` as the tokenizer itself cuts.

    With `remember` those of many rows are kept in the user's cache folder, and read from there; see
    remembering.py. Rows with tagged words are encoded anew each time.
    """
    if isinstance(rows, Tagged):
        return _encode_tagged(tokenizer, rows, max_length=max_length, task=task, progress=progress)
    read = _reader(tokenizer, max_length)
    backend = tokenizer.backend_tokenizer

    def make() -> FlatIds:
        return in_bulk(backend, rows, max_length, read) or _by_library(read, rows, progress)

    found = remembered(backend, rows, max_length, make) if remember else make()
    progress("tokenize", len(rows), len(rows))
    _none_empty(found.lengths, rows)
    labels = np.array(rows.labels, np.float32 if task.regression else np.int64)
    return Encoded(found.ids, found.segments(), found.starts, labels, found.truncated)


def _by_library(read: Read, rows: Rows, progress: Progress) -> FlatIds:
    """The ids of all rows, made by the library."""
    parts = []
    for start in range(0, len(rows), CHUNK):
        parts.append(of_encodings(read(inputs(rows, range(start, min(start + CHUNK, len(rows)))))))
        progress("tokenize", start, len(rows))
    return joined(parts)


def _encode_tagged(
    tokenizer: PreTrainedTokenizerBase, rows: Tagged, *, max_length: int, task: Task, progress: Progress
) -> Encoded:
    """Each sentence as one text, as a model was trained on texts; units are found again by their place."""
    read = _reader(tokenizer, max_length, offsets=True)
    later = going_on(task.labels) if task.all_pieces else None
    texts = rows.texts
    ids, types, labels, speaks, truths, cut, before = [], [], [], [], [], 0, 0
    for start in range(0, len(texts), CHUNK):
        for row, found in enumerate(read(texts[start : start + CHUNK]), start):
            owner, kept = layout(rows.units[row], characters=rows.characters)
            piece, first = pieces_of_units(found.offsets, owner, len(kept))
            truth = counted(rows, row, kept)
            labels.append(labels_of_pieces(piece, first, truth, later))
            speaks.append(np.where(piece == NO_PIECE, NO_PIECE, piece + before))
            truths.append(truth)
            ids.append(np.array(found.ids, np.int64))
            types.append(np.array(found.type_ids, np.int64))
            cut += bool(found.overflowing)
            before += len(found.ids)
        progress("tokenize", len(ids), len(texts))
    starts = starts_of([*map(len, ids)])
    _none_empty(np.diff(starts), rows)
    piece = np.concatenate(speaks)
    goes_on = np.diff(piece, prepend=NO_PIECE) == 0
    units = Units(
        piece, goes_on & (piece != NO_PIECE), np.concatenate(truths), starts_of([*map(len, truths)])
    )
    return Encoded(np.concatenate(ids), np.concatenate(types), starts, np.concatenate(labels), cut, units)


def in_order(computed: NDArray[np.float32], order: Ids, encoded: Encoded) -> NDArray[np.float32]:
    """What was computed row after row in `order`, in the rows' own order; pieces where words are tagged."""
    result = np.empty_like(computed)
    places = order
    if encoded.units is not None:
        ends = encoded.starts[1:]
        places = np.concatenate([np.arange(encoded.starts[row], ends[row]) for row in order])
    result[places] = computed
    return result


def _reader(tokenizer: PreTrainedTokenizerBase, max_length: int, *, offsets: bool = False) -> Read:
    """The wrapper's own backend, set as the wrapper sets it when it is called with truncation."""
    backend = tokenizer.backend_tokenizer
    backend.no_padding()
    backend.enable_truncation(max_length, direction=tokenizer.truncation_side)
    backend.encode_special_tokens = tokenizer.split_special_tokens
    # without a post_processor the fast encoder gives both texts of a pair to the same segment
    slowly = offsets or backend.post_processor is None

    def read(texts: list[Any]) -> list[Any]:
        with translated(f"the tokenizer in {tokenizer.name_or_path}"):
            return list(backend.encode_batch(texts) if slowly else backend.encode_batch_fast(texts))

    return read


def _none_empty(lengths: Ids, rows: Rows | Tagged) -> None:
    empty = np.flatnonzero(lengths == 0)
    if len(empty):
        text = rows.texts[empty[0]]
        raise DataProblem(
            f"{plural(len(empty), 'row has', 'rows have')} "
            f"no token at all under this tokenizer, first: {text[:60]!r}",
            fix="tokbench check says what the tokenizer cannot read",
        )


@dataclass(frozen=True)
class Limits:
    """What a model's embeddings can take: token rows, type rows (None: no such embedding), positions."""

    rows: int
    types: int | None
    positions: int | None


def must_fit(encoded: Encoded, limits: Limits, name_of: Callable[[int], Any]) -> None:
    """Nothing, or an error that names the id a model has no row for; on a GPU it would be a device assert."""
    highest = int(encoded.ids.max())
    if highest >= limits.rows:
        raise ChecksFailed(
            f"{name_of(highest)!r} is id {highest}, and the model has rows for ids below {limits.rows} only",
            fix="tokbench add-tokens TOKENIZER --model MODEL grows the model with its tokenizer",
        )
    if limits.types is not None and int(encoded.type_ids.max()) >= limits.types:
        raise ChecksFailed(
            f"the tokenizer numbers its segments up to {encoded.type_ids.max()}, and the model knows"
            f" {limits.types}",
            fix="take token_type_ids out of model_input_names in tokenizer_config.json",
        )


def seen_ids(encoded: Encoded, size: int) -> NDArray[np.bool_]:
    """For each of `size` ids, whether it occurs."""
    seen = np.zeros(size, np.bool_)
    seen[encoded.ids] = True
    return seen
