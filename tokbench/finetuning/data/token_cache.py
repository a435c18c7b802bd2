"""The token cache: ids of many rows in the user's cache folder, under a hash of all that makes them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tokenizers
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from tokenizers import Tokenizer, models

from tokbench import __version__
from tokbench.io.atomic import MARK
from tokbench.io.cache import cache_folder, is_ours, write_if_possible
from tokbench.native.ragged import Ids, Ragged, concatenated, interleaved, ragged, starts_of, taken

if TYPE_CHECKING:
    from tokbench.finetuning.data.rows import Rows

SCHEMA = "tokbench/ids/1"
WORTH_CACHING = 100_000  # characters from which reading ids is quicker than making them: 2,000 rows of SST-2
ROWS_HASHED = 8_192  # rows that are hashed at a time
MOST_BYTES = 1 << 30
LEFT = ("*.safetensors", f".*{MARK}*", "*.part")  # whole ones, half-written ones, those of older versions
SIZES = (np.uint8, np.uint16, np.uint32, np.uint64)
UNREADABLE = (OSError, SafetensorError, LookupError, TypeError, ValueError)
Arrays = dict[str, NDArray[np.unsignedinteger]]


@dataclass(frozen=True, eq=False)
class RowIds(Ragged):
    """The ids of rows; type_ids stand one a token, or are None where all are 0."""

    type_ids: Ids | None
    truncated: int  # rows that were cut

    @property
    def segments(self) -> Ragged:
        """The type ids of each row."""
        types = np.zeros(len(self.ids), np.int64) if self.type_ids is None else self.type_ids
        return Ragged(types, self.starts)


def of_encodings(encodings: Sequence[Any]) -> RowIds:
    """What the library made of some rows."""
    rows = ragged([each.ids for each in encodings])
    types = ragged([each.type_ids for each in encodings]).ids
    truncated = sum(bool(each.overflowing) for each in encodings)
    return RowIds(rows.ids, rows.starts, types if types.any() else None, truncated)


def joined_rows(parts: Sequence[RowIds]) -> RowIds:
    """The rows of several, one after the other."""
    rows = concatenated(parts)
    one_segment = all(part.type_ids is None for part in parts)
    types = None if one_segment else np.concatenate([part.segments.ids for part in parts])
    return RowIds(rows.ids, rows.starts, types, sum(part.truncated for part in parts))


def replaced(whole: RowIds, rows: NDArray[np.bool_], others: RowIds) -> RowIds:
    """The same rows, but those marked in `rows` are the ones of `others`, in order."""
    if not rows.any():
        return whole
    mixed = interleaved(rows, {False: taken(whole, ~rows), True: others})
    types = None
    if whole.type_ids is not None or others.type_ids is not None:
        types = interleaved(rows, {False: taken(whole.segments, ~rows), True: others.segments}).ids
    return RowIds(mixed.ids, mixed.starts, types, whole.truncated + others.truncated)


def cached_rows(backend: Tokenizer, rows: Rows, max_length: int, make: Callable[[], RowIds]) -> RowIds:
    """The ids of these rows from the cache, or as `make` makes them, then cached.

    The backend must be set as it will be used: truncation, and whether special tokens are split.
    """
    characters = sum(map(len, rows.texts)) + sum(map(len, rows.pairs or ()))
    key = key_of(backend, rows, max_length) if characters >= WORTH_CACHING else None
    if key is None:
        return make()
    found = cached_ids(key)
    if found is None or len(found) != len(rows):
        found = make()
        cache_ids(key, found)
    return found


def key_of(backend: Tokenizer, rows: Rows, max_length: int) -> str | None:
    """A hash of tokenizer, length, versions and texts; None where the same text may get other ids."""
    state = _state(backend)
    if state is None:
        return None
    digest = blake2b(digest_size=32)
    chosen = (SCHEMA, __version__, tokenizers.__version__, max_length, backend.encode_special_tokens)
    columns = [rows.texts] if rows.pairs is None else [rows.texts, rows.pairs]
    for part in (repr((*chosen, len(columns), len(rows.texts))), state):
        digest.update(len(part).to_bytes(8, "little") + part.encode("utf-8", "surrogatepass"))
    for column in columns:
        for start in range(0, len(column), ROWS_HASHED):
            some = column[start : start + ROWS_HASHED]
            digest.update(np.fromiter(map(len, some), np.int64, len(some)).tobytes())
            digest.update("".join(some).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _state(backend: Tokenizer) -> str | None:
    """All that a tokenizer does, as JSON; None where chance has a part in it, or Python code."""
    model = backend.model
    if isinstance(model, models.BPE) and model.dropout is not None:
        return None
    if isinstance(model, models.Unigram) and (model.alpha is not None or model.nbest_size is not None):
        return None
    try:
        state: str = backend.to_str()
    except Exception:  # the library raises nothing narrower for blocks written in Python
        return None
    return state


def folder() -> Path:
    """Where the files are."""
    return cache_folder() / "ids"


def cached_ids(key: str) -> RowIds | None:
    """What was put here under this key, or None, also where somebody else could have put it."""
    path = folder() / f"{key}.safetensors"
    try:
        return _read(path, key) if is_ours(path) else None
    except UNREADABLE:
        return None


def cache_ids(key: str, rows: RowIds) -> None:
    """Keep this under this key, if there is a place for it; others make room."""
    arrays = _arrays(rows)
    content = save(arrays, {"schema": SCHEMA, "key": key, "digest": _digest(arrays)})
    if len(content) <= MOST_BYTES:
        with suppress(OSError):  # what cannot be cached is made again
            if write_if_possible(folder() / f"{key}.safetensors", content):
                _make_room(folder())


def _arrays(rows: RowIds) -> Arrays:
    """The numbers of all rows, each in as few bytes as the largest needs."""
    arrays = {"ids": rows.ids, "lengths": rows.lengths, "truncated": np.array([rows.truncated])}
    if rows.type_ids is not None:
        arrays["type_ids"] = rows.type_ids
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


def _read(path: Path, key: str) -> RowIds | None:
    """What a file holds, or None; one of UNREADABLE where it cannot be read."""
    with safe_open(path, "numpy") as file:
        facts = file.metadata() or {}
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  it is no dict
    if facts != {"schema": SCHEMA, "key": key, "digest": _digest(arrays)}:
        return None
    with suppress(OSError):
        os.utime(path)  # it was used now
    whole = {name: array.astype(np.int64) for name, array in arrays.items()}
    starts, truncated = starts_of(whole["lengths"]), int(whole["truncated"][0])
    return RowIds(whole["ids"], starts, whole.get("type_ids"), truncated)


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
