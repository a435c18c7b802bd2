"""Flat ids in files of the user's cache folder, 1 GiB at most.

The files not used for longest leave first. One that is damaged, or is not ours, counts as none; a folder that
cannot be written to holds nothing.
"""

from __future__ import annotations

import os
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from tokbench.finetune.flatids import FlatIds, starts_of
from tokbench.training.keeping import cache_folder, put_whole

SCHEMA = "tokbench/ids/1"
MOST_BYTES = 1 << 30
SIZES = (np.uint8, np.uint16, np.uint32, np.uint64)
NOT_OURS = (OSError, SafetensorError, LookupError, TypeError, ValueError)
Arrays = dict[str, NDArray[np.unsignedinteger]]


def folder() -> Path:
    """Where the files are."""
    return cache_folder() / "ids"


def take(key: str) -> FlatIds | None:
    """What was put here under this key, or None."""
    try:
        found = _read(folder() / f"{key}.safetensors", key)
    except NOT_OURS:
        return None
    return found


def put(key: str, flat: FlatIds) -> None:
    """Keep this under this key, if there is a place for it; others make room."""
    arrays = _arrays(flat)
    content = save(arrays, {"schema": SCHEMA, "key": key, "digest": _digest(arrays)})
    if len(content) <= MOST_BYTES:
        with suppress(OSError):  # what cannot be kept is made again
            put_whole(folder() / f"{key}.safetensors", content, mode=0o700)  # ids tell the texts
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
    files = [path for pattern in ("*.safetensors", "*.part") for path in place.glob(pattern)]
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
