"""One training loop and one prediction loop, on a CPU or a GPU, in one process or several."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from transformers import PreTrainedModel

from tokbench.finetuning import metrics as metrics_module
from tokbench.finetuning.data.batches import Batches, DeviceCollator, by_length
from tokbench.finetuning.data.tokenize import in_row_order
from tokbench.finetuning.engines.distributed import ALONE, Team, team_of
from tokbench.finetuning.engines.interrupts import EvaluationStoppedError
from tokbench.finetuning.engines.objective import losses_of
from tokbench.finetuning.engines.state import FitResult, TrainingJob, TrainingState
from tokbench.finetuning.engines.step import GraphStepper, Stepper, replayable
from tokbench.finetuning.intervals import Interval, intervals
from tokbench.finetuning.result import LOSS
from tokbench.progress import Progress, silent

if TYPE_CHECKING:
    from tokbench.finetuning.config import FinetuneConfig
    from tokbench.finetuning.device import Machine
    from tokbench.finetuning.tasks import Task
    from tokbench.native.ragged import Ids

ROWS_PREDICTED = 256  # at once on a GPU, whatever a training step has


def check(config: FinetuneConfig) -> None:
    """Nothing: the loop takes every choice that a config can hold."""


def fit(job: TrainingJob) -> FitResult:
    """Train the job's model by our own loop; the same job on the same CPU gives the same bits."""
    config, machine = job.config, job.machine
    team = team_of(gpu=machine.gpu)
    graphs = replayable(config, machine, team)
    state = TrainingState(job, team=team, capturable=graphs)
    kind = GraphStepper if graphs else Stepper
    stepper = kind(job.model, state.optimizer, job.batches, config, machine, team, job.objective)
    stepper.parts, stepper.notes = state.parts, state.notes
    with state.interruptible(), machine.keeping_memory():
        if state.goes_on():
            _train(job, state, stepper)
        return replace(state.finished(), replayed=stepper.replayed)


def _train(job: TrainingJob, state: TrainingState, stepper: Stepper) -> None:
    """The steps that are left."""
    state.begin()
    job.model.train()
    for rows in _remaining(job.batches, job.plan.epochs, state.step):
        state.set_rate()
        state.losses.add(stepper(rows))
        state.parts = stepper.parts
        state.stepped()
        state.evaluate_if_due()
        state.keep()
        if state.enough:
            break


def predict_logits(
    model: nn.Module,
    batches: Batches,
    *,
    machine: Machine,
    team: Team = ALONE,
    progress: Progress = silent,
    asked: Sequence[int] = (),
) -> NDArray[np.float32]:
    """Logits (rows, labels) in the order of the rows, whatever order they were computed in.

    With a team every process computes some batches, and gets the logits of all; each has to call it then.
    Once there is something in what any process was `asked`, all leave it: EvaluationStoppedError.
    """
    model.eval()
    encoded = batches.encoded
    feeder = DeviceCollator(encoded, batches.model_inputs, machine)
    rows_done = 0
    size = max(batches.size, ROWS_PREDICTED) if machine.gpu else batches.size
    orders = by_length(encoded.lengths, size)
    team, everybody = team if team.size <= len(orders) else ALONE, team
    parts: dict[int, torch.Tensor] = {}
    with torch.inference_mode(), machine.autocast():
        for place, rows in enumerate(orders):
            if place % team.size == 0 and any(everybody.agree(bool(asked))):
                raise EvaluationStoppedError
            if place % team.size == team.rank:
                batch = feeder(rows)
                batch.pop("labels")
                parts[place] = of_pieces(model(**batch).logits.float(), batch["attention_mask"])
            rows_done += len(rows)
            progress("evaluate", rows_done, len(encoded))
    one = next(iter(parts.values()))
    tagged = encoded.units is not None
    counts = [int(encoded.lengths[rows].sum()) if tagged else len(rows) for rows in orders]
    every = [
        parts[place] if place in parts else one.new_zeros(count, *one.shape[1:])
        for place, count in enumerate(counts)
    ]
    return in_row_order(team.whole(torch.cat(every)), np.concatenate(orders), encoded)


def of_pieces(logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Logits (B, T, labels) of a tagging model as (pieces, labels), padding left out; others as they are."""
    return logits[mask.bool()] if logits.ndim == 3 else logits


def _remaining(batches: Batches, epochs: int, done: int) -> Iterator[Ids]:
    """The rows of each step after those that are done."""
    first, skipped = divmod(done, len(batches))
    for epoch in range(first, epochs):
        yield from batches.orders(epoch)[skipped if epoch == first else 0 :]


@dataclass
class Evaluator:
    """Holds a model against the dev rows, as often as it is asked; knows the last answers."""

    model: PreTrainedModel
    task: Task
    evaluation: Mapping[str, Batches]
    machine: Machine
    progress: Progress = silent
    asked: Sequence[int] = ()  # not empty once the run shall stop
    answers: dict[str, NDArray[Any]] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)

    def __call__(self) -> dict[str, float]:
        """The metrics of the model as it is now, and its mean loss over all dev rows."""
        team = team_of(gpu=self.machine.gpu)
        return self.weigh(
            {
                name: predict_logits(
                    self.model,
                    batches,
                    machine=self.machine,
                    team=team,
                    progress=self.progress,
                    asked=self.asked,
                )
                for name, batches in self.evaluation.items()
            }
        )

    def weigh(self, logits: Mapping[str, NDArray[np.float32]]) -> dict[str, float]:
        """The same of logits that somebody else computed, by split."""
        losses = []
        for name, found in logits.items():
            encoded = self.evaluation[name].encoded
            self.answers[name] = metrics_module.answers_of(found, encoded, self.task)
            losses.append(losses_of(found, encoded, self.task))
        self.metrics = metrics_module.score(self.task, self.truth, self.answers)
        return {**self.metrics, LOSS: float(np.concatenate(losses).mean())}

    @property
    def truth(self) -> dict[str, NDArray[Any]]:
        """What the answers should be."""
        return {name: metrics_module.truth_of(batches.encoded) for name, batches in self.evaluation.items()}

    @property
    def majority(self) -> dict[str, float]:
        """The metrics of the best constant answer."""
        return metrics_module.best_constant(self.task, self.truth)

    @property
    def intervals(self) -> dict[str, Interval]:
        """How sure the metrics of the last answers are."""
        return intervals(self.task, self.truth, self.answers)

    @property
    def constant(self) -> tuple[str, ...]:
        """The splits on which the last answers are one and the same for all rows."""
        return metrics_module.constant_splits(self.answers)
