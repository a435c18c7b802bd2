"""What can train a model: each engine is a function like the loop's, loaded when it is asked for."""

from __future__ import annotations

import os
from typing import Protocol

from torch import nn

from tokbench.errors import AskedWrongly
from tokbench.finetune.batches import Batches
from tokbench.finetune.checkpoints import Keeper
from tokbench.finetune.loop import Fit, fit
from tokbench.finetune.machine import Machine
from tokbench.finetune.plan import Plan
from tokbench.finetune.watching import Watch
from tokbench.progress import Progress


class Engine(Protocol):
    """Trains a model in place: the plan's seed, batches, rates and clipping, so that results agree."""

    def __call__(
        self,
        model: nn.Module,
        batches: Batches,
        plan: Plan,
        *,
        rate: float,
        machine: Machine,
        watch: Watch,
        keeper: Keeper | None,
        progress: Progress,
    ) -> Fit:
        """Train, and say what came of it."""


def engine_of(plan: Plan) -> Engine:
    """The engine that the plan names; AskedWrongly for a setting it does not take, or several processes."""
    started = int(os.environ.get("WORLD_SIZE", "1"))
    if plan.engine != "loop" and started > 1:
        raise AskedWrongly(
            f"the {plan.engine} engine trains in one process, and {started} were started", fix="--engine loop"
        )
    if plan.engine == "trainer":
        from tokbench.finetune import trainer

        trainer.check(plan)
        return trainer.fit
    if plan.engine == "lightning":
        from tokbench.finetune import lightning

        lightning.check(plan)
        return lightning.fit
    return fit
