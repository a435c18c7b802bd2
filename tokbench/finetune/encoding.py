"""Texts → ids, all at once: flat arrays with a start per row, nothing padded yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from tokbench.errors import ChecksFailed, DataProblem
from tokbench.finetune.bulk import in_bulk
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
    progress: Progress = silent,
) -> Encoded:
    """The ids of all rows with their special tokens, cut to `max_length` as the tokenizer itself cuts."""
    if isinstance(rows, Tagged):
        return _encode_tagged(tokenizer, rows, max_length=max_length, task=task, progress=progress)
    read = _reader(tokenizer, max_length)
    quick = None
    if rows.pairs is None:
        quick = in_bulk(tokenizer.backend_tokenizer, rows.texts, max_length, read)
    if quick is None:
        ids, type_ids, cut = _by_library(read, rows, progress)
    else:
        ids, cut = quick
        type_ids = [np.zeros(each.size, np.int64) for each in ids]
        progress("tokenize", len(ids), len(ids))
    _none_empty(ids, rows)
    starts = _starts(ids)
    labels = np.array(rows.labels, np.float32 if task.regression else np.int64)
    return Encoded(np.concatenate(ids), np.concatenate(type_ids), starts, labels, cut)


def _by_library(
    read: Callable[[list[Any]], list[Any]], rows: Rows, progress: Progress
) -> tuple[list[Ids], list[Ids], int]:
    """Ids and segments of each row, and how many were cut."""
    inputs = rows.texts if rows.pairs is None else list(zip(rows.texts, rows.pairs, strict=True))
    ids: list[Ids] = []
    type_ids: list[Ids] = []
    cut = 0
    for start in range(0, len(inputs), CHUNK):
        encodings = read(inputs[start : start + CHUNK])
        ids.extend(np.array(each.ids, np.int64) for each in encodings)
        type_ids.extend(np.array(each.type_ids, np.int64) for each in encodings)
        cut += sum(bool(each.overflowing) for each in encodings)
        progress("tokenize", len(ids), len(inputs))
    return ids, type_ids, cut


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
    _none_empty(ids, rows)
    piece = np.concatenate(speaks)
    goes_on = np.diff(piece, prepend=NO_PIECE) == 0
    units = Units(piece, goes_on & (piece != NO_PIECE), np.concatenate(truths), _starts(truths))
    return Encoded(
        np.concatenate(ids), np.concatenate(types), _starts(ids), np.concatenate(labels), cut, units
    )


def _starts(several: list[Ids]) -> Ids:
    return np.cumsum([0, *map(len, several)], dtype=np.int64)


def in_order(computed: NDArray[np.float32], order: Ids, encoded: Encoded) -> NDArray[np.float32]:
    """What was computed row after row in `order`, in the rows' own order; pieces where words are tagged."""
    result = np.empty_like(computed)
    places = order
    if encoded.units is not None:
        ends = encoded.starts[1:]
        places = np.concatenate([np.arange(encoded.starts[row], ends[row]) for row in order])
    result[places] = computed
    return result


def _reader(
    tokenizer: PreTrainedTokenizerBase, max_length: int, *, offsets: bool = False
) -> Callable[[list[Any]], list[Any]]:
    """The wrapper's own backend, set as the wrapper sets it when it is called with truncation."""
    backend = tokenizer.backend_tokenizer
    backend.no_padding()
    backend.enable_truncation(max_length, direction=tokenizer.truncation_side)
    backend.encode_special_tokens = tokenizer.split_special_tokens

    def read(texts: list[Any]) -> list[Any]:
        with translated(f"the tokenizer in {tokenizer.name_or_path}"):
            return list(backend.encode_batch(texts) if offsets else backend.encode_batch_fast(texts))

    return read


def _none_empty(ids: list[Ids], rows: Rows | Tagged) -> None:
    empty = [index for index, each in enumerate(ids) if not len(each)]
    if empty:
        text = rows.texts[empty[0]]
        raise DataProblem(
            f"{len(empty)} rows have no token at all under this tokenizer, first: {text[:60]!r}",
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
