"""The loss of a batch: the model's own, of several labels or weighed classes, or a distance to a teacher."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tokbench.errors import UsageError
from tokbench.finetuning.data.batches import DeviceCollator
from tokbench.finetuning.data.tokenize import UNLABELLED, EncodedRows
from tokbench.model.modeling_pooled import pooled
from tokbench.model.trainable_rows import TrainableRows, frozen, last_states

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from tokbench.finetuning.data.batches import Batch, ModelInputs
    from tokbench.finetuning.device import Machine
    from tokbench.finetuning.tasks import Task

BALANCED = "balanced"
Weights = dict[str, float]


@dataclass(frozen=True)
class Objective:
    """The mean loss that training lessens, the same for every engine.

    Without weights and with one label a row it is what the model itself gives with `labels`: cross entropy,
    or the squared error of scores. `weights` (labels,) say what a row (tagged: a piece) of each class counts,
    in the sum and in what it is divided by, as torch's CrossEntropyLoss has it. With `multi_label` it is the
    mean binary cross entropy over rows and labels, and weights say what a label counts where it is given
    (`pos_weight` of BCEWithLogitsLoss).
    """

    weights: torch.Tensor | None = None
    multi_label: bool = False

    def __call__(self, model: nn.Module, batch: Batch) -> torch.Tensor:
        """The loss of one padded batch."""
        if self.weights is None and not self.multi_label:
            loss: torch.Tensor = model(**batch).loss
            return loss
        given = {name: each for name, each in batch.items() if name != "labels"}
        logits, labels = model(**given).logits.float(), batch["labels"]
        if self.multi_label:
            return nn.functional.binary_cross_entropy_with_logits(logits, labels, pos_weight=self.weights)
        flat = logits.reshape(-1, logits.shape[-1])
        return nn.functional.cross_entropy(
            flat, labels.reshape(-1), weight=self.weights, ignore_index=UNLABELLED
        )

    def counts(self, labels: torch.Tensor) -> torch.Tensor:
        """What each row (B,) counts in a batch's mean loss: its labelled pieces, or their weights."""
        if labels.is_floating_point():  # scores, or a 0 or 1 for each label
            return torch.ones(len(labels), dtype=torch.float64)
        labelled = labels != UNLABELLED
        if self.weights is None:
            return labelled.reshape(len(labels), -1).sum(1).double()
        of_labels = self.weights.double()[labels.clamp(min=0)] * labelled
        return of_labels.reshape(len(labels), -1).sum(1)

    def counts_of_rows(self, encoded: EncodedRows) -> NDArray[np.float64]:
        """The same of all rows of a split."""
        counts = np.ones(len(encoded.labels))
        if self.weights is not None and not self.multi_label:
            weights = self.weights.double().cpu().numpy()
            counts = weights[np.maximum(encoded.labels, 0)]
        if encoded.units is None:
            return np.asarray(counts)
        counts = np.where(encoded.labels == UNLABELLED, 0.0, counts)
        return np.asarray(np.add.reduceat(counts, encoded.starts[:-1]))


PLAIN = Objective()


def class_weights(written: str, task: Task, labels: NDArray[Any]) -> Weights:
    """The weight of every label: {} where none was asked for; UsageError where there can be none.

    `labels` are those of the train rows as they are learned: class ids, of pieces with -100 where none is
    learned, or (rows, labels) of 0 and 1.
    """
    if not written:
        return {}
    if task.regression:
        raise UsageError(
            "class_weights are for classes, and the rows have scores", fix="leave class_weights out"
        )
    if written == BALANCED:
        return dict(zip(task.labels, _balanced(task, labels), strict=True))
    given = _given(written, task)
    wrong = next((label for label in given if label not in task.labels), None)
    missing = next((label for label in task.labels if label not in given), None)
    if wrong is not None or missing is not None:
        what = f"names {wrong!r}, which is no label" if wrong is not None else f"leaves {missing!r} out"
        raise UsageError(f"class_weights {what}", fix=_example(task))
    return {label: given[label] for label in task.labels}


def _balanced(task: Task, labels: NDArray[Any]) -> list[float]:
    """Of the k classes that occur n / (k · n_c), as scikit-learn's compute_class_weight has it; else 1.

    Of several labels each is weighed for itself: (n - n_c) / n_c, rows without it over rows with it.
    """
    if task.multi_label:
        having = labels.sum(axis=0)
        return [float((len(labels) - count) / count) if count else 1.0 for count in having.tolist()]
    learned = labels[labels != UNLABELLED]
    counts = np.bincount(learned, minlength=len(task.labels))
    there = int((counts > 0).sum())
    return [len(learned) / (there * count) if count else 1.0 for count in counts.tolist()]


def _given(written: str, task: Task) -> Weights:
    """The weights in neg=1,pos=3 or in a JSON object."""
    try:
        if written.lstrip().startswith("{"):
            found = {str(label): float(weight) for label, weight in json.loads(written).items()}
        else:
            parts = [part.rpartition("=") for part in written.split(",")]
            found = {label.strip(): float(weight) for label, _, weight in parts}
    except (ValueError, TypeError) as problem:
        raise UsageError(f"class_weights is {written!r:.80}", fix=_example(task)) from problem
    low = next((label for label, weight in found.items() if not 0 < weight < math.inf), None)
    if low is not None:
        raise UsageError(
            f"class_weights gives {low!r} {found[low]:g}: a weight is above 0", fix=_example(task)
        )
    return found


def _example(task: Task) -> str:
    """The option as it can be pasted, with a weight of 1 for each label."""
    weights = json.dumps(dict.fromkeys(task.labels, 1), ensure_ascii=False, separators=(",", ":"))
    return f"--set {shlex.quote(f'class_weights={weights}')}"


