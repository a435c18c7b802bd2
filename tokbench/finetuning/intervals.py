"""How sure a metric is: its 95 % interval, from the number of dev rows it was measured on.

It says what other dev rows of the same kind would give, not what another seed would: `prove` says that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tokbench.finetuning.data.tokenize import BETWEEN
from tokbench.finetuning.metrics import IOB, counts, micro_average
from tokbench.finetuning.tag_scheme import TagScheme, entities, strict_entities

if TYPE_CHECKING:
    from tokbench.finetuning.tasks import Task

LEVEL = 0.95
DRAWS = 1_000  # of as many rows as there are, with replacement: Efron and Tibshirani 1993, chapter 13
AT_ONCE = 4_000_000  # numbers drawn before they are added up
Numbers = NDArray[Any]
Sums = NDArray[np.float64]
Interval = tuple[float, float]


def intervals(
    task: Task, truth: Mapping[str, Numbers], answers: Mapping[str, Numbers]
) -> dict[str, Interval]:
    """Lower and upper bound of every metric by its key; without those that nothing can be said of.

    Truth and answers are by split, as the metrics take them. The same answers give the same bounds.
    """
    found = {
        task.key(split, name): _interval(name, task, truth[split.name], answers[split.name])
        for split in task.evaluation
        for name in task.metrics
    }
    return {name: each for name, each in found.items() if each is not None}


def _interval(name: str, task: Task, truth: Numbers, answers: Numbers) -> Interval | None:
    if task.regression:
        return correlation(name, truth, answers)
    if task.tagging:
        each = _of_sentences(name, task.labels, truth, answers, task.scheme or IOB)
        return _drawn(each, FROM_SUMS[name])
    if task.multi_label and name == "subset_accuracy":
        return proportion(int((truth == answers).all(axis=1).sum()), len(truth))
    if task.multi_label:
        return _drawn(_of_label_sets(truth, answers), FROM_LABEL_SETS[name])
    if name == "accuracy":
        return proportion(int((truth == answers).sum()), len(truth))
    cells = confusion(truth, answers, len(task.labels))
    share = cells.ravel() / cells.sum()
    draws = np.random.default_rng(0).multinomial(len(truth), share, size=DRAWS)
    return _between(FROM_SUMS[name](draws.reshape(DRAWS, *cells.shape).astype(np.float64)))


def proportion(right: int, rows: int) -> Interval:
    """Wilson's interval of a share (1927): it stays within 0 and 1, and is no point at either.

    >>> tuple(round(bound, 4) for bound in proportion(90, 100))
    (0.8256, 0.9448)
    """
    from scipy.stats import binomtest

    found = binomtest(right, rows).proportion_ci(LEVEL, method="wilson")
    return float(found.low), float(found.high)


def correlation(name: str, truth: Numbers, answers: Numbers) -> Interval | None:
    """Fisher's interval of a correlation, of ranks with the variance of Bonett and Wright (2000).

    None of fewer than 4 rows, of a constant side, and of a correlation of 1, where none is defined.
    """
    from scipy import stats

    rows = len(truth)
    if rows < 4 or len(np.unique(truth)) < 2 or len(np.unique(answers)) < 2:
        return None
    if name == "pearson":
        bounds = stats.pearsonr(truth, answers).confidence_interval(LEVEL)
        return _told(float(bounds.low), float(bounds.high))
    found = float(stats.spearmanr(truth, answers).statistic)
    if not abs(found) < 1:
        return None
    half = float(stats.norm.ppf((1 + LEVEL) / 2)) * math.sqrt((1 + found**2 / 2) / (rows - 3))
    return math.tanh(math.atanh(found) - half), math.tanh(math.atanh(found) + half)


def confusion(truth: Numbers, answers: Numbers, size: int) -> NDArray[np.int64]:
    """How often each class (row) was called each class (column): (size, size)."""
    return np.bincount(truth.astype(np.int64) * size + answers, minlength=size * size).reshape(size, size)


def _drawn(each: Sums, measure: Callable[[Sums], Sums]) -> Interval | None:
    """The interval of a measure of sums over sentences; `each` holds a sentence's share in them."""
    rows = len(each)
    random = np.random.default_rng(0)
    flat = each.reshape(rows, -1)
    values: list[Sums] = []
    at_once = max(1, AT_ONCE // rows)
    for start in range(0, DRAWS, at_once):
        draws = random.multinomial(rows, np.full(rows, 1 / rows), size=min(at_once, DRAWS - start))
        values.append(measure((draws @ flat).reshape(-1, *each.shape[1:])))
    return _between(np.concatenate(values))


def _between(values: Sums) -> Interval | None:
    """The middle 95 % of what was drawn."""
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return _told(float(low), float(high))


def _told(low: float, high: float) -> Interval | None:
    """Both bounds, and None where they are one: then the rows say nothing of how sure the metric is."""
    return (low, high) if low < high else None


def _of_sentences(
    name: str, labels: tuple[str, ...], truth: Numbers, answers: Numbers, scheme: TagScheme = IOB
) -> Sums:
    """For each sentence its confusion of labels, or its entities right, predicted and true by type."""
    ends = np.flatnonzero(truth == BETWEEN)
    starts = np.concatenate([[0], ends[:-1] + 1])
    pairs = [(truth[start:end], answers[start:end]) for start, end in zip(starts, ends, strict=True)]
    if name in ("character_macro_f1", "token_macro_f1", "token_accuracy"):
        return np.array([confusion(*pair, len(labels)) for pair in pairs], np.float64)
    read = strict_entities if name == "entity_macro_f1" else entities
    by_type = [
        counts(*(read([labels[number] for number in side.tolist()], scheme) for side in pair))
        for pair in pairs
    ]
    kinds = sorted({scheme.split(label)[1] for label in labels})
    if name != "entity_macro_f1":
        whole = [micro_average(some.values()) for some in by_type]
        return np.array([[[all_.right, all_.predicted, all_.true]] for all_ in whole], np.float64)
    found = np.zeros((len(pairs), len(kinds), 3))
    for row, some in enumerate(by_type):
        for kind, each in some.items():
            found[row, kinds.index(kind)] = each.right, each.predicted, each.true
    return found


def _of_label_sets(truth: Numbers, answers: Numbers) -> Sums:
    """For each row and label whether it was told rightly, told at all, and there: (rows, labels, 3)."""
    return np.stack([truth * answers, answers, truth], axis=-1).astype(np.float64)


def _share(part: Sums, whole: Sums) -> Sums:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _f1_by_class(cells: Sums) -> tuple[Sums, Sums]:
    """F1 (draws, classes), and what it divides by: 0 where a class is neither there nor told."""
    right = np.diagonal(cells, axis1=1, axis2=2)
    whole = cells.sum(axis=1) + cells.sum(axis=2)
    return _share(2 * right, whole), whole


def _f1(cells: Sums) -> Sums:
    return np.asarray(_f1_by_class(cells)[0][:, 1])


def _macro_f1(cells: Sums) -> Sums:
    scores, whole = _f1_by_class(cells)
    return _share(scores.sum(axis=1), (whole > 0).sum(axis=1).astype(np.float64))


def _character_macro_f1(cells: Sums) -> Sums:
    scores, whole = _f1_by_class(cells)
    return np.asarray(np.where(whole > 0, scores, 1.0).mean(axis=1))


def _token_accuracy(cells: Sums) -> Sums:
    return _share(np.trace(cells, axis1=1, axis2=2), cells.sum(axis=(1, 2)))


def _matthews(cells: Sums) -> Sums:
    """Gorodkin 2004: the covariance of truth and answers over the root of both variances."""
    there, told = cells.sum(axis=2), cells.sum(axis=1)
    rows = there.sum(axis=1)
    together_ = np.trace(cells, axis1=1, axis2=2) * rows - (there * told).sum(axis=1)
    apart = (rows**2 - (told**2).sum(axis=1)) * (rows**2 - (there**2).sum(axis=1))
    return _share(together_, np.sqrt(apart))


def _entity_precision(sums: Sums) -> Sums:
    return _share(sums[:, 0, 0], sums[:, 0, 1])


def _entity_recall(sums: Sums) -> Sums:
    return _share(sums[:, 0, 0], sums[:, 0, 2])


def _entity_f1(sums: Sums) -> Sums:
    return _share(2 * sums[:, 0, 0], sums[:, 0, 1] + sums[:, 0, 2])


def _entity_macro_f1(sums: Sums) -> Sums:
    whole = sums[..., 1] + sums[..., 2]
    scores = _share(2 * sums[..., 0], whole)
    return _share(scores.sum(axis=1), (whole > 0).sum(axis=1).astype(np.float64))


def _micro_label_f1(sums: Sums) -> Sums:
    return _entity_f1(sums.sum(axis=1, keepdims=True))


def _macro_label_f1(sums: Sums) -> Sums:
    """The mean over all labels, 0 for one that is neither there nor told, as scikit-learn has it."""
    return np.asarray(_share(2 * sums[..., 0], sums[..., 1] + sums[..., 2]).mean(axis=1))


FROM_LABEL_SETS = {"micro_f1": _micro_label_f1, "macro_f1": _macro_label_f1}
FROM_SUMS: dict[str, Callable[[Sums], Sums]] = {
    "f1": _f1,
    "macro_f1": _macro_f1,
    "matthews": _matthews,
    "entity_f1": _entity_f1,
    "entity_precision": _entity_precision,
    "entity_recall": _entity_recall,
    "entity_macro_f1": _entity_macro_f1,
    "character_macro_f1": _character_macro_f1,
    "token_accuracy": _token_accuracy,
    "token_macro_f1": _character_macro_f1,
}
