"""What does not fit in memory: batches and arrays in a folder of this user alone, gone at the end."""

from __future__ import annotations

import os
import pickle
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from tokbench.errors import ResourceError
from tokbench.io.atomic import scratch_folder


class Scratch:
    """A folder for what must wait on the disk, made when it is first needed."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._folder: Path | None = None
        self._files = 0

    def __enter__(self) -> Scratch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def path(self) -> Path:
        """A file that is not there yet."""
        if self._folder is None:
            with _in_words():
                self._folder = self._open.enter_context(scratch_folder())
        self._files += 1
        return self._folder / str(self._files)

    def file(self, path: Path) -> BinaryIO:
        """A new file to write to and read from, closed at the end at the latest."""
        with _in_words():
            opened = path.open("w+b", buffering=1 << 20)
        self._open.callback(_close, opened)
        return opened

    def array(self, values: NDArray[Any]) -> NDArray[Any]:
        """The same array on the disk, read through the page cache."""
        path = self.path()
        with _in_words():
            values.tofile(path)
        return np.memmap(path, values.dtype, "r")


Item = TypeVar("Item")


class Spool(Generic[Item]):
    """Batches, or other plain things, that wait on the disk, to be read again in their order."""

    def __init__(self, scratch: Scratch) -> None:
        self._path = scratch.path()
        self._file = scratch.file(self._path)

    def put(self, item: Item) -> None:
        """Write one of them."""
        with _in_words():
            pickle.dump(item, self._file, protocol=pickle.HIGHEST_PROTOCOL)

    def __iter__(self) -> Iterator[Item]:
        with _in_words():
            self._file.flush()
        size = self._file.tell()
        self._file.seek(0)
        while self._file.tell() < size:
            yield pickle.load(self._file)  # what this process wrote, where nobody else may write

    def drop(self) -> None:
        """Give its room on the disk back."""
        _close(self._file)
        self._path.unlink(missing_ok=True)


def _close(file: BinaryIO) -> None:
    """Close a file that nobody needs any more; what the disk does not take of it is no loss."""
    with suppress(OSError):
        file.close()


@contextmanager
def _in_words() -> Iterator[None]:
    """ResourceError, which says where, when the disk for temporary files takes nothing more."""
    try:
        yield
    except OSError as error:
        folder = tempfile.gettempdir()
        raise ResourceError(
            f"texts cannot wait for the next step in {folder}: {os.strerror(error.errno or 0).lower()}",
            fix="make room there, or set TMPDIR to a folder with room",
        ) from error
