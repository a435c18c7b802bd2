"""Files of ids, written as the ids come: JSON lines, flat arrays with a start per text, Arrow."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from tokbench.errors import MissingExtra
from tokbench.training.encoding import EncodedTexts

STARTS = np.dtype("<i8")


class IdFile(Protocol):
    """Takes ids as they come; whole once it is closed."""

    def write(self, encoded: EncodedTexts) -> None:
        """Add texts."""

    def close(self) -> None:
        """Write what is known only at the end."""


class JsonLines:
    """One object a line: {"ids": [1, 2]}."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, encoded: EncodedTexts) -> None:
        """Add texts."""
        ids = encoded.ids.tolist()  # a list of numbers looks the same in Python and in JSON
        lines = [f'{{"ids": {ids[start:end]}}}\n' for start, end in pairwise(encoded.starts.tolist())]
        self._stream.write("".join(lines).encode())

    def close(self) -> None:
        """Write what is in the stream's buffer; the stream stays open."""
        self._stream.flush()


class Flat:
    """All ids one after the other, and beside them where each text begins, with the end of the last."""

    def __init__(self, ids: BinaryIO, starts: BinaryIO, dtype: np.dtype[Any]) -> None:
        self._ids, self._starts, self._dtype = ids, starts, dtype
        self._texts, self._tokens = 0, 0
        self._starts.write(np.zeros(1, STARTS).tobytes())

    def write(self, encoded: EncodedTexts) -> None:
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


class Bin(Flat):
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


class Npy(Flat):
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

    def write(self, encoded: EncodedTexts) -> None:
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


FORMATS: dict[str, Callable[[Path, np.dtype[Any]], IdFile]] = {
    "jsonl": _JsonLinesFile,
    "npy": Npy,
    "bin": Bin,
    "arrow": Arrow,
}


def need_packages(format_: str) -> None:
    """Nothing, or an error that names the package that this format needs."""
    if format_ == "arrow" and find_spec("pyarrow") is None:
        raise MissingExtra("writing Arrow", "pyarrow", extra="data")
