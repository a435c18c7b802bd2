"""What a file writes as a label → a class id or a score, checked once."""

from __future__ import annotations

import math

from tokbench.finetune.tasks import Task


def label_of(written: object, task: Task) -> int | float | None:
    """The class id or score behind what a file or the hub holds; None when it is no label of the task.

    >>> from tokbench.finetune.tasks import TASKS
    >>> [label_of(each, TASKS["rte"]) for each in ("not_entailment", 0, "0", 2, -1)]
    [1, 0, None, None, None]
    """
    if task.scores is not None:
        return _score(written, *task.scores)
    if isinstance(written, int):
        return written if 0 <= written < len(task.labels) else None
    names = (task.labels, task.tsv_labels)
    return next((known.index(written) for known in names if written in known), None)


def as_written(label: object) -> str | None:
    """A label of someone's own file as the one word that stands for it; None where there is none.

    >>> [as_written(each) for each in (1, "1", " 1 ", 1.0, True, 2.5, "", None)]
    ['1', '1', '1', '1.0', 'true', '2.5', None, None]
    """
    if isinstance(label, bool):
        return str(label).lower()
    word = "" if label is None else str(label).strip()
    return word or None


def known_labels(task: Task) -> str:
    """The labels a file of this task may hold, in words.

    >>> from tokbench.finetune.tasks import TASKS
    >>> known_labels(TASKS["sst2"]), known_labels(TASKS["stsb"])
    ('0, 1', 'a number from 0 to 5')
    """
    if task.scores is not None:
        low, high = task.scores
        return f"a number from {low:g} to {high:g}" if math.isfinite(low) else "a number"
    return ", ".join(task.tsv_labels or task.labels)


def _score(written: object, low: float, high: float) -> float | None:
    try:
        score = float(str(written))
    except ValueError:
        return None
    return score if math.isfinite(score) and low <= score <= high else None
