"""Tokenizers that run away: found before they are loaded, and tried in a process that may die of it."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer

from tokbench.checks.context import SAMPLES
from tokbench.pretrained.folder import growth_of
from tokbench.recipes.validate import empty_tokens
from tokbench.tracing.spelling import blocks_of

SECONDS, MEMORY = 10, 4 << 30
LONG = 32  # characters that a Replace or Prepend of an honest tokenizer does not put in
MOST_TEXTS = 4  # times that a template has the text in it


def hazard(raw: Mapping[str, Any], file: Path) -> str:
    """How the library fares with an odd file: "" when it comes through, or nothing in it is odd.

    `raw` is what the file holds. Only what cannot be caught in Python is told: a hang, an abort, all memory
    taken.
    """
    if growth := growth_of(raw):
        return growth
    if nothing := _searched_for_nothing(raw):
        return nothing
    odd = next(_oddities(raw), "")
    request = {"file": str(file), "memory": MEMORY, "texts": list(SAMPLES.values())}
    return f"{ending} ({odd})" if odd and (ending := _ending(request, SECONDS)) else ""


def _searched_for_nothing(raw: Mapping[str, Any]) -> str:
    """Why added tokens of which the normalizer leaves nothing are dangerous here; "" where they are not.

    Nothing is found everywhere, and a token with lstrip beside it makes the library (0.23.3) go back over
    what it has cut: it panics on some texts and takes all memory on others.
    """
    listed = [each for each in raw.get("added_tokens") or () if isinstance(each, Mapping)]
    looked_for = [AddedToken(str(each.get("content"))) for each in listed if each.get("normalized")]
    if not looked_for or not raw.get("normalizer") or not any(each.get("lstrip") for each in listed):
        return ""
    bare = {"version": "1.0", "added_tokens": [], "model": EMPTY, "normalizer": raw["normalizer"]}
    try:
        normalizer = Tokenizer.from_str(json.dumps(bare)).normalizer
        empty = empty_tokens(normalizer, looked_for)
    except Exception:  # the library's own, for a normalizer that it cannot read: other rules say so
        return ""
    return f"its normalizer leaves nothing of the added token {empty[0]!r}" if empty else ""


def _oddities(raw: Mapping[str, Any]) -> Iterator[str]:
    """What may make the library run away, in words."""
    for place in ("normalizer", "pre_tokenizer", "decoder", "post_processor"):
        for block in _blocks(raw.get(place)):
            kind = f"{block.get('type')} in {place}"
            if any(
                isinstance(block.get(key), str) and len(block[key]) > LONG for key in ("content", "prepend")
            ):
                yield f"{kind} puts in a long text"
            if sum(map(_growing, _blocks(raw.get(place)))) > 1:
                yield f"several blocks in {place} make a text longer"
            if block.get("type") == "Precompiled" and not _is_charsmap(block.get("precompiled_charsmap")):
                yield f"{kind} is damaged"
            if any(str(block.get(key)).count("'Sequence'") > MOST_TEXTS for key in ("single", "pair")):
                yield f"{kind} repeats the text"
    sizes = [value for value in _numbers(raw.get("padding")) if value > 1 << 20]
    if sizes:
        yield f"padding to {sizes[0]:,} tokens"


def _growing(block: Mapping[str, Any]) -> bool:
    """Whether a block may put in several characters for one."""
    pattern = block.get("pattern")
    found = next(iter(pattern.values()), "") if isinstance(pattern, Mapping) else ""
    content = block.get("content")
    return (
        block.get("type") == "Replace" and isinstance(content, str) and len(content) > max(3, len(str(found)))
    )


def _blocks(block: object) -> Iterator[Mapping[str, Any]]:
    """A block, or all in it."""
    if isinstance(block, Mapping):
        yield block
        for value in block.values():
            if isinstance(value, list) and "type" in block:
                for each in value[:1_000]:
                    yield from _blocks(each)


def _is_charsmap(text: object) -> bool:
    """Whether the first number of a character map, the size of its table, fits what follows."""
    try:
        data = base64.b64decode(str(text), validate=True)
    except ValueError:
        return False
    size = int.from_bytes(data[:4], "little")
    return len(data) > 8 and size % 4 == 0 and 0 < size <= len(data) - 4


def _numbers(value: object) -> Iterator[int]:
    if isinstance(value, Mapping):
        for each in value.values():
            yield from _numbers(each)
    elif isinstance(value, int):
        yield value


def _ending(request: Mapping[str, Any], seconds: float) -> str:
    """How a worker ends that does this; "" when it just ends. It says itself what it was about last."""
    child = Path(__file__).with_name("load_worker.py")
    try:
        done = subprocess.run(
            [sys.executable, "-P", str(child)],
            input=json.dumps(request).encode(),
            capture_output=True,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired as stopped:
        last = (stopped.stdout or b"").decode(errors="replace").rpartition("\n")[2]
        what = last or "the library"
        return f"{what} had not come to an end after {seconds:g} seconds"
    if done.returncode < 0:
        return f"the library ended the process with signal {-done.returncode}"
    if b"MemoryError" in done.stderr:
        return f"the library took all of {MEMORY >> 30} GiB of memory"
    return done.stdout.decode().rpartition("\n")[2]


TRIED_SECONDS = 5  # for all texts together; an honest pattern takes a tenth of one
UNITS = ("a", "A", "1", " ", "\n", "!", "'", "é", "한")  # of the classes that patterns speak of
ENDS = ("", "!", "a", "!\x00")
LENGTHS = (32, 2_000)  # where an exponential and where a cubic number of steps passes the library's limit
LITERAL = re.compile(r"\\.|[^\W_]{1,8}|\s")
EMPTY = {"type": "BPE", "vocab": {}, "merges": []}


def runaway_text(raw: Mapping[str, Any]) -> str:
    """A text on which a regular expression of the blocks runs away, in words; "" when none is found.

    Repeated letters that the pattern names, and some of each class, with an end that makes it go back: the
    texts on which nested repetitions take exponentially many steps (Weideman et al. 2016). They are tried on
    the blocks alone, in a worker that is stopped after some seconds.
    """
    patterns = [
        str(block["pattern"]["Regex"])
        for place in ("normalizer", "pre_tokenizer")
        for block in blocks_of(raw, place)
        if isinstance(block.get("pattern"), Mapping) and "Regex" in block["pattern"]
    ]
    if not any(map(_repeats, patterns)):
        return ""
    places = {place: raw.get(place) for place in ("normalizer", "pre_tokenizer")}
    blocks: dict[str, Any] = {"version": "1.0", "added_tokens": [], "model": EMPTY, **places}
    texts = list(dict.fromkeys(text for pattern in patterns for text in _attacks(pattern)))
    request = {"blocks": json.dumps(blocks), "memory": MEMORY, "texts": texts}
    return _ending(request, TRIED_SECONDS)


def _repeats(pattern: str) -> bool:
    """Whether a pattern repeats something as often as it likes."""
    return any(sign in pattern for sign in "*+") or bool(re.search(r"\{\d*,\d*\}", pattern))


def _attacks(pattern: str) -> Iterator[str]:
    named = [each for each in LITERAL.findall(pattern) if not each.startswith("\\")]
    last = [f"{named[-1]}\x00"] if named else []  # what a search for the pattern's own end does not skip
    for unit in dict.fromkeys((*UNITS, *named[:MOST_NAMED])):
        for length in LENGTHS:
            for end in (*ENDS, *last):
                yield unit * max(1, length // len(unit)) + end


MOST_NAMED = 16
