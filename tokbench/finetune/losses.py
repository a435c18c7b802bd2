"""The losses of a run, looked at now and then: one that is no number ends the run."""

from __future__ import annotations

import numpy as np
import torch

from tokbench.errors import AnswerIsNo

STEPS_BETWEEN_LOOKS = 50  # on a GPU: reading a loss makes it wait


class Losses:
    """The losses so far, one a step; `seen` holds those that were read."""

    def __init__(self, *, every: int, steps: int, seen: list[float] | None = None) -> None:
        self.every = every
        self.steps = steps
        self.waiting: list[torch.Tensor] = []
        self.seen: list[float] = seen or []

    def add(self, loss: torch.Tensor) -> bool:
        """Take one step's loss; whether all losses were read just now."""
        self.waiting.append(loss)
        full = len(self.waiting) >= self.every
        if full:
            self.look()
        return full

    def mean(self, last: int) -> float:
        """The mean of the last losses."""
        self.look()
        return float(np.mean(self.seen[-last:])) if self.seen else 0.0

    def look(self) -> None:
        """Read what waits; AnswerIsNo with the step of the first that is no number."""
        if not self.waiting:
            return
        new = torch.stack(self.waiting).float().tolist()
        self.waiting.clear()
        bad = next((index for index, loss in enumerate(new, 1) if not np.isfinite(loss)), None)
        if bad is not None:
            step = len(self.seen) + bad
            first = "a model whose weights are finite: at step 1 nothing has been learned yet"
            raise AnswerIsNo(
                f"the loss is {new[bad - 1]} at step {step} of {self.steps}",
                fix=first if step == 1 else "a lower --learning-rate",
            )
        self.seen += new
