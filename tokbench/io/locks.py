"""One process at a time in a folder: a lock that the system takes back when its process dies."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

from tokbench.errors import FileError
from tokbench.io.atomic import lock_file, parents_of

LOCK = "lock"  # the file's name; it says who holds it, and nothing is made of its being there
HELD: dict[tuple[int, int], int] = {}  # lock files (device, inode) of this process → the thread that has them


@contextlib.contextmanager
def one_process(folder: Path, what: str) -> Iterator[None]:
    """Hold the lock of a folder, made if need be and gone afterwards if empty; FileError naming who has it.

    `what` is what the lock is for, as the error calls it. The thread that has it may ask again. Where no
    lock can be made nothing else can be written either, which whoever writes says better.
    """
    with contextlib.ExitStack() as stack:
        handle = None
        with contextlib.suppress(OSError):
            stack.enter_context(parents_of(folder))
            handle = _locked(folder / LOCK, what)
        if handle is not None:
            stack.callback(_let_go, folder, handle)
        yield


def _let_go(folder: Path, handle: int) -> None:
    HELD.pop(_identity(handle), None)
    with contextlib.suppress(OSError):
        (folder / LOCK).unlink()  # while it is held: who gets it then looks whether it still has the name
        folder.rmdir()
    os.close(handle)


def _locked(path: Path, what: str) -> int | None:
    """The open lock file; None where this thread has it already. Another's is FileError."""
    while True:
        path.parent.mkdir(exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        if HELD.get(_identity(handle)) == threading.get_ident():
            os.close(handle)
            return None
        if not lock_file(handle):
            owner = os.read(handle, 200).decode(errors="replace").strip()
            os.close(handle)
            raise FileError(
                f"{what} is being written by {owner or 'another process'}",
                fix="wait until it ends, or choose another place with -o",
            )
        if _has_name(handle, path):
            HELD[_identity(handle)] = threading.get_ident()
            with contextlib.suppress(OSError):  # a full disk: it is held without saying by whom
                os.ftruncate(handle, 0)
                os.write(handle, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
            return handle
        os.close(handle)  # whoever had it has just let it go, and the file with it


def _has_name(handle: int, path: Path) -> bool:
    """Whether this is still the file of that name."""
    with contextlib.suppress(OSError):
        found = path.stat()
        return (found.st_dev, found.st_ino) == _identity(handle)
    return False


def _identity(handle: int) -> tuple[int, int]:
    found = os.fstat(handle)
    return found.st_dev, found.st_ino
