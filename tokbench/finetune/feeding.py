"""Rows by number → tensors where the model is: on a GPU they are cut out of flat ids that lie there."""

from __future__ import annotations

import numpy as np
import torch

from tokbench.finetune.batches import Batch, Feed, padded
from tokbench.finetune.encoding import Encoded, Ids
from tokbench.finetune.machine import Machine
from tokbench.finetune.units import UNLABELLED


class Feeder:
    """Makes padded batches of rows; on a GPU only the numbers of the rows travel."""

    def __init__(self, encoded: Encoded, feed: Feed, machine: Machine) -> None:
        self.encoded = encoded
        self.feed = feed
        self.lengths = encoded.lengths
        self.flat = Flat(encoded, feed, machine.device) if machine.gpu else None

    def __call__(self, rows: Ids, width: int | None = None) -> Batch:
        """These rows as tensors (B, T), T the longest of them, or `width`."""
        if self.flat is None:
            return padded(self.encoded, rows, self.feed)
        return self.flat.batch(rows, width or int(self.lengths[rows].max()))


class Flat:
    """All rows of a split as flat tensors on one device."""

    def __init__(self, encoded: Encoded, feed: Feed, device: torch.device) -> None:
        self.feed = feed
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
        if self.feed.left:
            column = column - (width - length)
        real = (column >= 0) & (column < length)
        place = (start + column).masked_fill(~real, 0)
        tensors = {
            "input_ids": self.ids[place].masked_fill(~real, self.feed.pad_id),
            "token_type_ids": self.type_ids[place].masked_fill(~real, 0),
            "attention_mask": real.long(),
        }
        labels = self.labels[place].masked_fill(~real, UNLABELLED) if self.tagged else self.labels[rows]
        return {**{name: tensors[name] for name in self.feed.inputs}, "labels": labels}

    def _put(self, array: Ids) -> torch.Tensor:
        return torch.from_numpy(array).to(self.device)
