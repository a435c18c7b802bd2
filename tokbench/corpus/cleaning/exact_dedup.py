"""Exact duplicates: a text, line, paragraph or document that has come before is dropped; the first one stays.

A unit is known by 8 bytes of its BLAKE2b: among n different ones two are taken for the same with a
probability of about n² / 2⁶⁵: one in 3,700 for 100 million. The hashes lie in a table with open addressing,
16 to 32 bytes a unit; beyond MOST of them, sorted, in files that are searched through the page cache.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from hashlib import blake2b
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tokbench.corpus.cleaning.text_batches import Batch, StepTally

if TYPE_CHECKING:
    from tokbench.corpus.cleaning.spool import Scratch

Hashes = NDArray[np.uint64]
FIRST = 1 << 16  # slots of a new table
MOST = 1 << 25  # hashes in memory, in a table of at most 512 MB
EMPTY = np.uint64(0)
BLANK_LINES = re.compile(r"(\n[^\S\n]*(?:\n[^\S\n]*)+)")


def hashes_of(texts: Sequence[str]) -> Hashes:
    """Eight bytes of BLAKE2b for each text, as numbers; the same on every machine.

    >>> hex(hashes_of(["a text"])[0])
    '0x50e9e05b93086453'
    """
    digests = [blake2b(text.encode(), digest_size=8).digest() for text in texts]
    return np.frombuffer(b"".join(digests), "<u8").astype(np.uint64)


class SeenHashes:
    """Which hashes have come before."""

    def __init__(self, scratch: Scratch, *, most: int = MOST) -> None:
        self._scratch, self._most = scratch, most
        self._table = np.zeros(FIRST, np.uint64)
        self._count = 0
        self._runs: list[NDArray[np.uint64]] = []

    def add(self, hashes: Hashes) -> NDArray[np.bool_]:
        """Whether each is new: not seen before, and the first among these; all are seen from now on."""
        keys, first = np.unique(np.maximum(hashes, np.uint64(1)), return_index=True)  # 0 means an empty slot
        if self._count + len(keys) > self._most:
            self._spill()
        unknown = np.ones(len(keys), bool)
        for run in self._runs:
            at = np.searchsorted(run, keys)
            unknown &= run[np.minimum(at, len(run) - 1)] != keys
        unknown[unknown] = self._insert(keys[unknown])
        new = np.zeros(len(hashes), bool)
        new[first[unknown]] = True
        return new

    def _insert(self, keys: Hashes) -> NDArray[np.bool_]:
        while 2 * (self._count + len(keys)) > len(self._table):
            old = self._table[self._table != EMPTY]
            self._table = np.zeros(2 * len(self._table), np.uint64)
            for start in range(0, len(old), FIRST):  # what placing holds beside the table stays small
                _place(self._table, old[start : start + FIRST])
        new = _place(self._table, keys)
        self._count += int(new.sum())
        return new

    def _spill(self) -> None:
        """Write the table as a sorted file, and begin a new one."""
        held = np.sort(self._table[self._table != EMPTY])
        if len(held):
            self._runs.append(self._scratch.array(held))
        self._table, self._count = np.zeros(FIRST, np.uint64), 0


def _place(table: Hashes, keys: Hashes) -> NDArray[np.bool_]:
    """Put different keys into a table with room for them; whether each was not there yet."""
    mask = np.uint64(len(table) - 1)
    slots, new, left = keys & mask, np.zeros(len(keys), bool), np.arange(len(keys))
    while len(left):
        there = table[slots[left]]
        free = left[there == EMPTY]
        table[slots[free]] = keys[free]  # of two that want one slot the last has it
        won = table[slots[free]] == keys[free]
        new[free[won]] = True
        lost = free[~won]
        left = np.concatenate([left[(there != EMPTY) & (there != keys[left])], lost])
        slots[left] = (slots[left] + np.uint64(1)) & mask
    return new


class ExactDuplicates:
    """Which texts have not come before."""

    def __init__(self, scratch: Scratch) -> None:
        self._seen = SeenHashes(scratch)

    def __call__(self, texts: list[str]) -> list[bool]:
        """Whether each is new."""
        new: list[bool] = self._seen.add(hashes_of(texts)).tolist()
        return new


class Dedup:
    """The step that drops what is not new, by unit: text, line, paragraph or document.

    `new` tells of each unit whether it is; it is asked once for each, in their order.
    """

    def __init__(self, unit: str, tally: StepTally, new: Callable[[list[str]], list[bool]]) -> None:
        self._unit, self._tally, self._new = unit, tally, new

    def __call__(self, batch: Batch) -> Batch:
        """The batch without what is a duplicate."""
        if not batch.texts:
            return batch
        if batch.groups is not None:
            return self._tally.keep(batch, self._new_groups(batch.texts, batch.groups))
        if self._unit in ("text", "document") or not any("\n" in text for text in batch.texts):
            return self._tally.keep(batch, self._new(batch.texts))
        return self._inside(batch)

    def _new_groups(self, texts: list[str], groups: list[int]) -> list[bool]:
        """Of each text, whether the paragraph or file that it is a line of is new."""
        held = [
            [text for _, text in pairs]
            for _, pairs in groupby(zip(groups, texts, strict=True), key=itemgetter(0))
        ]
        new = self._new(["\n".join(lines) for lines in held])
        return [is_new for is_new, lines in zip(new, held, strict=True) for _ in lines]

    def _inside(self, batch: Batch) -> Batch:
        """Texts of several lines without those lines or paragraphs of them that are duplicates."""
        tally = self._tally
        parts = [_parts(text, self._unit) for text in batch.texts]
        flat = [unit for units, _ in parts for unit in units]
        new = iter(self._new([unit.strip() for unit in flat]))
        texts = [_without(units, between, new) for units, between in parts]
        kept = [bool(text.strip()) for text in texts]
        whole = Batch([old for old, stays in zip(batch.texts, kept, strict=True) if stays])
        changed = [text for text, stays in zip(texts, kept, strict=True) if stays]
        batch = tally.keep(batch, kept)
        rows = tally.rows
        tally.change(whole, changed)
        tally.rows = rows
        return replace(batch, texts=changed)


def _parts(text: str, unit: str) -> tuple[list[str], list[str]]:
    """The lines or paragraphs of a text, and what stands between them."""
    if unit == "line":
        lines = text.split("\n")
        return lines, ["\n"] * (len(lines) - 1)
    cut = BLANK_LINES.split(text)
    return cut[::2], cut[1::2]


def _without(units: list[str], between: list[str], new: Iterator[bool]) -> str:
    """The units that are new or blank, each with what stood before it."""
    kept: list[str] = []
    for at, (unit, is_new) in enumerate(zip(units, new, strict=False)):
        if is_new or not unit.strip():
            kept += [between[at - 1], unit] if kept else [unit]
    return "".join(kept)
