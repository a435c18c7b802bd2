"""Several processes that train one model: who does which rows, and how their gradients become one.

They are started by torchrun or accelerate with the command that one process is started with.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import nn
from torch._utils import _flatten_dense_tensors, _unflatten_dense_tensors

from tokbench.finetune.encoding import Ids


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
        dist.all_reduce(flat)
        for old, new in zip(gradients, _unflatten_dense_tensors(flat, gradients), strict=True):  # type: ignore[no-untyped-call]
            old.copy_(new)

    def sum(self, loss: torch.Tensor) -> torch.Tensor:
        """A number summed over all processes."""
        if self.size > 1:
            dist.all_reduce(loss)
        return loss

    def whole(self, part: torch.Tensor) -> NDArray[np.float32]:
        """What all processes have made together: each has filled its rows, and the others are 0."""
        if self.size > 1:
            dist.all_reduce(part)
        return np.asarray(part.cpu().numpy())

    def wait(self) -> None:
        """Return when every process has come here."""
        if self.size > 1:
            dist.barrier()


ALONE = Team()


def team_of(*, gpu: bool) -> Team:
    """The team that the launcher's environment speaks of; joins it at the first call."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size < 2:
        return Team()
    if not dist.is_initialized():
        dist.init_process_group("nccl" if gpu else "gloo")
    return Team(dist.get_rank(), dist.get_world_size())
