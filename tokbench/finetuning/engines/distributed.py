"""Several processes that train one model: who does which rows, and how their gradients become one.

They are started by torchrun or accelerate with the command that one process is started with.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import nn
from torch._utils import _flatten_dense_tensors, _unflatten_dense_tensors

from tokbench.errors import RunInterruptedError, plural

if TYPE_CHECKING:
    from tokbench.native.ragged import Ids

PATIENCE = timedelta(days=1)  # the others wait while the first one saves, proves and answers test rows


@dataclass(frozen=True)
class Team:
    """This process's place among all; alone it is 0 of 1, and nothing is sent."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes and speaks."""
        return self.rank == 0

    def share(self, rows: Ids) -> Ids:
        """The rows of a batch that this process computes; there may be none."""
        return rows[self.rank :: self.size] if self.size > 1 else rows

    def add_gradients(self, model: nn.Module) -> None:
        """Make every gradient the sum over all processes; called once a step by each of them."""
        if self.size == 1:
            return
        learned = [each for each in model.parameters() if each.requires_grad]
        for each in learned:  # one without rows here still has to answer the others
            if each.grad is None:
                each.grad = torch.zeros_like(each)
        gradients = [each.grad for each in learned if each.grad is not None]
        flat = _flatten_dense_tensors(gradients)  # type: ignore[no-untyped-call]
        with peers_or_interrupted():
            dist.all_reduce(flat)
        for old, new in zip(gradients, _unflatten_dense_tensors(flat, gradients), strict=True):  # type: ignore[no-untyped-call]
            old.copy_(new)

    def sum(self, loss: torch.Tensor) -> torch.Tensor:
        """A number summed over all processes."""
        if self.size > 1:
            with peers_or_interrupted():
                dist.all_reduce(loss)
        return loss

    def whole(self, part: torch.Tensor) -> NDArray[np.float32]:
        """What all processes have made together: each has filled its rows, and the others are 0."""
        if self.size > 1:
            with peers_or_interrupted():
                dist.all_reduce(part)
        return np.asarray(part.cpu().numpy())

    def agree(self, *mine: bool) -> tuple[bool, ...]:
        """For each question whether any process says yes, so that all of them do the same."""
        if self.size == 1:
            return mine
        answers = torch.tensor(mine, dtype=torch.uint8)
        with peers_or_interrupted():
            dist.all_reduce(answers, op=dist.ReduceOp.MAX)
        return tuple(bool(each) for each in answers)

    def gathered(self, mine: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Every process's tensors on the CPU: the first one's under their names, the others' with @ and rank.

        Each process has to call it, with the same names and shapes.
        """
        found = dict(mine)
        for name, tensor in mine.items() if self.size > 1 else ():
            every = [torch.empty_like(tensor) for _ in range(self.size)]
            with peers_or_interrupted():
                dist.all_gather(every, tensor)
            found |= {_name(name, rank): each for rank, each in enumerate(every)}
        return found

    def own(self, every: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """What `gathered` has of this process; empty where there were fewer of them."""
        names = {name.partition("@")[0] for name in every}
        return {name: every[_name(name, self.rank)] for name in names if _name(name, self.rank) in every}


ALONE = Team()


@contextmanager
def peers_or_interrupted() -> Iterator[None]:
    """Interrupted where the others cannot be reached any more; gloo and NCCL have many words for it."""
    try:
        yield
    except RuntimeError as problem:
        raise RunInterruptedError(
            "another process of this run has ended, and this one cannot go on alone",
            fix="see what the other one said; --resume goes on from the last checkpoint, if there is one",
        ) from problem


def team_of(*, gpu: bool) -> Team:
    """The team that the launcher's environment speaks of; joins it at the first call."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size < 2:
        return Team()
    if not dist.is_initialized():
        # what is agreed on lies on the CPU, so that no GPU is waited for
        dist.init_process_group("cpu:gloo,cuda:nccl" if gpu else "gloo", timeout=PATIENCE)
    return Team(dist.get_rank(), dist.get_world_size())


def of_other_size(before: int, now: Team) -> list[str]:
    """What is to be told when a run goes on in another number of processes than it was stopped in."""
    if before == now.size:
        return []
    return [
        f"it goes on in {plural(now.size, 'process', 'processes')} after {before:,}:"
        " dropout draws other numbers, and sums are rounded otherwise"
    ]


def _name(name: str, rank: int) -> str:
    return f"{name}@{rank}" if rank else name
