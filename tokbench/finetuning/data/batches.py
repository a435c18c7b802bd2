"""Encoded rows → padded batches of rows of like length, in an order set by the seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from tokbench.finetuning.data.tokenize import UNLABELLED, EncodedRows

if TYPE_CHECKING:
    from tokbench.finetuning.device import Machine
    from tokbench.native.ragged import Ids

# Rows are shuffled, sorted by length within this many batches, and the batches shuffled again. On SST-2
# at 32 rows a batch: 1.05 computed tokens for each real one, 3.0 without the sorting.
BATCHES_SORTED_TOGETHER = 50
MULTIPLE = 8  # replayed widths: bf16 matrix units want it, and a dozen graphs are enough
LONGEST = 8_192  # tokens in a replayed batch: above it a step computes long enough to hide its launches

Batch = dict[str, torch.Tensor]


def grouped(lengths: Ids, size: int, seed: tuple[int, ...]) -> list[Ids]:
    """Every row in exactly one batch of at most `size` rows of like length; both orders follow the seed."""
    random = np.random.default_rng(seed)
    order = random.permutation(len(lengths))
    batches: list[Ids] = []
    for start in range(0, len(order), size * BATCHES_SORTED_TOGETHER):
        some = order[start : start + size * BATCHES_SORTED_TOGETHER]
        batches += in_batches(some[np.argsort(lengths[some], kind="stable")], size)
    return [batches[index] for index in random.permutation(len(batches))]


def by_length(lengths: Ids, size: int) -> list[Ids]:
    """Every row in exactly one batch, longest rows first: too little memory shows at once."""
    return in_batches(np.argsort(-lengths, kind="stable"), size)


def in_batches(order: Ids, size: int) -> list[Ids]:
    """`order` cut into pieces of `size`; the last may be shorter."""
    return [order[start : start + size] for start in range(0, len(order), size)]


def bucket(width: int, most: int) -> int:
    """The width that a replayed batch is padded to.

    >>> [bucket(width, 64) for width in (1, 8, 9, 63)]
    [8, 8, 16, 64]
    """
    return min(-(-width // MULTIPLE) * MULTIPLE, most)


@dataclass(frozen=True, kw_only=True)
class ModelInputs:
    """What a model wants to be fed: names of its inputs, padding id and side, tokens a row may have."""

    inputs: tuple[str, ...]
    pad_id: int
    max_length: int
    left: bool = False


@dataclass(frozen=True, kw_only=True)
class Batches:
    """The batches of all epochs; the same for the same seed, whoever asks and how often."""

    encoded: EncodedRows
    model_inputs: ModelInputs
    size: int
    seed: int

    def __len__(self) -> int:
        return -(-len(self.encoded) // self.size)

    def epoch(self, number: int) -> Iterator[Batch]:
        """The batches of one epoch."""
        return (pad_batch(self.encoded, rows, self.model_inputs) for rows in self.orders(number))

    def orders(self, number: int) -> list[Ids]:
        """Which rows stand in which batch of one epoch."""
        return grouped(self.encoded.lengths, self.size, (self.seed, number))

    def replayed_width(self, rows: Ids) -> int | None:
        """The width of the graph that these rows are replayed in; None where they are computed as is."""
        starts = self.encoded.starts
        width = bucket(int((starts[rows + 1] - starts[rows]).max()), self.model_inputs.max_length)
        return width if len(rows) == self.size and width * len(rows) <= LONGEST else None

    def padding(self, epochs: int, *, replayed: bool = False) -> float:
        """Padding over real tokens in that many epochs, computed as they are or in replayed graphs."""
        lengths = self.encoded.lengths
        computed = 0
        for epoch in range(epochs):
            for rows in self.orders(epoch):
                width = self.replayed_width(rows) if replayed else None
                computed += (width or int(lengths[rows].max())) * len(rows)
        return computed / (int(lengths.sum()) * epochs) - 1


def pad_batch(encoded: EncodedRows, rows: Ids, model_inputs: ModelInputs) -> Batch:
    """These rows as tensors (B, T), T the longest of them; `labels` beside the model's inputs."""
    lengths = encoded.lengths[rows]
    column = np.arange(lengths.max())
    if model_inputs.left:
        column = column - (lengths.max() - lengths)[:, None]
    real = (column >= 0) & (column < lengths[:, None])
    place = np.where(real, encoded.starts[rows][:, None] + column, 0)
    arrays = {
        "input_ids": np.where(real, encoded.ids[place], model_inputs.pad_id),
        "token_type_ids": np.where(real, encoded.type_ids[place], 0),
        "attention_mask": real.astype(np.int64),
    }
    batch = {name: torch.from_numpy(arrays[name]) for name in model_inputs.inputs}
    tagged = encoded.units is not None  # a label a piece instead of one a row
    labels = np.where(real, encoded.labels[place], UNLABELLED) if tagged else encoded.labels[rows]
    return {**batch, "labels": torch.from_numpy(labels)}


class DeviceCollator:
    """Makes padded batches of rows; on a GPU only the numbers of the rows travel."""

    def __init__(self, encoded: EncodedRows, model_inputs: ModelInputs, machine: Machine) -> None:
        self.encoded = encoded
        self.model_inputs = model_inputs
        self.lengths = encoded.lengths
        self.flat = DeviceRows(encoded, model_inputs, machine.device) if machine.gpu else None

    def __call__(self, rows: Ids, width: int | None = None) -> Batch:
        """These rows as tensors (B, T), T the longest of them, or `width`."""
        if self.flat is None:
            return pad_batch(self.encoded, rows, self.model_inputs)
        return self.flat.batch(rows, width or int(self.lengths[rows].max()))


class DeviceRows:
    """All rows of a split as flat tensors on one device."""

    def __init__(self, encoded: EncodedRows, model_inputs: ModelInputs, device: torch.device) -> None:
        self.model_inputs = model_inputs
        self.device = device
        self.tagged = encoded.units is not None
        self.ids, self.type_ids = self._put(encoded.ids), self._put(encoded.type_ids)
        self.starts, self.labels = self._put(encoded.starts), self._put(encoded.labels)

    def batch(self, rows: Ids, width: int) -> Batch:
        """The same tensors as `padded` makes, `width` wide, without a number coming back from the device."""
        return self.cut(self.numbers(rows), width)

    def numbers(self, rows: Ids) -> torch.Tensor:
        """Row numbers on the device; the copy runs beside the work before it."""
        here = torch.from_numpy(np.ascontiguousarray(rows))
        if self.device.type == "cuda":
            here = here.pin_memory()
        return here.to(self.device, non_blocking=True)

    def cut(self, rows: torch.Tensor, width: int) -> Batch:
        """Cut rows (B,) out of the flat tensors and pad them to `width`."""
        start = self.starts[rows][:, None]
        length = self.starts[rows + 1][:, None] - start
        column = torch.arange(width, device=self.device)[None, :]
        if self.model_inputs.left:
            column = column - (width - length)
        real = (column >= 0) & (column < length)
        place = (start + column).masked_fill(~real, 0)
        tensors = {
            "input_ids": self.ids[place].masked_fill(~real, self.model_inputs.pad_id),
            "token_type_ids": self.type_ids[place].masked_fill(~real, 0),
            "attention_mask": real.long(),
        }
        labels = self.labels[place].masked_fill(~real, UNLABELLED) if self.tagged else self.labels[rows]
        return {**{name: tensors[name] for name in self.model_inputs.inputs}, "labels": labels}

    def _put(self, array: Ids) -> torch.Tensor:
        return torch.from_numpy(array).to(self.device)
