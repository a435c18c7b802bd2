"""GLUE's metrics by scikit-learn and scipy, those of tags, and what a constant answer would score."""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tokbench.errors import plural
from tokbench.finetuning.data.tagging import OUTSIDE
from tokbench.finetuning.data.tokenize import BETWEEN, UNLABELLED, EncodedRows

if TYPE_CHECKING:
    from tokbench.finetuning.tasks import Task

Entity = tuple[str, int, int]  # type, first unit, unit after the last


@dataclass(frozen=True)
class Counts:
    """Entities of one type: told rightly, told at all, and there."""

    right: int
    told: int
    there: int

    @property
    def precision(self) -> float:
        """Right of those told; 0 when none was."""
        return self.right / self.told if self.told else 0.0

    @property
    def recall(self) -> float:
        """Right of those there; 0 when there is none."""
        return self.right / self.there if self.there else 0.0

    @property
    def f1(self) -> float:
        """Their harmonic mean; 0 when nothing was right."""
        return 2 * self.right / (self.told + self.there) if self.right else 0.0


def entities(tags: Sequence[str]) -> list[Entity]:
    """The entities of one sequence, read leniently: an I- after O, or of another type, begins one.

    Knows B, I, E, S and O. A sequence may hold several sentences with an empty tag after each.

    >>> entities(["B-PER", "I-PER", "O", "I-LOC"])
    [('PER', 0, 2), ('LOC', 3, 4)]
    """
    found, start, kind = [], -1, ""
    before = ("O", "")
    for place, tag in enumerate((*tags, "O")):
        now = _parts(tag)
        if start >= 0 and _ends(before, now):
            found.append((kind, start, place))
            start = -1
        if _begins(before, now):
            start, kind = place, now[1]
        before = now
    return found


def strict_entities(tags: Sequence[str]) -> list[Entity]:
    """The entities of one sequence under IOB2 as written: only a B- begins one, only its own I- goes on.

    >>> strict_entities(["B-PER", "I-PER", "O", "I-LOC"])
    [('PER', 0, 2)]
    """
    return list(_strict(tags))


def _strict(tags: Sequence[str]) -> Iterator[Entity]:
    start, kind = -1, ""
    for place, tag in enumerate((*tags, "O")):
        mark, of = _parts(tag)
        if start >= 0 and (mark, of) != ("I", kind):
            yield kind, start, place
            start = -1
        if mark == "B":
            start, kind = place, of


def counts(truth: Iterable[Entity], told: Iterable[Entity]) -> dict[str, Counts]:
    """What was right, told and there, by type; in the order of the types' names."""
    true, said = set(truth), set(told)
    right, all_told, there = (Counter(each[0] for each in some) for some in (true & said, said, true))
    return {
        kind: Counts(right[kind], all_told[kind], there[kind])
        for kind in sorted(there.keys() | all_told.keys())
    }


def micro_average(by_type: Iterable[Counts]) -> Counts:
    """All types as one: the micro average."""
    several = list(by_type)
    return Counts(
        sum(each.right for each in several),
        sum(each.told for each in several),
        sum(each.there for each in several),
    )


def _parts(tag: str) -> tuple[str, str]:
    """B-PER → B, PER; what has no hyphen is of the type `_` unless it is outside."""
    if tag in ("", "O"):
        return "O", ""
    mark, hyphen, kind = tag.partition("-")
    return mark[:1], kind if hyphen else "_"


def _ends(before: tuple[str, str], now: tuple[str, str]) -> bool:
    (mark, kind), (next_mark, next_kind) = before, now
    return mark in "ES" or next_mark in "BSO" or kind != next_kind


def _begins(before: tuple[str, str], now: tuple[str, str]) -> bool:
    (last_mark, last_kind), (mark, kind) = before, now
    if mark == "O":
        return False
    return mark in "BS" or last_mark in "ESO" or kind != last_kind


Numbers = NDArray[Any]
Reader = Callable[[Sequence[str]], list[Entity]]


class TagMetric(Protocol):
    """Truth and answers as label numbers, -1 after each sentence, and the labels' names."""

    def __call__(self, truth: Numbers, answers: Numbers, labels: tuple[str, ...]) -> float:
        """The measure, from 0 to 1."""


def by_type(
    truth: Numbers, answers: Numbers, labels: tuple[str, ...], read: Reader = entities
) -> dict[str, Counts]:
    """Entities right, told and there, by type."""
    return counts(read(_names(truth, labels)), read(_names(answers, labels)))


def _entity_f1(truth: Numbers, answers: Numbers, labels: tuple[str, ...]) -> float:
    return micro_average(by_type(truth, answers, labels).values()).f1


def _entity_precision(truth: Numbers, answers: Numbers, labels: tuple[str, ...]) -> float:
    return micro_average(by_type(truth, answers, labels).values()).precision


def _entity_recall(truth: Numbers, answers: Numbers, labels: tuple[str, ...]) -> float:
    return micro_average(by_type(truth, answers, labels).values()).recall


def _entity_macro_f1(truth: Numbers, answers: Numbers, labels: tuple[str, ...]) -> float:
    """The mean over types, under IOB2 as written: KLUE's first figure (Park et al. 2021, section 3.4)."""
    found = by_type(truth, answers, labels, strict_entities)
    return float(np.mean([each.f1 for each in found.values()])) if found else 0.0


def _character_macro_f1(truth: Numbers, answers: Numbers, labels: tuple[str, ...]) -> float:
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
}


def costs(encoded: EncodedRows, task: Task, name: str) -> Iterator[str]:
    """What the tokenizer costs on the split `name` before anything is learned, in sentences."""
    units = encoded.units
    assert units is not None
    if units.lost:
        yield f"on {name} {plural(units.lost, task.unit)} cut off or without a piece: such count as {OUTSIDE}"
    most = 1.0 if name == "train" else ceiling(encoded, task)
    if most < 1:
        shared = f"{task.unit}s of one piece get one label"
        why = f"those are lost, and {shared}" if units.lost else shared
        yield f"on {name} this tokenizer allows {task.metrics[0]} {most:.4f} at most: {why}"


def ceiling(encoded: EncodedRows, task: Task) -> float:
    """The first metric when the label of every piece is told rightly."""
    assert encoded.units is not None
    told = np.where(encoded.labels == UNLABELLED, task.labels.index(OUTSIDE), encoded.labels)
    answers = encoded.units.answers(told, task.labels)
    return TAG_METRICS[task.metrics[0]](encoded.units.truth(), answers, task.labels)


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


def answers_of(logits: Numbers, encoded: EncodedRows, task: Task) -> Numbers:
    """The class with the highest logit, or the score itself; logits are (rows, labels or 1).

    Where words are tagged, logits are (pieces, labels), and the answer is one label a unit, -1 after a row.
    """
    if encoded.units is not None:
        return encoded.units.answers(logits.argmax(axis=1), task.labels)
    return np.asarray(logits[:, 0].astype(np.float64) if task.regression else logits.argmax(axis=1))


def truth_of(encoded: EncodedRows) -> Numbers:
    """The true answers, from the data, in the same shape."""
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
