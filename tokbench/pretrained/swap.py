"""A folder takes its place whole, or nothing changes: not on an error, not on Ctrl-C, not on a kill."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from safetensors import SafetensorError

from tokbench.errors import FileProblem, OutOfRoom, TokbenchError
from tokbench.pretrained.orphans import ASIDE, MARK, sweep, temporary_beside
from tokbench.pretrained.place import ELSEWHERE, ensure_free

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
TAKEN = (errno.EEXIST, errno.ENOTEMPTY)
REFUSED = (
    errno.EROFS, errno.EACCES, errno.EPERM, errno.EBUSY, errno.EXDEV, errno.ENAMETOOLONG, errno.ENOENT,
)  # fmt: skip
NOREPLACE, EXCHANGE = 1, 2  # linux/fs.h: RENAME_NOREPLACE, RENAME_EXCHANGE
AT_FDCWD = -100  # linux/fcntl.h: paths are as they are
NOT_HERE = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP)


@contextlib.contextmanager
def replacing(out: Path, *, force: bool = False) -> Iterator[Path]:
    """A new folder beside `out` to write into; at the end it takes out's place, and what was there goes.

    Whatever happens inside, `out` stays as it was until the new folder is complete and on the disk.
    """
    place = ensure_free(out, force=force)
    with _in_words(out, place), _parents_of(place):
        sweep(place)
        with temporary_beside(place) as folder:
            yield folder
            _to_disk(folder)
            _take_place(folder, place, force=force)


@contextlib.contextmanager
def _parents_of(place: Path) -> Iterator[None]:
    """Make the folders above; take them away again when nothing was put into them."""
    made = [folder for folder in place.parents if not folder.exists()]
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        for folder in made:
            with contextlib.suppress(OSError):  # in use: all went well, or somebody else came
                folder.rmdir()


def _to_disk(folder: Path) -> None:
    """Give all files the rights of new files (some writers make them private) and send them to the disk.

    A rename may reach the disk before the data it names, unless the data are sent first.
    """
    mode = folder.stat().st_mode & 0o666
    for path, _, files in os.walk(folder):
        for name in files:
            Path(path, name).chmod(mode)
            _sync(Path(path, name))
        _sync(Path(path))


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _take_place(folder: Path, place: Path, *, force: bool) -> None:
    if force and place.is_dir():
        ensure_free(place, force=True)  # it may have changed while the work went on
        if not _rename(folder, place, EXCHANGE):
            _rename_twice(folder, place)
    elif not _rename(folder, place, NOREPLACE):
        folder.rename(place)
    _sync(place.parent)


def _rename(old: Path, new: Path, flag: int) -> bool:
    """Linux's renameat2; False where the system or the disk does not have it."""
    function = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if function is None:
        return False
    if function(AT_FDCWD, os.fsencode(old), AT_FDCWD, os.fsencode(new), flag) == 0:
        return True
    number = ctypes.get_errno()
    if number in NOT_HERE:
        return False
    raise OSError(number, os.strerror(number), str(new))


def _rename_twice(folder: Path, place: Path) -> None:
    aside = folder.with_name(folder.name + ASIDE)
    place.rename(aside)
    try:
        folder.rename(place)
    except BaseException:
        aside.rename(place)
        raise
    shutil.rmtree(aside, ignore_errors=True)


@contextlib.contextmanager
def _in_words(out: Path, place: Path) -> Iterator[None]:
    """Say what the disk refused; errors about other files than ours go through as they are."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        if found := _sentence(error, out, place):
            raise found from error
        raise


def _sentence(error: OSError | SafetensorError, out: Path, place: Path) -> TokbenchError | None:
    number, ours = _number(error), _is_ours(error, place)
    if number in FULL:
        return OutOfRoom(
            f"the disk is full: {out} was not written, and what was there before is untouched",
            fix="make room, or choose a place on another disk with -o",
        )
    if ours and number in TAKEN:
        return FileProblem(f"{out} appeared while the work went on, and is left as it is", fix=ELSEWHERE)
    if ours and number in REFUSED:
        return FileProblem(f"{out} cannot be written: {os.strerror(number)}", fix=ELSEWHERE)
    return None


def _number(error: OSError | SafetensorError) -> int:
    """The system's error number; the writer of weights tells it in its text only."""
    if isinstance(error, OSError):
        return error.errno or 0
    found = re.search(r"os error (\d+)", str(error))
    return int(found[1]) if found else 0


def _is_ours(error: OSError | SafetensorError, place: Path) -> bool:
    name = getattr(error, "filename", None)
    return name is None or MARK in str(name) or place.is_relative_to(str(name))
