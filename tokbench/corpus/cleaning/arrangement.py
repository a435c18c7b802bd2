"""Rows in another order, sorted or shuffled, however many: parts that fit in memory, one after the other.

While all rows fit they are sorted there. Beyond that they are dealt out to files by ranges of their key, and
each file is arranged by itself; one that is still too large is dealt out again.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import numpy as np

from tokbench.corpus.cleaning.spool import Scratch, Spool
from tokbench.corpus.cleaning.text_batches import Batch, Columns
from tokbench.errors import DataError, did_you_mean

if TYPE_CHECKING:
    from tokbench.corpus.cleaning.choices import Cleaning

IN_MEMORY = (
    1 << 27
)  # bytes of texts that are sorted at once; as Python objects they take about three times that
PARTS = 32
AT_ONCE = 1 << 12  # rows in a batch
Key = Any  # a text, a column's value with its kind, or a drawn number
Row = tuple[Key, str, Columns | None]


class Arrangement:
    """The steps `sort` and `shuffle`; without them the rows stay in their order."""

    def __init__(self, choices: Cleaning, scratch: Scratch, *, in_memory: int = IN_MEMORY) -> None:
        self._sort = choices.sort
        self._by_text = choices.sort in ("text", choices.text_name)
        self._asked = bool(choices.sort or choices.shuffle)
        self._draw = np.random.default_rng((choices.seed, 1))
        self._scratch, self._in_memory = scratch, in_memory

    def __call__(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Batches of all the rows in the order that was asked for; rows of equal keys keep theirs."""
        if not self._asked:
            return batches
        return _batches(self._arranged(chain.from_iterable(map(self._rows, batches))))

    def _rows(self, batch: Batch) -> Iterator[Row]:
        columns: Sequence[Columns | None] = batch.columns or [None] * len(batch.texts)
        if not self._sort:
            keys: list[Key] = self._draw.random(len(batch.texts)).tolist()
        elif self._by_text:
            keys = batch.texts
        else:
            keys = [_comparable(row, self._sort) for row in columns]
        return zip(keys, batch.texts, columns, strict=True)

    def _arranged(self, rows: Iterator[Row]) -> Iterator[Row]:
        held: list[Row] = []
        size = 0
        for row in rows:
            held.append(row)
            size += len(row[1])
            if size > self._in_memory:
                yield from self._dealt(held, rows)
                return
        held.sort(key=_key)
        yield from held

    def _dealt(self, held: list[Row], more: Iterator[Row]) -> Iterator[Row]:
        """Rows arranged part by part; the borders between parts are keys of the rows that are held.

        Rows with a border's own key are a part that is in order, so a part has fewer keys than the whole.
        """
        step = max(1, len(held) // PARTS)
        borders = sorted({row[0] for row in sorted(held, key=_key)[step // 2 :: step]})
        spools: dict[int, _RowSpool] = {}
        for row in chain(held, more):
            part = bisect_left(borders, row[0]) + bisect_right(borders, row[0])
            if part not in spools:
                spools[part] = _RowSpool(self._scratch)
            spools[part].put(row)
        held.clear()
        for part, spool in sorted(spools.items()):
            yield from spool if part % 2 else self._arranged(iter(spool))
            spool.drop()


class _RowSpool:
    """Rows on the disk, written some at a time."""

    def __init__(self, scratch: Scratch) -> None:
        self._spool: Spool[list[Row]] = Spool(scratch)
        self._held: list[Row] = []

    def put(self, row: Row) -> None:
        self._held.append(row)
        if len(self._held) == AT_ONCE:
            self._spool.put(self._held)
            self._held = []

    def __iter__(self) -> Iterator[Row]:
        if self._held:
            self._spool.put(self._held)
            self._held = []
        return chain.from_iterable(self._spool)

    def drop(self) -> None:
        self._spool.drop()


def _key(row: Row) -> Key:
    return row[0]


def _comparable(row: Columns | None, column: str) -> tuple[str, Any]:
    """A column's value so that any two compare: numbers by size and before texts, what is missing first."""
    row = row or {}
    if column not in row:
        raise DataError(
            f"there is no column {column!r} to sort by",
            fix=f"{did_you_mean(column, ['text', *row])}; a column of the files is kept by --keep {column}",
        )
    value = row[column]
    if value is None:
        return "", 0
    if isinstance(value, bool | int | float):
        return "number", value
    return "text", str(value)


def _batches(rows: Iterator[Row]) -> Iterator[Batch]:
    """Rows as batches; which source one is of, nobody asks any more."""
    while held := list(islice(rows, AT_ONCE)):
        columns = None if held[0][2] is None else [row[2] or {} for row in held]
        yield Batch([row[1] for row in held], columns=columns)
