"""GLUE's metrics by scikit-learn and scipy, those of tags, and what a constant answer would score."""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tokbench.errors import DataError, plural
from tokbench.finetuning.data.tokenize import BETWEEN, UNLABELLED, EncodedRows
from tokbench.finetuning.tag_scheme import Entity, TagScheme, entities, strict_entities

if TYPE_CHECKING:
    from tokbench.finetuning.tasks import Task


@dataclass(frozen=True)
class Counts:
    """Entities of one type: predicted rightly, predicted at all, and true ones."""

    right: int
    predicted: int
    true: int

    @property
    def precision(self) -> float:
        """Right of those predicted; 0 when none was."""
        return self.right / self.predicted if self.predicted else 0.0

    @property
    def recall(self) -> float:
        """Right of the true ones; 0 when there is none."""
        return self.right / self.true if self.true else 0.0

    @property
    def f1(self) -> float:
        """Their harmonic mean; 0 when nothing was right."""
        return 2 * self.right / (self.predicted + self.true) if self.right else 0.0


def counts(truth: Iterable[Entity], predicted: Iterable[Entity]) -> dict[str, Counts]:
    """What was right, predicted and true, by type; in the order of the types' names."""
    true, found = set(truth), set(predicted)
    right, all_found, all_true = (Counter(each[0] for each in some) for some in (true & found, found, true))
    return {
        kind: Counts(right[kind], all_found[kind], all_true[kind])
        for kind in sorted(all_true.keys() | all_found.keys())
    }


def micro_average(by_type: Iterable[Counts]) -> Counts:
    """All types as one: the micro average."""
    several = list(by_type)
    return Counts(
        sum(each.right for each in several),
        sum(each.predicted for each in several),
        sum(each.true for each in several),
    )


Numbers = NDArray[Any]
Reader = Callable[[Sequence[str], TagScheme], list[Entity]]
IOB = TagScheme()


class TagMetric(Protocol):
    """Truth and answers as label numbers, -1 after each sentence, the labels' names, and how to read them."""

    def __call__(
        self, truth: Numbers, answers: Numbers, labels: tuple[str, ...], scheme: TagScheme = IOB
    ) -> float:
        """The measure, from 0 to 1."""


def by_type(
    truth: Numbers,
    answers: Numbers,
    labels: tuple[str, ...],
    scheme: TagScheme = IOB,
    *,
    read: Reader = entities,
) -> dict[str, Counts]:
    """Entities right, predicted and true, by type."""
    return counts(read(_names(truth, labels), scheme), read(_names(answers, labels), scheme))


def _entity_f1(truth: Numbers, answers: Numbers, labels: tuple[str, ...], scheme: TagScheme = IOB) -> float:
    return micro_average(by_type(truth, answers, labels, scheme).values()).f1


def _entity_precision(
    truth: Numbers, answers: Numbers, labels: tuple[str, ...], scheme: TagScheme = IOB
) -> float:
    return micro_average(by_type(truth, answers, labels, scheme).values()).precision


def _entity_recall(
    truth: Numbers, answers: Numbers, labels: tuple[str, ...], scheme: TagScheme = IOB
) -> float:
    return micro_average(by_type(truth, answers, labels, scheme).values()).recall


def _entity_macro_f1(
    truth: Numbers, answers: Numbers, labels: tuple[str, ...], scheme: TagScheme = IOB
) -> float:
    """The mean over types, read strictly: KLUE's first figure (Park et al. 2021, section 3.4)."""
    found = by_type(truth, answers, labels, scheme, read=strict_entities)
    return float(np.mean([each.f1 for each in found.values()])) if found else 0.0


def _token_accuracy(
    truth: Numbers, answers: Numbers, labels: tuple[str, ...], scheme: TagScheme = IOB
) -> float:
    """The share of units whose label is right, for labels that name no entities."""
    real = truth != BETWEEN
    return float(np.mean(truth[real] == answers[real])) if real.any() else 0.0