def objective_of(weights: Mapping[str, float], task: Task, device: torch.device) -> Objective:
    """The loss of a run: weights in the order of the task's labels, on the device."""
    tensor = torch.tensor(list(weights.values()), dtype=torch.float32, device=device) if weights else None
    return Objective(tensor, task.multi_label)


def constant_loss(encoded: EncodedRows, task: Task, weights: Mapping[str, float]) -> float:
    """The mean loss of the best answer that is the same for all rows (or pieces), with these class weights.

    Of classes it is the entropy of their shares in nats, of scores their variance, of several labels the mean
    of their entropies: what a model that learns nothing from the texts ends at.
    """
    labels = encoded.labels
    weight = np.array(list(weights.values()) or [1.0] * len(task.labels))
    if task.regression:
        return float(np.var(labels.astype(np.float64)))
    if task.multi_label:
        having, lacking = labels.mean(axis=0) * weight, 1 - labels.mean(axis=0)
        both = np.stack([having, lacking])
        return float(-_times_log(both, both / both.sum(axis=0)).sum(axis=0).mean())
    counted = np.bincount(labels[labels != UNLABELLED], minlength=len(task.labels)) * weight
    shares = counted / counted.sum()
    return float(-_times_log(shares, shares).sum())


def _times_log(factor: NDArray[np.float64], shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """The factor times the logarithm of its share; 0 where the factor is 0."""
    return np.where(factor > 0, factor * np.log(np.where(shares > 0, shares, 1.0)), 0.0)


def losses_of(logits: NDArray[np.float32], encoded: EncodedRows, task: Task) -> NDArray[np.float64]:
    """What training lessens, for each row or labelled piece; all count alike, whatever weights are set."""
    wide = logits.astype(np.float64)
    if task.regression:
        return np.asarray((wide[:, 0] - encoded.labels) ** 2)
    if task.multi_label:
        return np.asarray((np.logaddexp(0.0, wide) - wide * encoded.labels).mean(axis=1))
    labelled = encoded.labels != UNLABELLED
    chosen, labels = wide[labelled], encoded.labels[labelled]
    top = chosen.max(axis=1)
    total = top + np.log(np.exp(chosen - top[:, None]).sum(axis=1))
    return np.asarray(total - chosen[np.arange(len(labels)), labels])


class Teacher:
    """A model and the rows it reads: its hidden states at places among all their tokens."""

    def __init__(
        self, model: PreTrainedModel, rows: EncodedRows, inputs: ModelInputs, machine: Machine
    ) -> None:
        self.model = frozen(model)
        self.starts = torch.from_numpy(rows.starts)
        self.left = inputs.left
        self.feeder = DeviceCollator(rows, inputs, machine)

    def states(self, labels: Tensor) -> tuple[Tensor, Tensor]:
        """The hidden state (N, H) at each place among labels (B, T), and the mean (B, H) of each row's."""
        places, starts = labels[labels != UNLABELLED], self.starts.to(labels.device)
        owner, own = (torch.searchsorted(starts, each, right=True) - 1 for each in (places, labels.amax(1)))
        rows, at = torch.unique(owner, return_inverse=True)
        batch = self.feeder(rows.cpu().numpy())
        batch.pop("labels")
        with torch.no_grad():
            found = last_states(self.model, batch)
        column = places - starts[owner]
        if self.left:
            column = column + found.shape[1] - (starts[owner + 1] - starts[owner])
        means = pooled(found.float(), batch["attention_mask"], "mean")
        return found[at, column].float(), means[torch.searchsorted(rows, own)]


@dataclass(frozen=True)
class Distances:
    """How far a student's hidden states are from its teacher's, in one batch.

    squared: the sum of the squared distances of tokens; size: that of the teacher's states from 0; cosines
    (B,): of the mean hidden states of each text.
    """

    squared: Tensor
    size: Tensor
    cosines: Tensor


@dataclass(frozen=True, kw_only=True)
class Distillation(Objective):
    """The squared distance between hidden states of student and teacher, over that of the teacher's to 0.

    Both read the same text; a token of the student is held against the teacher's that ends at the same
    character. Source: Dobler, Elliott & de Melo, Token Distillation, ICLR 2026 (mean squared error of the
    last hidden states). With `vectors` 1 - cosine of the mean hidden states of each text is added: on MiniLM
    with 8,000 other tokens, 200 steps of 32 sentences, STS-B (200 pairs of dev) 0.9174 in place of 0.9152 and
    a cosine of 0.9243 in place of 0.9219, from 0.9050 and 0.9029.
    """

    teacher: Teacher
    vectors: bool = True

    def __call__(self, model: nn.Module, batch: Batch) -> Tensor:
        """The loss of one padded batch, whose labels are places among the teacher's tokens."""
        return self.loss(self.distances(model, batch))

    def loss(self, found: Distances) -> Tensor:
        """The loss of what was measured, in one batch or in several together."""
        tokens = found.squared / found.size
        return tokens + 1 - found.cosines.mean() if self.vectors else tokens

    def distances(self, model: nn.Module, batch: Batch) -> Distances:
        """What the loss is made of."""
        assert isinstance(model, TrainableRows)
        given = {name: each for name, each in batch.items() if name != "labels"}
        own = model.hidden_states(**given).float()
        wanted, means = self.teacher.states(batch["labels"])
        cosines = nn.functional.cosine_similarity(pooled(own, batch["attention_mask"], "mean"), means)
        there = batch["labels"] != UNLABELLED
        return Distances((own[there] - wanted).pow(2).sum(), wanted.pow(2).sum(), cosines)
