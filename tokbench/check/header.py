"""The header of a safetensors file: which tensors it holds. The weights themselves are not touched."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokbench.errors import FileProblem
from tokbench.pretrained.json_files import parse_object

LENGTH = 8  # the file starts with the header's length: unsigned, little-endian
MOST_BYTES = 100_000_000  # the format's own limit for a header
WHOLE = "take a whole copy of the file, or save the model again"


@dataclass(frozen=True)
class Tensor:
    """The shape and the number type of a tensor, as the header has them."""

    shape: tuple[int, ...]
    dtype: str


def read_header(path: Path) -> dict[str, Tensor]:
    """Name → shape and type; a FileProblem when header and file do not fit each other."""
    try:
        if not path.is_file():  # a pipe would be waited for
            raise FileProblem(f"{path.name} is not a file", fix="save the model again")
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            length = int.from_bytes(file.read(LENGTH), "little")
            if size < LENGTH or length > min(size - LENGTH, MOST_BYTES):
                raise FileProblem(
                    f"{path.name} is no whole safetensors file: {size:,} bytes, header of {length:,}",
                    fix=WHOLE,
                )
            text = file.read(length).decode("utf-8")
    except UnicodeDecodeError as error:
        raise FileProblem(f"{path.name} has no readable header", fix=WHOLE) from error
    except OSError as error:
        raise FileProblem(
            f"{path.name} cannot be read: {error.strerror}", fix="check the file and its rights"
        ) from error
    return _tensors(parse_object(text, name=f"the header of {path.name}"), path.name, size - LENGTH - length)


def _tensors(header: Mapping[str, Any], name: str, room: int) -> dict[str, Tensor]:
    """The tensors of a header whose data must fill `room` bytes to the last one."""
    found: dict[str, Tensor] = {}
    ranges: list[tuple[int, int]] = []
    for key, entry in header.items():
        if key == "__metadata__":
            continue
        tensor, start, end = _entry(entry, f"{key} in {name}")
        found[key] = tensor
        ranges.append((start, end))
    _refuse_gaps(sorted(ranges), name, room)
    return found


def _entry(entry: object, name: str) -> tuple[Tensor, int, int]:
    match entry:
        case {"dtype": str(dtype), "shape": [*shape], "data_offsets": [int(start), int(end)]}:
            whole = all(isinstance(size, int) and size >= 0 for size in shape)
            if whole and 0 <= start <= end and _fits(dtype, shape, end - start):
                return Tensor(tuple(shape), dtype), start, end
    raise FileProblem(f"{name} is described wrongly: {str(entry)[:120]}", fix=WHOLE)


def _fits(dtype: str, shape: list[int], size: int) -> bool:
    """Whether so many bytes hold such a tensor; True where the number type says nothing of its width."""
    digits = "".join(filter(str.isdigit, dtype.split("_")[0]))  # F32, BF16, F8_E4M3
    bits = int(digits or 8 * (dtype == "BOOL"))
    return not bits or -(-math.prod(shape) * bits // 8) == size


def _refuse_gaps(ranges: list[tuple[int, int]], name: str, room: int) -> None:
    at = 0
    for start, end in ranges:
        if start != at:
            raise FileProblem(f"{name} has tensors that overlap or leave a gap at byte {start:,}", fix=WHOLE)
        at = end
    if at != room:
        raise FileProblem(f"{name} is cut: its tensors need {at:,} bytes, it has {room:,}", fix=WHOLE)
