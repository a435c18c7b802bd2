"""The numbers of a model's weights, read a few megabytes at a time; torch is not needed."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokbench.check.header import LENGTH
from tokbench.check.weights import INDEX, ONE, shards_of

if TYPE_CHECKING:
    import numpy as np

CHUNK = 4 << 20  # numbers at a time
CHEAP = 128 << 20  # bytes of weights that are read without being asked
KINDS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}


def files_of(folder: Path) -> list[Path]:
    """The safetensors of a model's folder."""
    if (folder / ONE).exists():
        return [folder / ONE]
    return [folder / name for name in shards_of(folder / INDEX)] if (folder / INDEX).exists() else []


def bytes_of(folder: Path | None) -> int:
    """Their size on disk; 0 unless all are there."""
    files = [] if folder is None else files_of(folder)
    return sum(path.stat().st_size for path in files) if all(path.is_file() for path in files) else 0


def tensors_of(folder: Path) -> Iterator[tuple[str, Path, Mapping[str, Any]]]:
    """Name, file and header entry of every tensor of floating-point numbers; its first byte is `start`."""
    for path in files_of(folder):
        with path.open("rb") as file:
            length = int.from_bytes(file.read(LENGTH), "little")
            header = json.loads(file.read(length))
        for name, entry in header.items():
            if name != "__metadata__" and entry["dtype"] in KINDS:
                yield name, path, entry | {"start": LENGTH + length + entry["data_offsets"][0]}


def parts_of(path: Path, entry: Mapping[str, Any]) -> Iterator[np.ndarray[Any, np.dtype[np.float32]]]:
    """The rows of a tensor as float32, some at a time: arrays of shape (rows, all other dimensions)."""
    import numpy as np

    rows, *others = entry["shape"] or [1]
    width = math.prod(others)
    kind = np.dtype(KINDS[entry["dtype"]])
    step = max(1, CHUNK // max(1, width))
    with path.open("rb") as file:
        file.seek(entry["start"])
        for at in range(0, rows if width else 0, step):
            count = min(step, rows - at)
            found = np.frombuffer(file.read(count * width * kind.itemsize), dtype=kind)
            if entry["dtype"] == "BF16":  # the upper half of a float32
                found = (found.astype("<u4") << 16).view("<f4")
            yield found.astype(np.float32, copy=False).reshape(count, width)
