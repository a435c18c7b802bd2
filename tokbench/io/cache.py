"""Bytes that take long to make, kept in the user's cache folder and made anew when gone or damaged."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

DIGEST_BYTES = 32


def get_or_make(name: str, make: Callable[[], bytes]) -> bytes:
    """The bytes of this name, or those that `make` makes, then kept if the folder can be written to."""
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
    """Keep these bytes under this name, if the folder can be written to."""
    with suppress(OSError):  # a cache that cannot be written costs time and nothing else
        put_whole(cache_folder() / name, hashlib.sha256(content).digest() + content)


def is_cached(name: str) -> bool:
    """Whether there are whole bytes of this name."""
    return read_cached(name) is not None


def cache_folder() -> Path:
    """Where this user's caches belong on this system, with a folder of our own in it.

    Raises OSError for a user without a home, as some containers have.
    """
    chosen = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    if chosen:
        return Path(chosen, "tokbench")
    try:
        home = Path("~").expanduser()
    except RuntimeError as unknown:
        raise FileNotFoundError("this user has no home folder") from unknown
    return home / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "tokbench"


def _read(path: Path) -> bytes | None:
    """What is kept there, unless it is not what was written."""
    content = path.read_bytes()
    digest, content = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
    return content if hashlib.sha256(content).digest() == digest else None


def put_whole(path: Path, content: bytes, *, mode: int = 0o777) -> None:
    """Write beside it, then rename: another process sees all of it or nothing; the file is this user's alone.

    `mode` is that of its folder, where that has to be made. What a killed process leaves ends in .part.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=mode)
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
        try:
            file.write(content)
            file.close()
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
