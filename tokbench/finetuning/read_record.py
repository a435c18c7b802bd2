"""What was read: columns, kind of task, classes, tag scheme and rows of each split, told before training."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from textwrap import wrap
from typing import Any

from tokbench.errors import plural
from tokbench.escapes import safe
from tokbench.finetuning.tasks import LABELS, SCORES, TAGS

MOST_CLASSES = 8  # shown of a split
WIDTH = 80  # columns of a narrow terminal
LARGE = 1e6  # a number of so many digits says nothing more by its decimals
# Standard deviations of scores that a model learns: Pearson was 0.96 at 0.18, 0.95 at 1.8, 0.74 at 18 and
# 0.89 at 0.018, where answers were further from the scores than their mean (bert-mini, 270 rows, 102 steps).
SPREADS = (0.1, 10.0)


@dataclass(frozen=True, kw_only=True)
class SplitRecord:
    """One split: where its rows are from, how many are used, of each class, left out by reason, cut.

    `classes` counts rows, or units where those are tagged; of scores, `scores` are the lowest, the highest
    and the mean. `cut` rows had more tokens than the maximum; it
    is 0 until rows are encoded.
    """

    source: str
    rows: int
    classes: Mapping[str, int] = field(default_factory=dict)
    scores: tuple[float, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)
    cut: int = 0


@dataclass(frozen=True, kw_only=True)
class ReadRecord:
    """How the rows of a run were read.

    `columns` are named by what they are for: text, pair, label, id, tags. `kind` is classes, labels (any
    number of them a row), scores or tags; `positive` the class that F1 is of, "" where there are not two.
    `inferred` has a sentence for each thing that was not said, with the option that changes it.
    """

    kind: str
    columns: Mapping[str, str]
    splits: Mapping[str, SplitRecord]
    positive: str = ""
    unit: str = ""
    tag_scheme: str = ""
    outside: str = ""
    max_length: int = 0
    inferred: tuple[str, ...] = ()


def record_from_data(data: Mapping[str, Any]) -> ReadRecord:
    """The record in what `dataclasses.asdict` made of one; TypeError or AttributeError for anything else."""
    splits = {
        name: SplitRecord(**{**each, "scores": tuple(each["scores"])})
        for name, each in data["splits"].items()
    }
    return ReadRecord(**{**data, "splits": splits, "inferred": tuple(data["inferred"])})


def with_cuts(record: ReadRecord, cut: Mapping[str, int], max_length: int) -> ReadRecord:
    """The record with how many rows of each split were cut to `max_length` tokens."""
    splits = {name: replace(each, cut=cut.get(name, 0)) for name, each in record.splits.items()}
    return replace(record, splits=splits, max_length=max_length)


def lines_of_record(record: ReadRecord) -> tuple[str, ...]:
    r"""The record in lines for people, without what is known only once rows are encoded.

    >>> one = SplitRecord(source="a.tsv", rows=3, classes={"neg": 1, "pos": 2}, left_out={"no text": 1})
    >>> columns = {"text": "review", "label": "stars"}
    >>> print(*lines_of_record(ReadRecord(kind="classes", columns=columns, splits={"train": one},
    ...     positive="pos")), sep="\n")
    read: text from review, label from stars: 2 classes, f1 is of pos
      train, a.tsv: 3 rows (neg 1, pos 2), 1 left out (no text)
    """
    before = "column " if record.kind == TAGS else ""
    columns = ", ".join(f"{role} from {before}{name}" for role, name in record.columns.items())
    splits = (f"  {name}, {split_words(each, record.unit)}" for name, each in record.splits.items())
    lines = (f"read: {columns}: {task_words(record)}", *splits, *(f"  {each}" for each in record.inferred))
    return tuple(part for line in lines for part in _wrapped(safe(line)))


def _wrapped(line: str) -> list[str]:
    """A line in pieces that fit a narrow terminal, those after the first set in."""
    return wrap(line, WIDTH, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)


def decimals(value: float, places: int) -> str:
    """A number with so many decimal places, or as many significant digits where those would not show it.

    >>> decimals(0.5, 4), decimals(0.0, 2), decimals(2.5e-9, 2), decimals(3456281825947.0, 4)
    ('0.5000', '0.00', '2.5e-09', '3.456e+12')
    """
    there = value == 0 or 10 ** (1 - places) <= abs(value) < LARGE
    return f"{value:.{places}f}" if there else f"{value:.{places}g}"


def rescaling(spread: float) -> str:
    """How to bring scores with this standard deviation near to 1; "" where they are.

    >>> rescaling(2e6)
    'the scores spread by 2e+06, and a model learns those that spread by about 1: divide them by 1e+06'
    >>> rescaling(1.5)
    ''
    """
    if spread == 0 or SPREADS[0] <= spread <= SPREADS[1]:
        return ""
    power = round(math.log10(spread))
    how = f"divide them by {10.0**power:g}" if power > 0 else f"multiply them by {10.0**-power:g}"
    return f"the scores spread by {spread:.2g}, and a model learns those that spread by about 1: {how}"


def split_words(split: SplitRecord, unit: str = "") -> str:
    """Where a split's rows are from, how many there are of each class and how many were left out."""
    counts = f" ({shown_counts(split.classes, unit)})" if split.classes else ""
    if split.scores:
        low, high, mean = split.scores
        counts = f" ({low:g} to {high:g}, mean {decimals(mean, 2)})"
    lost = "".join(f", {count:,} left out ({why})" for why, count in split.left_out.items())
    return f"{split.source}: {plural(split.rows, 'row')}{counts}{lost}"


