"""Entities in sequences of tags, and their F1 by the rules of seqeval 1.2.2 (as conlleval's before it).

Those rules are written out here, and compared with the package: its last release is of 2020, as source only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

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


def together(by_type: Iterable[Counts]) -> Counts:
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
