"""One file written whole or not at all: beside its place first, then renamed."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tokbench.errors import FileProblem, OutOfRoom

ELSEWHERE = "choose another place with -o"
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def ensure_free(path: Path, *, magic: bytes = b"", force: bool = False) -> None:
    """FileProblem when no file may be written there; with `force` one that begins with `magic` may go."""
    if path.is_dir():
        raise FileProblem(f"{path} is a folder, and the output is a file", fix=ELSEWHERE)
    if path.is_symlink():
        raise FileProblem(f"{path} is a link; links are not written through", fix=f"-o {path.resolve()}")
    if path.exists():
        if not force:
            raise FileProblem(f"{path} exists already", fix=f"add --force to replace it, or {ELSEWHERE}")
        if not _begins_with(path, magic):
            raise FileProblem(f"{path} is not replaced: it is a file of another kind", fix=ELSEWHERE)
    above = next(folder for folder in path.absolute().parents if folder.exists())
    if not above.is_dir():
        raise FileProblem(f"{path} cannot be made: {above} is a file", fix=ELSEWHERE)
    if not os.access(above, os.W_OK | os.X_OK):
        raise FileProblem(f"{path} cannot be made: {above} is read-only for you", fix=ELSEWHERE)


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A name beside `path` to write to; at the end it takes its place, and on any error it is gone."""
    name = path.name.encode()[:180].decode(errors="ignore")
    beside = path.with_name(f".{name}-tokbench-tmp-{os.getpid()}-{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield beside
        _sync(beside)
        beside.replace(path)
        _sync(path.parent)
    except OSError as error:
        raise _in_words(error, path) from error
    finally:
        with suppress(NotADirectoryError):  # what should hold it is a file, as was said above
            beside.unlink(missing_ok=True)


def _in_words(error: OSError, path: Path) -> FileProblem | OutOfRoom:
    if error.errno in FULL:
        return OutOfRoom(
            f"the disk is full: {path} was not written, and what was there before is untouched",
            fix="make room, or choose a place on another disk with -o",
        )
    return FileProblem(f"{path} cannot be written: {error.strerror or error}", fix=ELSEWHERE)


def _begins_with(path: Path, magic: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(magic)) == magic


def _sync(path: Path) -> None:
    """Send it to the disk: a rename may reach it before the data it names."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
