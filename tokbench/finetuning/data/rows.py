"""Rows of a task in one shape, wherever they come from, each checked with its place at hand."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tokbench.errors import DataError
from tokbench.finetuning.data.label_kinds import number_in
from tokbench.finetuning.tasks import OWN, Task

Label = float | tuple[int, ...]  # a class id or score; the ids of all labels that a row has


def label_of(written: object, task: Task) -> Label | None:
    """The class id, score or ids behind what a file or the hub holds; None when it is no label of the task.

    >>> from tokbench.finetuning.tasks import TASKS
    >>> [label_of(each, TASKS["rte"]) for each in ("not_entailment", 0, "0", 2, -1)]
    [1, 0, None, None, None]
    """
    if task.scores is not None:
        return _score(written, *task.scores)
    if task.multi_label:
        given = written if isinstance(written, tuple) else ()
        known = set(given) <= set(task.labels)
        return tuple(sorted(task.labels.index(each) for each in given)) if known else None
    if isinstance(written, int):
        return written if 0 <= written < len(task.labels) else None
    names = (task.labels, task.tsv_labels)
    return next((known.index(written) for known in names if written in known), None)


def known_labels(task: Task) -> str:
    """The labels a file of this task may hold, in words.

    >>> from tokbench.finetuning.tasks import TASKS
    >>> known_labels(TASKS["sst2"]), known_labels(TASKS["stsb"])
    ('0, 1', 'a number from 0 to 5')
    """
    if task.scores is not None:
        low, high = task.scores
        return f"a number from {low:g} to {high:g}" if math.isfinite(low) else "a number"
    return ", ".join(task.tsv_labels or task.labels)


def _score(written: object, low: float, high: float) -> float | None:
    number = None if isinstance(written, bool) else number_in(str(written).strip())
    score = math.nan if number is None else float(number)
    return score if math.isfinite(score) and low <= score <= high else None


LISTED = 10


@dataclass(frozen=True)
class Raw:
    """One row as it was found: where, its text or two texts, and its label as written."""

    place: str
    texts: tuple[object, ...]
    label: object


@dataclass(frozen=True)
class Rows:
    """Texts, second texts (None for tasks with one) and labels of one split, in file order."""

    texts: list[str]
    pairs: list[str] | None
    labels: list[Label]
    left_out: dict[str, str] = field(default_factory=dict)  # places of incomplete rows, and what they lack

    def __len__(self) -> int:
        return len(self.labels)

    def pick(self, indices: Sequence[int]) -> Rows:
        """These rows alone, in this order."""
        pairs = None if self.pairs is None else [self.pairs[index] for index in indices]
        texts = [self.texts[index] for index in indices]
        return Rows(texts, pairs, [self.labels[index] for index in indices], self.left_out)


def collect(found: Iterable[Raw], task: Task, *, name: str) -> Rows:
    """All rows of one split called `name`; the first one that cannot be used is an error with its place.

    A few incomplete rows are left out, and named in the result, where the task is known for them.
    """
    rows = Rows([], [] if len(task.texts) == 2 else None, [])
    for raw in found:
        lacks = _lacks(raw)
        if lacks:
            rows.left_out[raw.place] = lacks
        else:
            _append(rows, raw, task)
    if len(rows.left_out) > task.incomplete:
        raise DataError(_incomplete([*rows.left_out]), fix=_row_fix(task))
    if not rows.labels:
        raise DataError(f"{name} has no rows", fix=_rows_fix(task))
    return rows


def _lacks(raw: Raw) -> str:
    """What an incomplete row has not; "" for a whole one."""
    if not all(isinstance(text, str) and text.strip() for text in raw.texts):
        return "no text"
    return "no label" if raw.label is None or raw.label == "" else ""


def listed_places(places: Sequence[str]) -> str:
    """The first ten places, and how many more there are; only the first says the file's name.

    >>> listed_places(["a.csv line 3", "a.csv line 7"])
    'a.csv line 3, line 7'
    """
    file = places[0].partition(" line ")[0]
    shown = [places[0], *(place.removeprefix(f"{file} ") for place in places[1:LISTED])]
    more = f" and {len(places) - LISTED:,} more" if len(places) > LISTED else ""
    return ", ".join(shown) + more


def _incomplete(places: Sequence[str]) -> str:
    if len(places) == 1:
        return f"{places[0]}: the row has no text or no label"
    return f"{len(places):,} rows have no text or no label: {listed_places(places)}"


def _append(rows: Rows, raw: Raw, task: Task) -> None:
    label = label_of(raw.label, task)
    if label is None and str(raw.label) == "-1":
        raise DataError(
            f"{raw.place}: -1 hides the label, so these rows are for prediction only",
            fix="take them out; how they are answered later: tokbench predict -h",
        )
    if label is None:
        if task.regression:
            raise DataError(f"{raw.place}: {raw.label!r} is no score", fix=f"give {known_labels(task)}")
        whose = "that a train row has" if task.name == OWN else f"of {task.name}"
        raise DataError(
            f"{raw.place}: {raw.label!r} is no label {whose}", fix=f"labels are: {known_labels(task)}"
        )
    rows.texts.append(str(raw.texts[0]))
    if rows.pairs is not None:
        rows.pairs.append(str(raw.texts[1]))
    rows.labels.append(label)


def _rows_fix(task: Task) -> str:
    if not task.folder or task.name == OWN:
        return "give a file with rows"
    return f"give the official {task.folder} files{', or --data sample' if task.name == 'sst2' else ''}"


def _row_fix(task: Task) -> str:
    columns = ", ".join((*task.tsv_texts, task.tsv_label))
    return f"fill in {columns}, take the rows out, or leave them out with --skip-incomplete"
