"""Bytes that take long to make, in the user's cache folder; made anew when they are gone or damaged."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tokbench.errors import FileError, ResourceError
from tokbench.io.atomic import atomic_file

DIGEST_BYTES = 32


def get_or_make(name: str, make: Callable[[], bytes]) -> bytes:
    """The bytes of this name, or those that `make` makes, then cached if the folder can be written to."""
    found = read_cached(name)
    if found is None:
        found = make()
        put_in_cache(name, found)
    return found


def read_cached(name: str) -> bytes | None:
    """The bytes of this name, or None when there are none or they are damaged."""
    with suppress(OSError):
        return _read(cache_folder() / name)
    return None


def put_in_cache(name: str, content: bytes) -> None:
    """Store these bytes under this name with their digest, if the folder can be written to."""
    with suppress(OSError):  # this user has no home
        write_if_possible(cache_folder() / name, hashlib.sha256(content).digest() + content)


def write_if_possible(path: Path, content: bytes) -> bool:
    """Whether this user's own file could be written; a cache that cannot costs time and nothing else."""
    try:
        with atomic_file(path, private=True) as beside:
            beside.write_bytes(content)
    except (FileError, ResourceError):
        return False
    return True


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


def _read(path: Path) -> bytes | None:
    """What is there, unless it is not what was written."""
    content = path.read_bytes()
    digest, content = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
    return content if hashlib.sha256(content).digest() == digest else None
