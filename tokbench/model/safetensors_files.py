"""The header of a safetensors file: which tensors it holds. The weights themselves are not touched."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokbench.errors import FileError
from tokbench.io.json_files import MIB, parse_object, read_object

if TYPE_CHECKING:
    import numpy as np

LENGTH = 8  # the file starts with the header's length: unsigned, little-endian
MOST_BYTES = 100_000_000  # the format's own limit for a header
WHOLE = "take a whole copy of the file, or save the model again"


@dataclass(frozen=True)
class Tensor:
    """The shape and the number type of a tensor, as the header has them; its first byte and its bytes."""

    shape: tuple[int, ...]
    dtype: str
    start: int = field(default=0, compare=False)
    size: int = field(default=0, compare=False)


def read_header(path: Path) -> dict[str, Tensor]:
    """Name → shape and type; a FileError when header and file do not fit each other."""
    header, begin, size = _header(path)
    return _tensors(header, path.name, begin, size)


def read_metadata(path: Path) -> Mapping[str, str]:
    """What the header says of the file itself."""
    found = _header(path)[0].get("__metadata__")
    return found if isinstance(found, dict) else {}


def header_bytes(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> bytes:
    """The header of a file that holds these tensors in this order, with nothing between them."""
    entries: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    at = 0
    for name, tensor in tensors.items():
        end = at + tensor.size
        entries[name] = {"dtype": tensor.dtype, "shape": tensor.shape, "data_offsets": [at, end]}
        at = end
    text = json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % LENGTH)
    return len(text).to_bytes(LENGTH, "little") + text


def _header(path: Path) -> tuple[Mapping[str, Any], int, int]:
    """The header's object, where the data begin, and the size of the file."""
    try:
        if not path.is_file():  # a pipe would be waited for
            raise FileError(f"{path.name} is not a file", fix="save the model again")
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            length = int.from_bytes(file.read(LENGTH), "little")
            if size < LENGTH or length > min(size - LENGTH, MOST_BYTES):
                raise FileError(
                    f"{path.name} is no whole safetensors file: {size:,} bytes, header of {length:,}",
                    fix=WHOLE,
                )
            text = file.read(length).decode("utf-8")
    except UnicodeDecodeError as error:
        raise FileError(f"{path.name} has no readable header", fix=WHOLE) from error
    except OSError as error:
        raise FileError(
            f"{path.name} cannot be read: {error.strerror}", fix="check the file and its rights"
        ) from error
    return parse_object(text, name=f"the header of {path.name}"), LENGTH + length, size


def _tensors(header: Mapping[str, Any], name: str, begin: int, size: int) -> dict[str, Tensor]:
    """The tensors of a header whose data must fill a file of `size` bytes, from `begin` to the last one."""
    found: dict[str, Tensor] = {}
    ranges: list[tuple[int, int]] = []
    for key, entry in header.items():
        if key == "__metadata__":
            continue
        tensor, start, end = _entry(entry, f"{key} in {name}")
        found[key] = replace(tensor, start=begin + start, size=end - start)
        ranges.append((start, end))
    _refuse_gaps(sorted(ranges), name, size - begin)
    return found


def _entry(entry: object, name: str) -> tuple[Tensor, int, int]:
    match entry:
        case {"dtype": str(dtype), "shape": [*shape], "data_offsets": [int(start), int(end)]}:
            whole = all(isinstance(size, int) and size >= 0 for size in shape)
            if whole and 0 <= start <= end and _fits(dtype, shape, end - start):
                return Tensor(tuple(shape), dtype), start, end
    raise FileError(f"{name} is described wrongly: {str(entry)[:120]}", fix=WHOLE)


