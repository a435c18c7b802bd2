"""Bytes that take long to make, in the user's cache folder; made anew when gone, damaged or not ours.

What is read here is run as machine code, trusted by it, or trained on: nobody else may have been able to
write it.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tokbench.errors import FileError, ResourceError
from tokbench.io.atomic import atomic_file

DIGEST_BYTES = 32
OTHERS = stat.S_IWGRP | stat.S_IWOTH


def get_or_make(name: str, make: Callable[[], bytes]) -> bytes:
    """The bytes of this name, or those that `make` makes, then cached if the folder can be written to."""
    found = read_cached(name)
    if found is None:
        found = make()
        put_in_cache(name, found)
    return found


def read_cached(name: str) -> bytes | None:
    """The bytes of this name; None where there are none, they are damaged, or could be a stranger's."""
    with suppress(OSError):
        path = cache_folder() / name
        return _whole(path.read_bytes()) if is_ours(path) else None
    return None


def is_ours(path: Path) -> bool:
    """Whether only this user could have written a cached file; why it is not used is said at the end.

    Raises OSError where there is no such file.
    """
    why = why_not_private(path)
    if why:
        TROUBLES[str(path.parent)] = f"what is in the cache {path.parent} is not used: {why}"
    return not why


def put_in_cache(name: str, content: bytes) -> None:
    """Store these bytes under this name with their digest, if the folder can be written to."""
    try:
        folder = cache_folder()
    except OSError as error:  # this user has no home
        TROUBLES[""] = f"there is no cache, so every run makes anew what it could keep: {error}"
        return
    if str(folder) not in TROUBLES:
        write_if_possible(folder / name, hashlib.sha256(content).digest() + content)


def write_if_possible(path: Path, content: bytes) -> bool:
    """Whether this user's own file could be written; a cache that cannot costs time and nothing else."""
    try:
        with atomic_file(path, private=True) as beside:
            beside.write_bytes(content)
    except (FileError, ResourceError) as error:
        TROUBLES[str(path.parent)] = f"every run makes anew what the cache could keep: {error.message}"
        return False
    return True


TROUBLES: dict[str, str] = {}  # folder: why this process could not use it as a cache; said once, at the end


def why_not_private(path: Path) -> str:
    """Why somebody else could have written this file, or "" when only this user and root could.

    The file and its folder must be this user's and writable by no other; the folders above may be root's, and
    open to others where these cannot move what is not theirs (the sticky bit, as /tmp has).
    """
    me = os.geteuid()
    for place in (path, path.parent):
        found = place.stat()
        if found.st_uid != me:
            return f"{place} belongs to another user"
        if found.st_mode & OTHERS:
            return f"others may write to {place}"
    for place in path.parent.resolve().parents:
        found = place.stat()
        if found.st_uid not in (me, 0):
            return f"{place} belongs to another user"
        if found.st_mode & stat.S_IWOTH and not found.st_mode & stat.S_ISVTX:
            return f"others may write to {place}"
    return ""


def is_cached(name: str) -> bool:
    """Whether there are whole bytes of this name."""
    return read_cached(name) is not None


def cache_folder() -> Path:
    """Where this user's caches belong on this system, with a folder of our own in it.

    Raises OSError for a user without a home, as some containers have.
    """
    chosen = os.environ.get("XDG_CACHE_HOME")
    if chosen:
        return Path(chosen, "tokbench")
    try:
        home = Path("~").expanduser()
    except RuntimeError as unknown:
        raise FileNotFoundError("this user has no home folder") from unknown
    return home / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "tokbench"


def _whole(content: bytes) -> bytes | None:
    """What was put in, unless it is not that any more."""
    digest, content = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
    return content if hashlib.sha256(content).digest() == digest else None
