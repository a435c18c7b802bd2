"""Vocabulary sizes as people write them: `2000:64000:x2`, `8000:32000:+8000` or `1000,2000,4000`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tokbench.errors import AskedWrongly

MOST = 64  # sizes: more points show no more of a curve
RANGE = re.compile(r"(\d+):(\d+):([x+])(\d+(?:\.\d+)?)")
FIX = "write 2000:64000:x2 (each twice the last), 8000:32000:+8000, or 1000,2000,4000"


def read_sizes(words: str) -> tuple[int, ...]:
    """The sizes, in rising order, each once; AskedWrongly for words that say none.

    >>> read_sizes("2000:16000:x2")
    (2000, 4000, 8000, 16000)
    >>> read_sizes("4_000, 1000")
    (1000, 4000)
    """
    plain = words.replace("_", "").replace(" ", "")
    found = RANGE.fullmatch(plain)
    parts = [] if found else plain.split(",")
    if not found and not all(part.isascii() and part.isdigit() for part in parts):
        raise AskedWrongly(f"{words!r} says no sizes", fix=FIX)
    sizes = _range(found) if found else iter(map(int, parts))
    taken: set[int] = set()
    for size in sizes:
        taken.add(size)
        if len(taken) > MOST:
            raise AskedWrongly(f"{words!r} are more than {MOST} sizes", fix="take larger steps")
    if 0 in taken or not taken:
        raise AskedWrongly(f"{words!r} says no size above 0", fix=FIX)
    return tuple(sorted(taken))


def _range(found: re.Match[str]) -> Iterator[int]:
    """From the first to the last, by factor or by step."""
    size, last, step = float(found[1]), int(found[2]), float(found[4])
    if (found[3] == "x" and step <= 1) or step <= 0:
        raise AskedWrongly(f"{found[0]} never grows", fix=FIX)
    while 0 < size <= last:
        yield round(size)
        size = size * step if found[3] == "x" else size + step
