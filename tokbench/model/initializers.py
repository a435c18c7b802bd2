"""How new rows start: made of old rows that lie in memory or in a file, a part of them at a time. No torch.

An initializer is asked for some rows after the other, in the order of a plan. Sums over all old rows are made
in double precision, part by part, so that a matrix in memory and one in a file give the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from tokbench.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tokbench.model.row_plan import RowInit, RowPlan

AT_ONCE = 1 << 22  # numbers that are held at a time: 16 MB of float32
Pieces = Sequence[Sequence[int]]  # for each new row the old rows it is made of; none for a spare row
Weights = Sequence[Sequence[float] | None]  # for each new row the shares of its pieces; None: equal ones
Made = Callable[[Pieces, Weights], "NDArray[np.float32]"]  # some new rows (N, H)


class OldRows(Protocol):
    """The trained rows of a matrix (V, H)."""

    @property
    def shape(self) -> tuple[int, int]:
        """V and H."""

    def take(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """These rows (N, H)."""

    def parts(self, rows: int) -> Iterator[NDArray[Any]]:
        """All rows in their order, so many at a time, as float32, or float64 where they are stored so."""


def pieces_mean(old: OldRows) -> Made:
    """The mean of the old rows that a token was split into, by their shares; of all where it had none."""
    otherwise = _Mean(old)

    def made(pieces: Pieces, weights: Weights) -> NDArray[np.float32]:
        shares = [own or [1.0] * len(each) for own, each in zip(weights, pieces, strict=True)]
        flat = np.array([share for each in shares for share in each], np.float32)
        whole = np.array([sum(each) for each in shares], np.float32)
        lengths = np.array([len(each) for each in pieces], np.int64)
        starts = np.cumsum(lengths) - lengths
        used, at = np.unique(
            np.array([row for each in pieces for row in each], np.int64), return_inverse=True
        )
        held = old.take(used)
        rows = np.zeros((len(pieces), old.shape[1]), np.float32)
        for nth in range(int(lengths.max(initial=0))):  # one piece of each row after the other
            which = np.flatnonzero(lengths > nth)
            places = starts[which] + nth
            rows[which] += held[at[places]] * flat[places, None]
        rows[lengths > 0] /= whole[lengths > 0, None]
        if not lengths.all():
            rows[lengths == 0] = otherwise.row
        return rows

    return made


def mean(old: OldRows) -> Made:
    """The mean of all old rows, the same for every new one."""
    row = _Mean(old).row
    return lambda pieces, weights: np.repeat(row[None], len(pieces), 0)


def zero(old: OldRows) -> Made:
    """Nothing: the row says nothing until it is trained."""
    return lambda pieces, weights: np.zeros((len(pieces), old.shape[1]), np.float32)


def normal(old: OldRows) -> Made:
    """Drawn from N(mu, Sigma), where mu and Sigma are the mean and the covariance of the old rows.

    mu = sum(e) / V and Sigma = sum((e - mu)(e - mu)^T) / V, unscaled, so that new rows are as long and as far
    apart as old ones. Source: Hewitt, Initializing New Word Embeddings for Pretrained Language Models, 2021;
    transformers scales Sigma by 1e-9, which makes all new rows one. Draws follow torch's seed.
    """
    import torch

    center = torch.from_numpy(_center(old))
    spread = torch.zeros(old.shape[1], old.shape[1], dtype=torch.float64)
    for part in old.parts(_rows_at_once(old)):
        apart = torch.from_numpy(part.astype(np.float64)) - center
        spread += apart.T @ apart
    values, directions = torch.linalg.eigh(spread / max(old.shape[0], 1))
    # V < H leaves directions without spread, whose eigenvalues come out as tiny negative numbers
    lengths = values.clamp(min=0).sqrt()

    def made(pieces: Pieces, weights: Weights) -> NDArray[np.float32]:
        drawn = torch.randn(len(pieces), old.shape[1], dtype=torch.float64)
        rows: NDArray[np.float32] = ((drawn * lengths) @ directions.T + center).float().numpy()
        return rows

    return made


INITIALIZERS: dict[str, Callable[[OldRows], Made]] = {
    "pieces": pieces_mean,
    "mean": mean,
    "normal": normal,
    "zero": zero,
}


def initializer(name: str) -> Callable[[OldRows], Made]:
    """The way of that name; UsageError names the known ones."""
    if name not in INITIALIZERS:
        raise UsageError(f"rows cannot start with {name}", fix=did_you_mean(name, INITIALIZERS))
    return INITIALIZERS[name]


def _flat(pieces: Pieces) -> NDArray[np.int64]:
    return np.array([row for each in pieces for row in each], np.int64)


class _Mean:
    """The mean of all rows as float32, made when it is first asked for."""

    def __init__(self, old: OldRows) -> None:
        self.old = old
        self.made: NDArray[np.float32] | None = None

    @property
    def row(self) -> NDArray[np.float32]:
        if self.made is None:
            self.made = _center(self.old).astype(np.float32)
        return self.made


def _center(old: OldRows) -> NDArray[np.float64]:
    sums = np.zeros(old.shape[1])
    for part in old.parts(_rows_at_once(old)):
        sums += part.sum(0, dtype=np.float64)
    return sums / max(old.shape[0], 1)


def _rows_at_once(old: OldRows) -> int:
    return max(1, AT_ONCE // max(1, old.shape[1]))


@dataclass(frozen=True)
class Origins:
    """What the started rows of a plan are made of, in its order: old rows, their shares, and descriptions.

    `way` is the initializer's name; a description goes before it.
    """

    way: str
    pieces: Pieces
    weights: Weights
    described: Mapping[int, Sequence[int]]  # place among the started rows → old rows

    @classmethod
    def of(cls, plan: RowPlan, start: RowInit) -> Origins:
        """Those of a plan's started rows."""
        place = {row: at for at, row in enumerate(plan.started)}
        return cls(
            start.way,
            [start.pieces.get(row, ()) for row in plan.started],
            [start.weights.get(row) for row in plan.started],
            {place[row]: ids for row, ids in start.described.items()},
        )

    def started(self, old: OldRows) -> Iterator[NDArray[np.float32]]:
        """The new rows (N, H) of one matrix, in their order, some at a time."""
        rows, width = old.shape
        known, shares = self._within(rows)
        if 0 in old.shape:
            yield np.zeros((len(known), width), np.float32)
            return
        make, describe = initializer(self.way)(old), pieces_mean(old)
        for start, stop in _runs(list(map(len, known)), _rows_at_once(old)):
            made = make(known[start:stop], shares[start:stop])
            for at in range(start, stop) if self.described else ():
                if at in self.described:
                    words = [row for row in self.described[at] if row < rows]
                    made[at - start] = describe([words], [None])[0]
            yield made

    def first_pieces(self, rows: int) -> list[int]:
        """The old row that each new one takes its whole numbers from, where a matrix of `rows` has such."""
        known, _ = self._within(rows)
        return [each[0] if each else 0 for each in known]

    def _within(self, rows: int) -> tuple[Pieces, Weights]:
        """Pieces and shares without the old rows that a matrix of so many does not have."""
        if all(row < rows for each in self.pieces for row in each):
            return self.pieces, self.weights
        places = [[at for at, row in enumerate(each) if row < rows] for each in self.pieces]
        return (
            [[each[at] for at in held] for each, held in zip(self.pieces, places, strict=True)],
            [each and [each[at] for at in held] for each, held in zip(self.weights, places, strict=True)],
        )


def _runs(lengths: Sequence[int], most: int) -> Iterator[tuple[int, int]]:
    """Stretches of new rows with at most so many pieces together, a row of more alone, and so many rows."""
    start, held = 0, 0
    for at, length in enumerate(lengths):
        cost = max(1, length)
        if at > start and held + cost > most:
            yield start, at
            start, held = at, 0
        held += cost
    if start < len(lengths):
        yield start, len(lengths)
