"""Rows that measure memory or cannot be learned: dev rows that are in train, one text with two labels."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tokbench.errors import plural
from tokbench.finetuning.data.rows import Rows

if TYPE_CHECKING:
    from tokbench.finetuning.data.tagging import Tagged

Key = tuple[str, str]


def overlap_notes(train: Rows | Tagged, evaluation: Mapping[str, Rows | Tagged]) -> tuple[str, ...]:
    """What to know of dev rows that stand in train, word for word or nearly, and of rows that disagree."""
    return (*_leaks(train, evaluation), *_disagreements(train, evaluation))


def _leaks(train: Rows | Tagged, evaluation: Mapping[str, Rows | Tagged]) -> Iterator[str]:
    """Dev rows that were trained on measure memory."""
    exact = {*_whole(train)}
    nearly = {*map(_folded, exact)}
    for name, rows in evaluation.items():
        texts = _whole(rows)
        same = sum(text in exact for text in texts)
        alike = sum(text not in exact and _folded(text) in nearly for text in texts)
        if same:
            yield f"{same:,} of {len(rows):,} {name} rows stand word for word in train"
        if alike:
            yield f"{alike:,} of {len(rows):,} {name} rows differ from a train row by case or spaces alone"


def _disagreements(train: Rows | Tagged, evaluation: Mapping[str, Rows | Tagged]) -> Iterator[str]:
    """The same text under two labels: no model can have both right."""
    known = _labels(train)
    several = sum(len(labels) > 1 for labels in known.values())
    if several:
        yield f"{plural(several, 'text stands', 'texts stand')} in train with different labels"
    for name, rows in evaluation.items():
        others = sum(text in known and not labels <= known[text] for text, labels in _labels(rows).items())
        if others:
            yield f"{plural(others, 'text has', 'texts have')} another label in {name} than in train"


def _labels(rows: Rows | Tagged) -> dict[Key, set[Any]]:
    """The labels that each text has, however it is spaced and written large."""
    found: dict[Key, set[Any]] = {}
    for text, label in zip(_whole(rows), rows.labels, strict=True):
        found.setdefault(_folded(text), set()).add(tuple(label) if isinstance(label, list) else label)
    return found


def _whole(rows: Rows | Tagged) -> list[Key]:
    pairs = rows.pairs if isinstance(rows, Rows) and rows.pairs is not None else [""] * len(rows)
    return list(zip(rows.texts, pairs, strict=True))


def _folded(key: Key) -> Key:
    one, other = (" ".join(unicodedata.normalize("NFC", text).casefold().split()) for text in key)
    return one, other