def _fits(dtype: str, shape: list[int], size: int) -> bool:
    """Whether so many bytes hold such a tensor; True where the number type says nothing of its width."""
    digits = "".join(filter(str.isdigit, dtype.split("_")[0]))  # F32, BF16, F8_E4M3
    bits = int(digits or 8 * (dtype == "BOOL"))
    return not bits or -(-math.prod(shape) * bits // 8) == size


def _refuse_gaps(ranges: list[tuple[int, int]], name: str, room: int) -> None:
    at = 0
    for start, end in ranges:
        if start != at:
            raise FileError(f"{name} has tensors that overlap or leave a gap at byte {start:,}", fix=WHOLE)
        at = end
    if at != room:
        raise FileError(f"{name} is cut: its tensors need {at:,} bytes, it has {room:,}", fix=WHOLE)


ONE, INDEX = "model.safetensors", "model.safetensors.index.json"
PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json", "model.bin")
MOST_SHARDS = 2_000


@dataclass(frozen=True)
class Weights:
    """The tensors of a model by name, or why there are none.

    `problem`: what is wrong with the files. `pickled`: the file that holds them as a pickle, which is not
    opened. `unread`: why nobody looked. All empty: there are no weights.
    """

    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    problem: str = ""
    pickled: str = ""
    unread: str = ""


def read_weights(folder: Path) -> Weights:
    """What the safetensors of a folder hold, in one file or in shards that lie in the folder itself."""
    try:
        if (folder / ONE).exists():
            return Weights(read_header(folder / ONE))
        if (folder / INDEX).exists():
            return Weights(_from_shards(folder))
        return Weights(pickled=next((name for name in PICKLES if (folder / name).exists()), ""))
    except FileError as error:
        return Weights(problem=error.message)
    except OSError as error:
        return Weights(problem=f"the weights cannot be read: {error.strerror}")


def _from_shards(folder: Path) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for name in shards_of(folder / INDEX):
        found |= read_header(folder / name)
    missing = sorted(_places(folder / INDEX).keys() - found.keys())
    if missing:
        raise FileError(f"{INDEX} names {missing[0]}, which no shard holds", fix="save the model again")
    return found


def shards_of(index: Path) -> list[str]:
    """The files that an index names; a FileError when one would lie out of the folder."""
    shards = sorted(set(_places(index).values()))
    if len(shards) > MOST_SHARDS:
        raise FileError(f"{INDEX} names {len(shards):,} files", fix="save the model again")
    for name in shards:  # transformers would follow such a name out of the folder
        if name != Path(name).name or "\\" in name or name in ("", ".", ".."):
            raise FileError(f"{INDEX} points out of the folder: {name}", fix="do not load this model")
    return shards


def _places(index: Path) -> dict[str, str]:
    places = read_object(index, limit=64 * MIB).get("weight_map")
    if not isinstance(places, dict) or not all(isinstance(name, str) for name in places.values()):
        raise FileError(f"{INDEX} has no weight_map", fix="save the model again")
    return places


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


def tensors_of(folder: Path) -> Iterator[tuple[str, Path, Tensor]]:
    """Name and file of every tensor of floating-point numbers."""
    for path in files_of(folder):
        for name, tensor in read_header(path).items():
            if tensor.dtype in KINDS:
                yield name, path, tensor


def parts_of(path: Path, tensor: Tensor) -> Iterator[np.ndarray[Any, np.dtype[np.float32]]]:
    """The rows of a tensor as float32, some at a time: arrays of shape (rows, all other dimensions)."""
    import numpy as np

    rows, *others = tensor.shape or (1,)
    width = math.prod(others)
    kind = np.dtype(KINDS[tensor.dtype])
    step = max(1, CHUNK // max(1, width))
    with path.open("rb") as file:
        file.seek(tensor.start)
        for at in range(0, rows if width else 0, step):
            count = min(step, rows - at)
            found = np.frombuffer(file.read(count * width * kind.itemsize), dtype=kind)
            if tensor.dtype == "BF16":  # the upper half of a float32
                found = (found.astype("<u4") << 16).view("<f4")
            yield found.astype(np.float32, copy=False).reshape(count, width)
