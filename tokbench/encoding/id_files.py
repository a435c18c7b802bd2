"""Files of ids: JSON lines, raw numbers, arrays of numpy, Arrow; written as they come, and read back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from tokbench.errors import DataError, FileError
from tokbench.io.extras import require
from tokbench.io.json_files import read_object
from tokbench.native.ragged import concatenated

if TYPE_CHECKING:
    from tokbench.native.ragged import Ragged

STARTS = np.dtype("<i8")
MOST_IDS = 1 << 20  # that are written as text in one go


class IdFile(Protocol):
    """Takes ids as they come; whole once it is closed."""

    def write(self, encoded: Ragged) -> None:
        """Add texts."""

    def close(self) -> None:
        """Write what is known only at the end."""


class JsonLines:
    """One object a line: {"ids": [1, 2]}."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, encoded: Ragged) -> None:
        """Add texts."""
        if len(encoded.ids) > MOST_IDS:
            for row in range(len(encoded)):
                self._row(encoded[row])
            return
        ids = encoded.ids.tolist()  # a list of numbers looks the same in Python and in JSON
        lines = [f'{{"ids": {ids[start:end]}}}\n' for start, end in pairwise(encoded.starts.tolist())]
        self._stream.write("".join(lines).encode())

    def _row(self, ids: NDArray[Any]) -> None:
        """Add one text of any length, some of its ids at a time."""
        self._stream.write(b'{"ids": [')
        for start in range(0, len(ids), MOST_IDS):
            comma = ", " if start else ""
            self._stream.write((comma + str(ids[start : start + MOST_IDS].tolist())[1:-1]).encode())
        self._stream.write(b"]}\n")

    def close(self) -> None:
        """Write what is in the stream's buffer; the stream stays open."""
        self._stream.flush()


class IdFiles:
    """All ids one after the other, and beside them where each text begins, with the end of the last."""

    def __init__(self, ids: BinaryIO, starts: BinaryIO, dtype: np.dtype[Any]) -> None:
        self._ids, self._starts, self._dtype = ids, starts, dtype
        self._texts, self._tokens = 0, 0
        self._starts.write(np.zeros(1, STARTS).tobytes())

    def write(self, encoded: Ragged) -> None:
        """Add texts."""
        self._ids.write(encoded.ids.astype(self._dtype).data)
        self._starts.write((encoded.starts[1:] + self._tokens).astype(STARTS).data)
        self._tokens += len(encoded.ids)
        self._texts += len(encoded)

    @property
    def sizes(self) -> tuple[int, int]:
        """How many ids and how many starts there are."""
        return self._tokens, self._texts + 1

    def close(self) -> None:
        """End both files."""
        self._ids.close()
        self._starts.close()


class Bin(IdFiles):
    """Raw numbers: NAME.bin, NAME.starts.bin, and in NAME.json what they are."""

    def __init__(self, path: Path, dtype: np.dtype[Any]) -> None:
        self._path, starts = path, path.with_suffix(".starts.bin")
        super().__init__(path.open("wb"), starts.open("wb"), dtype)

    def close(self) -> None:
        """End both files and describe them."""
        super().close()
        facts = {
            "ids": self._path.name,
            "dtype": self._dtype.name,
            "tokens": self._tokens,
            "starts": self._path.with_suffix(".starts.bin").name,
            "starts_dtype": STARTS.name,
            "texts": self._texts,
            "byteorder": "little",
        }
        text = json.dumps(facts, indent=2) + "\n"
        self._path.with_suffix(".json").write_text(text, encoding="utf-8", newline="\n")


class Npy(IdFiles):
    """Arrays of numpy: NAME.npy and NAME.starts.npy, which numpy.load can map into memory."""

    def __init__(self, path: Path, dtype: np.dtype[Any]) -> None:
        files = [(path.open("wb"), dtype), (path.with_suffix(".starts.npy").open("wb"), STARTS)]
        for file, kind in files:
            _write_head(file, kind, 0)
        super().__init__(files[0][0], files[1][0], dtype)

    def close(self) -> None:
        """Write the sizes into the heads, for which numpy leaves room, and end both files."""
        heads = zip((self._ids, self._starts), (self._dtype, STARTS), self.sizes, strict=True)
        for file, dtype, size in heads:
            file.seek(0)
            _write_head(file, dtype, size)
        super().close()


def _write_head(file: BinaryIO, dtype: np.dtype[Any], size: int) -> None:
    head = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": (size,)}
    np.lib.format.write_array_header_1_0(file, head)


class Arrow:
    """A stream of Arrow with a column of lists, `ids`, as the datasets library reads and maps it."""

    def __init__(self, path: Path, dtype: np.dtype[Any]) -> None:
        import pyarrow as pa

        self._pa, self._dtype = pa, dtype
        self._schema = pa.schema([("ids", pa.list_(pa.from_numpy_dtype(dtype)))])
        self._writer = pa.ipc.new_stream(str(path), self._schema)

    def write(self, encoded: Ragged) -> None:
        """Add texts."""
        starts: NDArray[np.int32] = encoded.starts.astype(np.int32)
        ids = self._pa.ListArray.from_arrays(starts, encoded.ids.astype(self._dtype))
        self._writer.write_batch(self._pa.record_batch([ids], schema=self._schema))

    def close(self) -> None:
        """End the stream."""
        self._writer.close()


class _JsonLinesFile(JsonLines):
    """JSON lines in a file of their own."""

    def __init__(self, path: Path, dtype: np.dtype[Any]) -> None:
        super().__init__(path.open("wb"))

    def close(self) -> None:
        """End the file."""
        self._stream.close()


