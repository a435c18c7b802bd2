"""One step of training: the rows of a batch in, the weights moved; in parts where memory asks for it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tokbench.errors import OutOfRoom, plural
from tokbench.finetune.batches import Batches, in_batches
from tokbench.finetune.encoding import Encoded, Ids
from tokbench.finetune.feeding import Feeder
from tokbench.finetune.gradients import Gradients
from tokbench.finetune.machine import Machine
from tokbench.finetune.settings import Settings
from tokbench.finetune.team import Team
from tokbench.finetune.units import UNLABELLED


@dataclass
class Stepper:
    """Computes gradients of a batch's mean loss and lets the optimizer act on them.

    `parts` is in how many the rows of a batch are computed. It doubles when memory runs out; the batch that
    the optimizer sees stays the same.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    batches: Batches
    settings: Settings
    machine: Machine
    team: Team
    parts: int = 1
    notes: list[str] = field(default_factory=list)
    width: int | None = None  # what rows are padded to on a GPU; None: the longest of them
    replayed: int = 0  # steps that were replayed as CUDA graphs

    def __post_init__(self) -> None:
        self.parts = self.settings.accumulate
        self.feeder = Feeder(self.batches.encoded, self.batches.feed, self.machine)
        self.weight = weight_of_rows(self.batches.encoded)
        # a GPU fills a matrix with zeros at once, and several processes exchange whole ones
        alone = self.team.size == 1
        self.gradients = Gradients(
            self.model, by_row=alone and not self.machine.gpu, asks=not self.machine.gpu
        )

    def __call__(self, rows: Ids) -> torch.Tensor:
        """Learn from these rows; their mean loss, as a tensor that nobody has waited for."""
        drawn = self.machine.random_state()
        while True:
            try:
                loss = self._gradients(rows)
                break
            except (torch.OutOfMemoryError, RuntimeError) as problem:
                if not is_memory(problem):
                    raise
                self._halve(problem)
                self.machine.set_random_state(drawn)
        self.team.add_gradients(self.model)
        self.finish()
        return loss

    def finish(self) -> None:
        """Clip, step, and let go of the gradients."""
        self.gradients.ready(self.settings.clip)
        self.optimizer.step()
        self.gradients.spent()

    def _gradients(self, rows: Ids) -> torch.Tensor:
        mine = self.team.share(rows)
        size = max(1, -(-self.batches.size // (self.parts * self.team.size)))
        pieces = in_batches(mine, size)
        if len(pieces) == 1 and self.team.size == 1:
            return self.backward(pieces[0])
        total = self.weight[rows].sum()
        loss = torch.zeros((), device=self.machine.device)
        for piece in pieces:
            loss += self.backward(piece, float(self.weight[piece].sum() / total))
        return self.team.sum(loss)

    def backward(self, rows: Ids, share: float | None = None) -> torch.Tensor:
        """Add the gradients of these rows' mean loss, times their share in the batch."""
        with self.machine.autocast(), self.gradients.recorded():
            loss: torch.Tensor = self.model(**self.feeder(rows, self.width)).loss
        if share is not None:
            loss = loss * share
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    def _halve(self, problem: BaseException) -> None:
        self.gradients.spent()
        self.parts *= 2
        size = -(-self.batches.size // (self.parts * self.team.size))
        if self.parts >= 2 * self.batches.size:
            raise OutOfRoom(
                "the memory does not hold the gradients of a single row",
                fix="a lower --max-length, or a smaller model",
            ) from problem
        self.machine.let_go()
        self.notes.append(
            f"the memory ran out: batches of {self.batches.size} rows are computed "
            f"{plural(size, 'row')} at a time"
        )


def is_memory(problem: BaseException) -> bool:
    """Whether an error says that memory ran out, on a GPU or in the computer."""
    words = ("DefaultCPUAllocator", "CUBLAS_STATUS_ALLOC_FAILED")
    return isinstance(problem, torch.OutOfMemoryError) or any(each in str(problem) for each in words)


def weight_of_rows(encoded: Encoded) -> NDArray[np.float64]:
    """What each row counts in the mean loss of a batch: 1, or its labelled pieces where words are tagged."""
    if encoded.units is None:
        return np.ones(len(encoded))
    labelled = (encoded.labels != UNLABELLED).astype(np.float64)
    return np.asarray(np.add.reduceat(labelled, encoded.starts[:-1]))
