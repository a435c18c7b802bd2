"""Words or characters and the pieces a tokenizer makes of them: which piece speaks for which unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tokbench.finetuning.data.tagging import OUTSIDE, Tagged
from tokbench.native.ragged import Ids

UNLABELLED = -100  # what torch's cross entropy leaves out
BETWEEN = -1  # stands after each sentence where several are one array
NO_PIECE = -1


@dataclass(frozen=True)
class Units:
    """The units of all rows, flat; row i has those from starts[i] to starts[i + 1]."""

    piece: Ids  # the place of each unit's piece among all pieces; -1: cut off, or nothing is left of it
    goes_on: NDArray[np.bool_]  # whether the unit shares its piece with the unit before
    labels: Ids
    starts: Ids

    def first(self, count: int) -> Units:
        """The units of the first rows alone."""
        end = self.starts[count]
        return Units(self.piece[:end], self.goes_on[:end], self.labels[:end], self.starts[: count + 1])

    @property
    def lost(self) -> int:
        """Units without a piece."""
        return int((self.piece == NO_PIECE).sum())

    def truth(self) -> Ids:
        """Their labels, -1 after each row."""
        return self._separated(self.labels)

    def answers(self, of_pieces: Ids, labels: tuple[str, ...]) -> Ids:
        """What was said of each unit's piece, -1 after each row; a unit without a piece counts as outside."""
        outside = labels.index(OUTSIDE)
        said = np.where(self.piece == NO_PIECE, outside, of_pieces[self.piece])
        return self._separated(np.where(self.goes_on, going_on(labels)[said], said))

    def _separated(self, values: Ids) -> Ids:
        return np.insert(values, self.starts[1:], BETWEEN)


def going_on(labels: tuple[str, ...]) -> Ids:
    """For each label the one that continues it: I-X for B-X, any other itself.

    >>> going_on(("O", "B-PER", "I-PER")).tolist()
    [0, 2, 2]
    """
    inside = [f"I-{label[2:]}" if label.startswith("B-") else label for label in labels]
    return np.array([labels.index(each) if each in labels else at for at, each in enumerate(inside)])


def layout(units: Sequence[str], *, characters: bool) -> tuple[Ids, list[int]]:
    """For each character of the sentence's text its unit (-1: none), and the units that count.

    Spaces that are units do not count: whether a name goes on over one is said by what follows.
    """
    kept = [index for index, unit in enumerate(units) if not unit.isspace()]
    counted = dict(zip(kept, range(len(kept)), strict=True))
    owner: list[int] = []
    for index, unit in enumerate(units):
        if owner and not characters:
            owner.append(-1)
        owner += [counted.get(index, -1)] * len(unit)
    return np.array(owner, np.int64), kept


def pieces_of_units(offsets: Sequence[tuple[int, int]], owner: Ids, count: int) -> tuple[Ids, list[int]]:
    """For each unit the first piece that holds some of it, and for each piece its first unit (-1: none)."""
    piece = np.full(count, NO_PIECE)
    first = []
    for place, (start, end) in enumerate(offsets):
        inside = [unit for unit in dict.fromkeys(owner[start:end].tolist()) if unit >= 0]
        first.append(inside[0] if inside else -1)
        for unit in inside:
            if piece[unit] == NO_PIECE:
                piece[unit] = place
    return piece, first


def labels_of_pieces(piece: Ids, first: Sequence[int], truth: Ids, later: Ids | None) -> Ids:
    """A label for each piece: that of the first unit it speaks for, else -100.

    `later`, when given, maps a label to the one that continues it: a unit's further pieces get that.
    """
    labels = np.full(len(first), UNLABELLED)
    for place, unit in enumerate(first):
        if unit < 0:
            continue
        if piece[unit] == place:
            labels[place] = truth[unit]
        elif later is not None:
            labels[place] = later[truth[unit]]
    return labels


def counted_labels(rows: Tagged, row: int, kept: Sequence[int]) -> Ids:
    """The labels of the units that count."""
    return np.array(rows.labels[row], np.int64)[list(kept)] if kept else np.empty(0, np.int64)
