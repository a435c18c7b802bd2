"""GLUE's metrics by scikit-learn and scipy, those of tags, and what a constant answer would score."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tokbench.finetune.encoding import Encoded
from tokbench.finetune.tagging_metrics import TAG_METRICS
from tokbench.finetune.tasks import Task
from tokbench.finetune.units import BETWEEN

Numbers = NDArray[Any]


def _accuracy(truth: Numbers, answers: Numbers) -> float:
    from sklearn.metrics import accuracy_score

    return float(accuracy_score(truth, answers))


def _f1(truth: Numbers, answers: Numbers) -> float:
    from sklearn.metrics import f1_score

    return float(f1_score(truth, answers, zero_division=0.0))


def _macro_f1(truth: Numbers, answers: Numbers) -> float:
    from sklearn.metrics import f1_score

    return float(f1_score(truth, answers, average="macro", zero_division=0.0))


def _matthews(truth: Numbers, answers: Numbers) -> float:
    from sklearn.metrics import matthews_corrcoef

    if _constant(truth) or _constant(answers):  # scikit-learn's 0, without its warning
        return 0.0
    return float(matthews_corrcoef(truth, answers))


def _pearson(truth: Numbers, answers: Numbers) -> float:
    from scipy.stats import pearsonr

    return _correlation(pearsonr, truth, answers)


def _spearman(truth: Numbers, answers: Numbers) -> float:
    from scipy.stats import spearmanr

    return _correlation(spearmanr, truth, answers)


def _correlation(measure: Callable[..., Any], truth: Numbers, answers: Numbers) -> float:
    """The correlation, and 0 where it is undefined: one side is the same number everywhere."""
    if _constant(truth) or _constant(answers):
        return 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nearly constant answers: early in training, not an event
        found = float(measure(truth, answers).statistic)
    return 0.0 if math.isnan(found) else found


METRICS: dict[str, Callable[[Numbers, Numbers], float]] = {
    "accuracy": _accuracy,
    "f1": _f1,
    "macro_f1": _macro_f1,
    "matthews": _matthews,
    "pearson": _pearson,
    "spearman": _spearman,
}


def answers_of(logits: Numbers, encoded: Encoded, task: Task) -> Numbers:
    """The class with the highest logit, or the score itself; logits are (rows, labels or 1).

    Where words are tagged, logits are (pieces, labels), and the answer is one label a unit, -1 after a row.
    """
    if encoded.units is not None:
        return encoded.units.answers(logits.argmax(axis=1), task.labels)
    return np.asarray(logits[:, 0].astype(np.float64) if task.regression else logits.argmax(axis=1))


def truth_of(encoded: Encoded) -> Numbers:
    """What the answers are held against: the same shape, from the data."""
    return encoded.labels if encoded.units is None else encoded.units.truth()


def score(task: Task, truth: Mapping[str, Numbers], answers: Mapping[str, Numbers]) -> dict[str, float]:
    """Every metric of the task on every dev split."""
    return {
        task.key(split, name): _measure(name, task)(truth[split.name], answers[split.name])
        for split in task.evaluation
        for name in task.metrics
    }


def _measure(name: str, task: Task) -> Callable[[Numbers, Numbers], float]:
    if task.tagging:
        return partial(TAG_METRICS[name], labels=task.labels)
    return METRICS[name]


def majority(task: Task, truth: Mapping[str, Numbers]) -> dict[str, float]:
    """The same metrics when every row of a split gets the split's most frequent class, or one score."""
    return score(task, truth, {name: _most_frequent(labels) for name, labels in truth.items()})


def constant_notes(task: Task, answers: Mapping[str, Numbers]) -> tuple[str, ...]:
    """A note for each split where the model gives one and the same answer to all rows."""
    same = [name for name, given in answers.items() if _constant(given)]
    undefined = "; a correlation with it is undefined and counts as 0" if task.regression else ""
    return tuple(f"on {name} the model gives every row the same answer{undefined}" for name in same)


def _most_frequent(labels: Numbers) -> Numbers:
    values, counts = np.unique(labels[labels != BETWEEN], return_counts=True)
    return np.where(labels == BETWEEN, BETWEEN, values[counts.argmax()])


def _constant(numbers: Numbers) -> bool:
    return len(np.unique(numbers[numbers != BETWEEN])) < 2
