"""Whether loading a tokenizer.json is safe: what looks odd is tried in a process that may die of it."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tokbench.check.finding import Finding
from tokbench.check.samples import SAMPLES
from tokbench.check.subject import Subject
from tokbench.errors import FileProblem
from tokbench.pretrained import hub
from tokbench.pretrained.folder import CHAT, CONFIG, LARGEST, ROLES_FILE, TOKENIZER
from tokbench.pretrained.json_files import parse_object, read_text

# What every odd file has in its text; a letter of ASCII that is written as an escape hides something.
SIGNS = (
    '"Replace"',
    '"Prepend"',
    '"Precompiled"',
    '"padding": {',
    '"padding":{',
    "\\u004",
    "\\u005",
    "\\u006",
    "\\u007",
)
MOST_SEQUENCES = 16
SECONDS, MEMORY = 10, 4 << 30
LONG = 32  # characters that a Replace or Prepend of an honest tokenizer does not put in
MOST_TEXTS = 4  # times that a template has the text in it


def library_survives_the_file(subject: Subject) -> Iterator[Finding]:
    """The library loads the file and encodes texts in reasonable time and memory.

    Cause: a Replace that puts in megabytes, several that feed each other, a damaged character map.
    Example: Tokenizer.from_file hangs for ever, or ends the whole Python process with signal 6: there is no
    exception to catch. check tries such a file in a process of its own.
    Source: of 2,199 changed tokenizer.json 8 ended the process, 15 panicked and 1 hung
    """
    yield from ()  # looked for before the file is loaded: see hazard


def deadly(ending: str) -> Finding:
    """The finding about a file on which the library ends so."""
    return Finding(
        "TB500", "error", "the library does not survive this tokenizer.json", ending, "do not load this file"
    )


def hazard(tokenizer: str | Path) -> str:
    """How the library fares with an odd file: "" when it comes through, or nothing in it is odd.

    Only what cannot be caught in Python is told: a hang, an abort, all memory taken.
    """
    file = _file(tokenizer)
    if file is None:
        return ""
    try:
        text = read_text(file, limit=LARGEST)
        if not any(sign in text for sign in SIGNS) and text.count('"Sequence"') < MOST_SEQUENCES:
            return ""
        raw = parse_object(text, name=str(file))
    except FileProblem:
        return ""  # load says it
    odd = next(_oddities(raw), "")
    return f"{ending} ({odd})" if odd and (ending := _ending(file)) else ""


def _file(tokenizer: str | Path) -> Path | None:
    """The tokenizer.json that will be loaded; None when there is none, which load says better."""
    path = Path(tokenizer).expanduser()
    if path.exists():
        file = path / TOKENIZER if path.is_dir() else path
        return file if file.is_file() else None
    name = str(tokenizer)
    if not hub.may_be_on_hub(name) or (
        hub.cached(name, TOKENIZER) is None and path.parent.is_dir() and "/" in name
    ):
        return None
    try:
        return hub.fetch(name, [TOKENIZER], [CONFIG, ROLES_FILE, CHAT]) / TOKENIZER
    except FileProblem:
        return None


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


def _ending(file: Path) -> str:
    """How a child process ends that loads the file and encodes the samples; "" when it just ends."""
    child = Path(__file__).with_name("loading_child.py")
    request = json.dumps({"file": str(file), "memory": MEMORY, "texts": list(SAMPLES.values())})
    try:
        done = subprocess.run(
            [sys.executable, "-P", str(child)], input=request.encode(), capture_output=True, timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        return f"the library had not come to an end after {SECONDS} seconds"
    if done.returncode < 0:
        return f"the library ended the process with signal {-done.returncode}"
    if b"MemoryError" in done.stderr:
        return f"the library took all of {MEMORY >> 30} GiB of memory"
    return ""
