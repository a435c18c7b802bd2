"""F1 of tags: over entities as seqeval counts them, and over characters as KLUE does for Korean."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tokbench.errors import plural
from tokbench.finetune.encoding import Encoded
from tokbench.finetune.entities import Counts, Entity, counts, entities, strict_entities, together
from tokbench.finetune.tagged import OUTSIDE
from tokbench.finetune.tasks import Task
from tokbench.finetune.units import BETWEEN, UNLABELLED

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
    return together(by_type(truth, answers, labels).values()).f1


def _entity_precision(truth: Numbers, answers: Numbers, labels: tuple[str, ...]) -> float:
    return together(by_type(truth, answers, labels).values()).precision


def _entity_recall(truth: Numbers, answers: Numbers, labels: tuple[str, ...]) -> float:
    return together(by_type(truth, answers, labels).values()).recall


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


def costs(encoded: Encoded, task: Task, name: str) -> Iterator[str]:
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


def ceiling(encoded: Encoded, task: Task) -> float:
    """The first metric when the label of every piece is told rightly."""
    assert encoded.units is not None
    told = np.where(encoded.labels == UNLABELLED, task.labels.index(OUTSIDE), encoded.labels)
    answers = encoded.units.answers(told, task.labels)
    return TAG_METRICS[task.metrics[0]](encoded.units.truth(), answers, task.labels)


def _names(numbers: Numbers, labels: tuple[str, ...]) -> list[str]:
    known = [*labels, ""]  # -1, between sentences, is the last
    return [known[number] for number in numbers.tolist()]
