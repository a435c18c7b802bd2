"""The dev rows before a model: its answers, their metrics and loss, beside the best constant answer's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedModel

from tokbench.finetuning import metrics as metrics_module
from tokbench.finetuning.data.alignment import UNLABELLED
from tokbench.finetuning.data.batches import Batches
from tokbench.finetuning.data.tokenize import EncodedRows
from tokbench.finetuning.device import Machine
from tokbench.finetuning.engines.distributed import team_of
from tokbench.finetuning.engines.loop import predict
from tokbench.finetuning.intervals import Interval, intervals
from tokbench.finetuning.tasks import Task
from tokbench.progress import Progress, silent

LOSS = "loss"


@dataclass
class Evaluator:
    """Holds a model against the dev rows, as often as it is asked; knows the last answers."""

    model: PreTrainedModel
    task: Task
    evaluation: Mapping[str, Batches]
    machine: Machine
    progress: Progress = silent
    answers: dict[str, NDArray[Any]] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)

    def __call__(self) -> dict[str, float]:
        """The metrics of the model as it is now, and its mean loss over all dev rows."""
        team = team_of(gpu=self.machine.gpu)
        return self.weigh(
            {
                name: predict(self.model, batches, machine=self.machine, team=team, progress=self.progress)
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
        return metrics_module.majority(self.task, self.truth)

    @property
    def intervals(self) -> dict[str, Interval]:
        """How sure the metrics of the last answers are."""
        return intervals(self.task, self.truth, self.answers)

    @property
    def notes(self) -> tuple[str, ...]:
        """What is odd about the last answers."""
        return metrics_module.constant_notes(self.task, self.answers)


def losses_of(logits: NDArray[np.float32], encoded: EncodedRows, task: Task) -> NDArray[np.float64]:
    """What a model is trained to lessen, for each labelled row or piece: cross entropy, or the square."""
    wide = logits.astype(np.float64)
    if task.regression:
        return np.asarray((wide[:, 0] - encoded.labels) ** 2)
    labelled = encoded.labels != UNLABELLED
    chosen, labels = wide[labelled], encoded.labels[labelled]
    top = chosen.max(axis=1)
    total = top + np.log(np.exp(chosen - top[:, None]).sum(axis=1))
    return np.asarray(total - chosen[np.arange(len(labels)), labels])