def _character_macro_f1(
    truth: Numbers, answers: Numbers, labels: tuple[str, ...], scheme: TagScheme = IOB
) -> float:
    """The mean over all labels, O too, as KLUE's own code has it; one that occurs nowhere counts as 1."""
    from sklearn.metrics import f1_score

    real = truth != BETWEEN
    every = list(range(len(labels)))
    return float(f1_score(truth[real], answers[real], labels=every, average="macro", zero_division=1.0))


TAG_METRICS: dict[str, TagMetric] = {
    "entity_f1": _entity_f1,
    "entity_precision": _entity_precision,
    "entity_recall": _entity_recall,
    "entity_macro_f1": _entity_macro_f1,
    "character_macro_f1": _character_macro_f1,
    "token_accuracy": _token_accuracy,
    "token_macro_f1": _character_macro_f1,
}


def costs(encoded: EncodedRows, task: Task, name: str) -> Iterator[str]:
    """What the tokenizer costs on the split `name` before anything is learned, in sentences."""
    units = encoded.units
    assert units is not None
    if units.lost:
        lost = plural(units.lost, task.unit)
        yield f"on {name} {lost} cut off or without a piece: such count as {task.outside}"
    most = 1.0 if name == "train" else ceiling(encoded, task)
    if most < 1:
        shared = f"{task.unit}s of one piece get one label"
        why = f"those are lost, and {shared}" if units.lost else shared
        yield f"on {name} this tokenizer allows {task.metrics[0]} {most:.4f} at most: {why}"


def ceiling(encoded: EncodedRows, task: Task) -> float:
    """The first metric when the label of every piece is told rightly."""
    assert encoded.units is not None
    said = np.where(encoded.labels == UNLABELLED, task.labels.index(task.outside), encoded.labels)
    answers = encoded.units.answers(said, task)
    return _measure(task.metrics[0], task)(encoded.units.truth(), answers)


def _names(numbers: Numbers, labels: tuple[str, ...]) -> list[str]:
    known = [*labels, ""]  # -1, between sentences, is the last
    return [known[number] for number in numbers.tolist()]


def _accuracy(truth: Numbers, answers: Numbers) -> float:
    from sklearn.metrics import accuracy_score

    return float(accuracy_score(truth, answers))


def _f1(truth: Numbers, answers: Numbers) -> float:
    from sklearn.metrics import f1_score

    return float(f1_score(truth, answers, zero_division=0.0))


def _macro_f1(truth: Numbers, answers: Numbers) -> float:
    from sklearn.metrics import f1_score

    return float(f1_score(truth, answers, average="macro", zero_division=0.0))


def _micro_f1(truth: Numbers, answers: Numbers) -> float:
    from sklearn.metrics import f1_score

    return float(f1_score(truth, answers, average="micro", zero_division=0.0))


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
    "micro_f1": _micro_f1,
    "subset_accuracy": _accuracy,
    "matthews": _matthews,
    "pearson": _pearson,
    "spearman": _spearman,
}


def answers_of(logits: Numbers, encoded: EncodedRows, task: Task) -> Numbers:
    """The class with the highest logit, or the score itself; logits are (rows, labels or 1).

    Where words are tagged, logits are (pieces, labels), and the answer is one label a unit, -1 after a row.
    Where a row has several labels, answers are (rows, labels): 1 for each whose probability is above the
    task's threshold.
    """
    if task.threshold is not None:
        return np.asarray(logits > math.log(task.threshold / (1 - task.threshold)), np.int64)
    if encoded.units is not None:
        return encoded.units.answers(logits.argmax(axis=1), task)
    return np.asarray(logits[:, 0].astype(np.float64) if task.regression else logits.argmax(axis=1))


