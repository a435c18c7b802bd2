"""Rows as flat ids: one array of all tokens, where each row starts, and the segment of each token."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from tokbench.io.atomic import MARK
from tokbench.io.cache import cache_folder, write_if_possible

Ids = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class FlatIds:
    """Row i is ids[starts[i]:starts[i + 1]]; type_ids stand one a token, or are None where all are 0."""

    ids: Ids
    type_ids: Ids | None
    starts: Ids
    truncated: int  # rows that were cut

    @property
    def lengths(self) -> Ids:
        """Tokens per row."""
        return np.diff(self.starts)

    def segments(self) -> Ids:
        """The type id of each token."""
        return np.zeros(len(self.ids), np.int64) if self.type_ids is None else self.type_ids


def starts_of(lengths: Sequence[int] | Ids) -> Ids:
    """Where rows of these lengths start, and where the last one ends."""
    starts = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=starts[1:])
    return starts


def of_encodings(encodings: Sequence[Any]) -> FlatIds:
    """What the library made of some rows."""
    ids = [each.ids for each in encodings]
    lengths = np.fromiter(map(len, ids), np.int64, len(ids))
    total = int(lengths.sum())
    types = np.fromiter(chain.from_iterable(each.type_ids for each in encodings), np.int64, total)
    return FlatIds(
        np.fromiter(chain.from_iterable(ids), np.int64, total),
        types if types.any() else None,
        starts_of(lengths),
        sum(bool(each.overflowing) for each in encodings),
    )


def joined_rows(parts: Sequence[FlatIds]) -> FlatIds:
    """The rows of several, one after the other."""
    one_segment = all(each.type_ids is None for each in parts)
    return FlatIds(
        np.concatenate([each.ids for each in parts]),
        None if one_segment else np.concatenate([each.segments() for each in parts]),
        starts_of(np.concatenate([each.lengths for each in parts])),
        sum(each.truncated for each in parts),
    )


def replaced(whole: FlatIds, rows: NDArray[np.bool_], others: FlatIds) -> FlatIds:
    """The same rows, but those marked in `rows` are the ones of `others`, in order."""
    lengths = whole.lengths
    stay = np.repeat(~rows, lengths)
    lengths[rows] = others.lengths
    other = np.repeat(rows, lengths)

    def mixed(mine: Ids, theirs: Ids) -> Ids:
        result = np.empty(len(other), np.int64)
        result[~other], result[other] = mine[stay], theirs
        return result

    one_segment = whole.type_ids is None and others.type_ids is None
    return FlatIds(
        mixed(whole.ids, others.ids),
        None if one_segment else mixed(whole.segments(), others.segments()),
        starts_of(lengths),
        whole.truncated + others.truncated,
    )


SCHEMA = "tokbench/ids/1"
MOST_BYTES = 1 << 30
LEFT = ("*.safetensors", f".*{MARK}*", "*.part")  # whole ones, half-written ones, those of older versions
SIZES = (np.uint8, np.uint16, np.uint32, np.uint64)
NOT_OURS = (OSError, SafetensorError, LookupError, TypeError, ValueError)
Arrays = dict[str, NDArray[np.unsignedinteger]]


def folder() -> Path:
    """Where the files are."""
    return cache_folder() / "ids"


def cached_ids(key: str) -> FlatIds | None:
    """What was put here under this key, or None."""
    try:
        found = _read(folder() / f"{key}.safetensors", key)
    except NOT_OURS:
        return None
    return found


def cache_ids(key: str, flat: FlatIds) -> None:
    """Keep this under this key, if there is a place for it; others make room."""
    arrays = _arrays(flat)
    content = save(arrays, {"schema": SCHEMA, "key": key, "digest": _digest(arrays)})
    if len(content) <= MOST_BYTES:
        with suppress(OSError):  # what cannot be cached is made again
            if write_if_possible(folder() / f"{key}.safetensors", content):
                _make_room(folder())


def _arrays(flat: FlatIds) -> Arrays:
    """The numbers of all rows, each in as few bytes as the largest needs."""
    arrays = {"ids": flat.ids, "lengths": flat.lengths, "truncated": np.array([flat.truncated])}
    if flat.type_ids is not None:
        arrays["type_ids"] = flat.type_ids
    return {name: _small(array) for name, array in arrays.items()}


def _small(array: NDArray[np.int64]) -> NDArray[np.unsignedinteger]:
    highest = int(array.max()) if len(array) else 0
    return array.astype(next(size for size in SIZES if highest <= np.iinfo(size).max))


def _digest(arrays: Arrays) -> str:
    """A hash of all arrays, to know a damaged file by."""
    digest = blake2b(digest_size=32)
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype} {len(array)}\n".encode())
        digest.update(array.data)
    return digest.hexdigest()


def _read(path: Path, key: str) -> FlatIds | None:
    """What a file holds, or None; one of NOT_OURS where it cannot be read."""
    with safe_open(path, "numpy") as file:
        facts = file.metadata() or {}
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  it is no dict
    if facts != {"schema": SCHEMA, "key": key, "digest": _digest(arrays)}:
        return None
    with suppress(OSError):
        os.utime(path)  # it was used now
    whole = {name: array.astype(np.int64) for name, array in arrays.items()}
    starts, truncated = starts_of(whole["lengths"]), int(whole["truncated"][0])
    return FlatIds(whole["ids"], whole.get("type_ids"), starts, truncated)


def _make_room(place: Path) -> None:
    """Take files away, the ones used longest ago first, until the others are within the limit.

    What a killed process left half-written is among them.
    """
    files = [path for pattern in LEFT for path in place.glob(pattern)]
    sizes = {}
    for path in files:
        with suppress(FileNotFoundError):  # another process makes room, too
            sizes[path] = path.stat()
    total = sum(each.st_size for each in sizes.values())
    for path, each in sorted(sizes.items(), key=lambda item: item[1].st_mtime_ns):
        if total <= MOST_BYTES:
            return
        path.unlink(missing_ok=True)
        total -= each.st_size
