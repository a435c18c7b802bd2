"""A tokenizer.json read without its vocabulary and merges, which are nearly all of it: 0.1 s, not 0.5.

The values of the keys "vocab" and "merges" are cut out of the bytes, and the rest is read as JSON. Where such
a value ends is told by the quotes before a bracket: one that is inside of a string has an odd number of them,
those that a backslash escapes left out. What is not found so, or found in another place than in the model,
is left to a reader of the whole file; and the library reads all of it in any case.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tokbench.io.json_files import uncollected

LEARNED = ("vocab", "merges")
BEGINS = re.compile(rb'"(vocab|merges)"\s*:\s*(\{|\[\s*[\["])')
ENDS = {
    b"{": re.compile(rb"\}"),  # token → id: no bracket within
    b"[": re.compile(rb"\]\s*\]"),  # a list of lists
    b'"': re.compile(rb'"\s*\]'),  # a list of strings
}
CUT = "\x00left out\x00"


def outline_of(content: bytes) -> Mapping[str, Any] | None:
    r"""What a tokenizer.json says beside vocabulary and merges; None where that cannot be told apart.

    >>> outline_of(rb'{"model": {"type": "BPE", "vocab": {"\"}": 0, "]": 1}, "merges": [["]", "]"]]}}')
    {'model': {'type': 'BPE'}}
    """
    parts, begun, names = [], 0, []
    for name, start, end in _learned(content):
        parts += [content[begun:start], json.dumps(CUT).encode()]
        begun = end
        names.append(name)
    try:
        with uncollected():
            found = json.loads(b"".join([*parts, content[begun:]]).decode())
    except (ValueError, RecursionError):
        return None
    model = found.get("model") if isinstance(found, dict) else None
    once = len(set(names)) == len(names)
    if not isinstance(model, dict) or not once or any(model.get(name) != CUT for name in names):
        return None
    others = {name: value for name, value in model.items() if name not in LEARNED}
    return {**found, "model": others}


def _learned(content: bytes) -> Iterator[tuple[str, int, int]]:
    """Name, start and end of each value that is left out, as far as they are found."""
    at = 0
    while key := _outside(content, BEGINS, at):
        end = _outside(content, ENDS[key[2][-1:]], key.start(2))
        if end is None:
            return
        yield key[1].decode(), key.start(2), end.end()
        at = end.end()


def _outside(content: bytes, pattern: re.Pattern[bytes], at: int) -> re.Match[bytes] | None:
    """The first match from a place on, itself outside of strings, whose end is outside of strings."""
    inside = False
    for found in pattern.finditer(content, at):
        inside ^= _quotes(content, at, found.end() - 1) % 2 == 1
        at = found.end() - 1
        if not inside:
            return found
    return None


def _quotes(content: bytes, start: int, end: int) -> int:
    """How many quotes of these bytes begin or end a string."""
    part = content[start:end]
    escaped = part.replace(rb"\\", b"").count(rb"\"") if b"\\" in part else 0
    return part.count(b'"') - escaped