class IdArrays:
    """Arrays in memory, while they grow."""

    def __init__(self) -> None:
        self._parts: list[Ragged] = []

    def write(self, encoded: Ragged) -> None:
        """Add texts."""
        self._parts.append(encoded)

    def close(self) -> None:
        """There is nothing to end."""

    def arrays(self) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """All ids (tokens,), and where each text starts and the last one ends (texts + 1,)."""
        whole = concatenated(self._parts)
        return whole.ids.astype(np.int32), whole.starts


FORMATS: dict[str, Callable[[Path, np.dtype[Any]], IdFile]] = {
    "jsonl": _JsonLinesFile,
    "npy": Npy,
    "bin": Bin,
    "arrow": Arrow,
}


COLUMNS = ("ids", "input_ids")  # of tables and objects of ids
READABLE = "jsonl, npy, bin, arrow or txt"


def read_ids(path: Path) -> Iterator[list[int]]:
    """The ids of each text in a file: one that encode wrote, an array with a row a text, or numbers in lines.

    Raises FileError for a file that is not there or of another kind, DataError by place for what is no id.
    """
    if not path.is_file():
        raise FileError(f"there is no file {path}", fix=f"name a file of ids: {READABLE}")
    reader = READERS.get(path.suffix)
    if reader is None:
        raise FileError(
            f"{path.name} does not say by its name which file of ids it is",
            fix=f"end it in one of {' '.join(READERS)}",
        )
    return reader(path)


def lines_of_ids(lines: Iterable[str], name: str) -> Iterator[list[int]]:
    """The ids of each line: a JSON object or list of them, or numbers between spaces or commas.

    >>> list(lines_of_ids(['{"ids": [1, 2]}', "[3]", "4 5, 6", ""], "stdin"))
    [[1, 2], [3], [4, 5, 6], []]
    """
    for number, line in enumerate(lines, 1):
        place = f"{name}, line {number}"
        try:
            if line.lstrip()[:1] in ("{", "["):
                found = json.loads(line)
                if isinstance(found, dict):
                    found = next((found[key] for key in COLUMNS if key in found), None)
            else:
                found = [int(word) for word in line.replace(",", " ").split()]
        except (ValueError, RecursionError) as error:
            raise DataError(f"{place} holds no ids: {line.strip()[:40]!r}", fix="ids are numbers") from error
        yield _checked(found, place)


def _checked(found: object, place: str) -> list[int]:
    """The ids; DataError where these are none."""
    if not isinstance(found, list) or not all(type(each) is int and each >= 0 for each in found):
        raise DataError(
            f"{place} holds no list of ids", fix='an object with "ids" or "input_ids", or numbers alone'
        )
    return found


def _read_lines(path: Path) -> Iterator[list[int]]:
    with path.open(encoding="utf-8-sig") as file:
        try:
            yield from lines_of_ids(file, path.name)
        except UnicodeDecodeError as error:
            raise DataError(f"{path.name} is not UTF-8", fix=f"name a file of ids: {READABLE}") from error


def _read_npy(path: Path) -> Iterator[list[int]]:
    ids, beside = _array(path), path.with_suffix(".starts.npy")
    if ids.ndim == 2:
        return (row.tolist() for row in ids)
    if not beside.is_file():
        return iter([ids.tolist()])
    return _split(ids, _array(beside), path)


def _array(path: Path) -> NDArray[Any]:
    """An array of whole numbers in one or two dimensions, never a pickle."""
    try:
        found: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise DataError(f"{path.name} is no array of ids: {error}", fix="write it with numpy.save") from error
    if not isinstance(found, np.ndarray) or found.ndim not in (1, 2) or found.dtype.kind not in "iu":
        raise DataError(f"{path.name} is no array of ids", fix="an array of whole numbers, a row a text")
    return found


def _read_bin(path: Path) -> Iterator[list[int]]:
    facts = read_object(path.with_suffix(".json"))
    try:
        dtype, starts = np.dtype(str(facts["dtype"])), path.with_name(str(facts["starts"]))
        whole = {"i": dtype, "u": dtype}[dtype.kind]  # ids are whole numbers
        ids: NDArray[Any] = np.fromfile(path, whole.newbyteorder("<"))
        return _split(ids, np.fromfile(starts, STARTS), path)
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise DataError(
            f"{path.with_suffix('.json').name} does not say what {path.name} holds", fix="encode it again"
        ) from error


def _split(ids: NDArray[Any], starts: NDArray[Any], path: Path) -> Iterator[list[int]]:
    if (
        starts.ndim != 1
        or len(starts) == 0
        or starts[0] != 0
        or starts[-1] != len(ids)
        or (np.diff(starts) < 0).any()
    ):
        raise DataError(f"the starts beside {path.name} are not those of its texts", fix="encode it again")
    return (ids[start:end].tolist() for start, end in pairwise(starts.tolist()))


def _read_arrow(path: Path) -> Iterator[list[int]]:
    require("pyarrow", extra="data", what="reading Arrow")
    import pyarrow as pa

    try:
        stream = pa.ipc.open_stream(pa.memory_map(str(path)))
        column = next((name for name in COLUMNS if name in stream.schema.names), "")
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{path.name} is no stream of Arrow", fix="write it with encode -o") from error
    if not column:
        raise DataError(f"{path.name} has no column of ids", fix=f"name it {' or '.join(COLUMNS)}")
    return (_checked(row, path.name) for batch in stream for row in batch.column(column).to_pylist())


READERS: dict[str, Callable[[Path], Iterator[list[int]]]] = {
    ".jsonl": _read_lines,
    ".txt": _read_lines,
    ".npy": _read_npy,
    ".bin": _read_bin,
    ".arrow": _read_arrow,
}