def task_words(record: ReadRecord) -> str:
    """What each row is given: one of so many classes, a score, or a tag a word."""
    if record.kind == SCORES:
        return "scores"
    if record.kind == TAGS:
        scheme = record.tag_scheme or "no entities"
        return f"a tag a {record.unit}, {scheme}{record.outside and f', outside is {record.outside}'}"
    first = next(iter(record.splits.values()))
    if record.kind == LABELS:
        return f"any of {plural(len(first.classes), 'label')}"
    positive = f", f1 is of {record.positive}" if record.positive else ""
    return f"{plural(len(first.classes), 'class', 'classes')}{positive}"


def shown_counts(classes: Mapping[str, int], unit: str = "") -> str:
    """How many rows or units each class has, of many the most frequent.

    >>> shown_counts({"neg": 1_200, "pos": 2})
    'neg 1,200, pos 2'
    """
    ranked = sorted(classes.items(), key=lambda each: -each[1])[:MOST_CLASSES]
    kept = [(label, count) for label, count in classes.items() if (label, count) in ranked]
    more = f" and {len(classes) - len(ranked)} more" if len(classes) > len(ranked) else ""
    return (f"{unit}s: " if unit else "") + ", ".join(f"{label} {count:,}" for label, count in kept) + more


def line_of_cuts(record: ReadRecord) -> str:
    """How many rows of each split were cut, in a line; "" where none was.

    >>> splits = {"train": SplitRecord(source="a", rows=9, cut=2), "dev": SplitRecord(source="a", rows=4)}
    >>> line_of_cuts(ReadRecord(kind="classes", columns={}, splits=splits, max_length=8))
    '  cut to 8 tokens: 2 of 9 train rows, 0 of 4 dev rows'
    """
    if not any(split.cut for split in record.splits.values()):
        return ""
    cuts = ", ".join(f"{each.cut:,} of {each.rows:,} {name} rows" for name, each in record.splits.items())
    return f"  cut to {record.max_length} tokens: {cuts}"


def all_cut(record: ReadRecord) -> Iterator[str]:
    """A note for each split of which every row was cut."""
    for name, split in record.splits.items():
        if split.rows and split.cut == split.rows:
            yield (
                f"all {split.rows:,} {name} rows were cut to {record.max_length} tokens:"
                " --max-length takes more of them"
            )


def counted(reasons: Iterable[str]) -> dict[str, int]:
    """How often each reason is given, in the order of the first.

    >>> counted(["no text", "no label", "no text"])
    {'no text': 2, 'no label': 1}
    """
    found: dict[str, int] = {}
    for each in reasons:
        found[each] = found.get(each, 0) + 1
    return found
