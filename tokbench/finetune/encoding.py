"""Texts → ids, all at once: flat arrays with a start per row, nothing padded yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from tokbench.errors import ChecksFailed, DataProblem
from tokbench.finetune.rows import Rows
from tokbench.pretrained.edge import translated
from tokbench.progress import Progress, silent

CHUNK = 8_192  # rows a call: enough for all cores, small enough to show progress and bound memory
Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Encoded:
    """Rows as ids: row i is ids[starts[i]:starts[i + 1]]; labels are class ids or scores."""

    ids: Ids
    type_ids: Ids
    starts: Ids
    labels: NDArray[Any]
    truncated: int  # rows that were cut

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def lengths(self) -> Ids:
        """Tokens per row."""
        return np.diff(self.starts)

    def first(self, count: int) -> Encoded:
        """The first rows alone."""
        starts = self.starts[: count + 1]
        end = starts[-1]
        return Encoded(self.ids[:end], self.type_ids[:end], starts, self.labels[:count], self.truncated)


def encode(
    tokenizer: PreTrainedTokenizerBase,
    rows: Rows,
    *,
    max_length: int,
    regression: bool = False,
    progress: Progress = silent,
) -> Encoded:
    """The ids of all rows with their special tokens, cut to `max_length` as the tokenizer itself cuts."""
    read = _reader(tokenizer, max_length)
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
    _none_empty(ids, rows)
    starts = np.cumsum([0, *map(len, ids)], dtype=np.int64)
    labels = np.array(rows.labels, np.float32 if regression else np.int64)
    return Encoded(np.concatenate(ids), np.concatenate(type_ids), starts, labels, cut)


def _reader(tokenizer: PreTrainedTokenizerBase, max_length: int) -> Callable[[list[Any]], list[Any]]:
    """The wrapper's own backend, set as the wrapper sets it when it is called with truncation."""
    backend = tokenizer.backend_tokenizer
    backend.no_padding()
    backend.enable_truncation(max_length, direction=tokenizer.truncation_side)
    backend.encode_special_tokens = tokenizer.split_special_tokens

    def read(texts: list[Any]) -> list[Any]:
        with translated(f"the tokenizer in {tokenizer.name_or_path}"):
            return list(backend.encode_batch_fast(texts))

    return read


def _none_empty(ids: list[Ids], rows: Rows) -> None:
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