def truth_of(encoded: EncodedRows) -> Numbers:
    """The true answers, from the data, in the same shape."""
    if encoded.labels.ndim > 1:
        return encoded.labels.astype(np.int64)
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
        return partial(TAG_METRICS[name], labels=task.labels, scheme=task.scheme or IOB)
    return METRICS[name]


CONSTANTS = 20  # classes that are tried as the one answer to all rows, the most frequent first


def best_constant(task: Task, truth: Mapping[str, Numbers]) -> dict[str, float]:
    """Every metric as the best answer that is the same for all rows has it, each metric its own best.

    Where the second class is rarer, always answering it is best for F1, and never for accuracy.
    """
    found = {}
    for split in task.evaluation:
        true = truth[split.name]
        for name in task.metrics:
            measure = _measure(name, task)
            found[task.key(split, name)] = max(measure(true, answers) for answers in _constants(true, task))
    return found


def _constants(truth: Numbers, task: Task) -> Iterator[Numbers]:
    """Answers that are one class everywhere; one score where rows have scores, for all are alike.

    Of several labels they are sets that every row is given.
    """
    if task.multi_label:
        yield from (np.broadcast_to(labels, truth.shape) for labels in _constant_sets(truth))
        return
    values, times = np.unique(truth[truth != BETWEEN], return_counts=True)
    for value in values[np.argsort(-times, kind="stable")][: 1 if task.regression else CONSTANTS]:
        yield np.where(truth == BETWEEN, BETWEEN, value)


def _constant_sets(truth: Numbers) -> list[Numbers]:
    """Sets of labels for truth (rows, labels) that none surpasses in subset accuracy, micro and macro F1.

    They are the most frequent set; the m most frequent labels with the m that is best, since right, told and
    true labels are sums over labels; and all labels, since each label's own F1 is best where it is given.
    """
    sets, times = np.unique(truth, axis=0, return_counts=True)
    having = truth.sum(axis=0)
    order = np.argsort(-having, kind="stable")
    sizes = np.arange(1, len(order) + 1)
    micro = 2 * having[order].cumsum() / (sizes * len(truth) + max(1, having.sum()))
    frequent = np.zeros_like(having)
    frequent[order[: micro.argmax() + 1]] = 1
    return [sets[times.argmax()], frequent, np.ones_like(having)]


PERFECT = 0.995  # a constant answer that scores this in every metric leaves nothing to be told


def must_judge(task: Task, truth: Mapping[str, Numbers]) -> None:
    """Nothing, or DataError for dev rows on which one and the same answer to all is as good as perfect."""
    for split in task.evaluation:
        true = truth[split.name]
        best = best_constant(replace(task, evaluation=(split,)), truth)
        if _constant(true) or min(best.values()) >= PERFECT:
            raise DataError(
                f"{_most(task, true)} of the {split.name} {task.unit or 'row'}s: no metric could tell a model"
                " from one that always answers this",
                fix="give dev rows with other labels too: --dev FILE",
            )


def _most(task: Task, truth: Numbers) -> str:
    """The most frequent answer, and its share of the rows."""
    if task.multi_label:
        values, times = np.unique(truth, axis=0, return_counts=True)
        labels = [task.labels[number] for number in np.flatnonzero(values[times.argmax()])]
        what = f"the labels {', '.join(labels) or 'none'} are those"
    else:
        values, times = np.unique(truth[truth != BETWEEN], return_counts=True)
        most = values[times.argmax()]
        what = f"{most:g} is the score" if task.regression else f"{task.labels[int(most)]} is the label"
    return f"{what} of {times.max() / times.sum():.1%}"


def constant_splits(answers: Mapping[str, Numbers]) -> tuple[str, ...]:
    """The splits where the model gives one and the same answer to all rows."""
    return tuple(name for name, given in answers.items() if _constant(given))


def _constant(numbers: Numbers) -> bool:
    if numbers.ndim > 1:
        return len(np.unique(numbers, axis=0)) < 2
    return len(np.unique(numbers[numbers != BETWEEN])) < 2
