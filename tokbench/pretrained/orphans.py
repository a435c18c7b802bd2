"""Temporary folders beside a place: their names and locks, and the end of those a killed process left."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

MARK = "-tokbench-tmp-"
ASIDE = "-aside"  # an old folder between the two renames of a system that cannot exchange two names


@contextlib.contextmanager
def temporary_beside(place: Path) -> Iterator[Path]:
    """A folder with the rights any new folder gets, locked while its process lives, gone afterwards."""
    folder = place.with_name(f"{_prefix(place)}{os.getpid()}-{secrets.token_hex(4)}")
    folder.mkdir()
    try:
        with _opened(folder) as handle:
            _lock(handle)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # after an exchange of names: the old folder


def sweep(place: Path) -> None:
    """Remove what killed processes left beside `place`; an old folder that they had put aside comes back."""
    for left in sorted(place.parent.glob(f"{_escaped(_prefix(place))}*")):
        if not _is_orphan(left):
            continue
        if left.name.endswith(ASIDE) and not os.path.lexists(place):
            left.rename(place)
        else:
            shutil.rmtree(left, ignore_errors=True)


def _prefix(place: Path) -> str:
    """File names end at 255 bytes, so a long one is cut."""
    return f".{place.name.encode()[:180].decode(errors='ignore')}{MARK}"


def _escaped(prefix: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in prefix)


def _is_orphan(folder: Path) -> bool:
    pid = folder.name.rpartition(MARK)[2].partition("-")[0]
    if not pid.isdigit() or _is_alive(int(pid)):
        return False
    try:
        with _opened(folder) as handle:
            return _lock(handle)  # the process may live in another container
    except OSError:  # not a folder, or just removed by another
        return False


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _lock(handle: int) -> bool:
    """Whether nobody else holds the folder; on a disk without locks, nobody does."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EWOULDBLOCK, errno.EACCES)
    return True


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[int]:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield handle
    finally:
        os.close(handle)
