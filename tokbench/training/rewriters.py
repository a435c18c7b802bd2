"""What becomes of each character in a normalizer, asked of the library, as kernels/rewriting.py reads it.

Some normalizers treat each character alone: Lowercase; BertNormalizer, once the marks are gone that NFD might
reorder. NFC leaves a text alone that holds no mark and nothing that joins what stands before it. What such a
table cannot tell makes the text it stands in "refused": that text goes through the library.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import tokenizers
from numpy.typing import NDArray
from tokenizers import normalizers

from tokbench.training.keeping import kept
from tokbench.training.kernels import layout as at

NOT_ONE_BYTE = 0x80
REFUSED = -1
JOINT = "|"  # no normalizer served here makes or changes one
PLANE_4, TAGS = "\U00040000", frozenset(map(chr, range(0xE0000, 0xE1000)))
EARLY, LATE = "\u0334", "\u0345"  # marks of the lowest and the highest combining class, 1 and 240


@dataclass(frozen=True)
class Rewriter:
    """Tables of a step that rewrites texts character by character; growth: the most bytes a byte becomes."""

    low: NDArray[np.uint8]
    actions: NDArray[np.uint8]
    places: NDArray[np.int32]
    spellings: NDArray[np.uint8]
    growth: float
    prefix: bool = False


@dataclass(frozen=True)
class Changes:
    """Characters that become something else, and characters whose texts are refused."""

    spelled: Mapping[str, str]
    refused: frozenset[str] = frozenset()


def rewriter(changes: Changes, *, prefix: bool = False) -> Rewriter:
    """The tables for these changes; a prefix is a blank before each text that has none."""
    return _unpacked(_packed(changes), prefix=prefix)


def bordering(characters: str) -> Rewriter:
    """The tables by which these characters part texts."""
    whole = _unpacked(_packed(Changes({}, frozenset(characters))))
    whole.actions[whole.actions == at.REFUSE] = at.AS_BORDER
    return whole


@cache
def normalizing(state: bytes) -> Rewriter | str:
    """What a normalizer does, from its JSON; or the reason why this is not known character by character."""
    steps = list(_steps(json.loads(state)))
    for step in steps:
        if step["type"] not in ("NFC", "Lowercase", "BertNormalizer"):
            return f"the normalizer {step['type']} has no compiled form"
    name = hashlib.sha256(b"2" + state).hexdigest()[:16]
    name = f"normalizer-{name}-{tokenizers.__version__}.bin"
    return _unpacked(kept(name, lambda: _packed(_chained(steps))))


def _packed(changes: Changes) -> bytes:
    """The changes as bytes: how many, the most growth, characters and where they are spelled, spellings."""
    places, spellings = {"": 0}, bytearray(1)
    for spelling in changes.spelled.values():
        if spelling not in places:
            places[spelling] = len(spellings)
            written = spelling.encode()
            spellings += bytes([len(written)]) + written
    growth = [len(now.encode()) / len(before.encode()) for before, now in changes.spelled.items()]
    rows = [(ord(before), places[now]) for before, now in changes.spelled.items()]
    rows += [(ord(each), REFUSED) for each in sorted(changes.refused)]
    head = np.array([len(rows), 0], "<i8").tobytes() + np.array([max(growth, default=1.0)], "<f8").tobytes()
    return head + np.array(rows, "<i4").tobytes() + bytes(spellings)


def _unpacked(packed: bytes, *, prefix: bool = False) -> Rewriter:
    """The tables made of what `_packed` gave."""
    number = int(np.frombuffer(packed, "<i8", 1)[0])
    growth = max(1.0, float(np.frombuffer(packed, "<f8", 1, 16)[0]))
    codes, spelled = np.frombuffer(packed, "<i4", 2 * number, 24).reshape(-1, 2).T
    spellings = np.frombuffer(packed, np.uint8, offset=24 + 8 * number)
    actions, places = np.zeros(at.CODE_POINTS, np.uint8), np.zeros(at.CODE_POINTS, np.int32)
    actions[codes] = np.where(spelled == REFUSED, at.REFUSE, at.SPELL)
    places[codes] = np.maximum(spelled, 0)
    low = np.arange(256, dtype=np.uint8)
    for code in codes[codes < 0x80].tolist():
        place = places[code]
        one = actions[code] == at.SPELL and spellings[place] == 1 and spellings[place + 1] < NOT_ONE_BYTE
        low[code] = spellings[place + 1] if one else NOT_ONE_BYTE
    return Rewriter(low, actions, places, spellings, growth, prefix)


def _steps(block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The normalizers in a normalizer, one after the other."""
    if block["type"] == "Sequence":
        for inner in block["normalizers"]:
            yield from _steps(inner)
    else:
        yield block


def _chained(steps: list[dict[str, Any]]) -> Changes:
    """The changes of several steps as those of one."""
    whole = Changes({}, frozenset())
    for step in steps:
        whole = _then(whole, _changes(json.dumps(step)))
    return whole


def _then(first: Changes, second: Changes) -> Changes:
    spelled, refused = {}, set(first.refused)
    for character in {*first.spelled, *second.spelled, *second.refused} - refused:
        between = first.spelled.get(character, character)
        if second.refused.intersection(between):
            refused.add(character)
        else:
            spelled[character] = "".join(second.spelled.get(each, each) for each in between)
    return Changes(spelled, frozenset(refused))


@cache
def _changes(step: str) -> Changes:
    """What one normalizer does, asked of the library."""
    options = json.loads(step)
    kind = options.pop("type")
    normalizer = getattr(normalizers, kind)(**options)
    after = {chr(code): normalizer.normalize_str(chr(code)) for code in range(0x80)}
    after |= _after(normalizer, _beyond_ascii())
    changed = {before: now for before, now in after.items() if now != before}
    if kind == "NFC":
        return Changes({}, _marks() | _joiners() | changed.keys())
    strips = options.get("strip_accents", False)
    if options.get("lowercase") if strips is None else strips:  # by NFD; of the marks it orders, some remain
        return Changes(
            changed, frozenset(each for each, now in after.items() if not _marks().isdisjoint(now))
        )
    return Changes(changed)


def _beyond_ascii() -> list[str]:
    """All characters but the first 128."""
    return [chr(code) for code in (*range(0x80, 0xD800), *range(0xE000, 0x110000))]


def _after(normalizer: normalizers.Normalizer, texts: Sequence[str]) -> dict[str, str]:
    """What the normalizer makes of each of these short texts, all in one go."""
    told: list[str] = normalizer.normalize_str(JOINT.join(texts)).split(JOINT)
    return dict(zip(texts, told, strict=True))


@cache
def _marks() -> frozenset[str]:
    """Characters that NFD may put into another order: those whose combining class is not 0."""
    alone = _decomposed()
    before = _after(normalizers.NFD(), [each + EARLY for each in alone])
    behind = _after(normalizers.NFD(), [LATE + each for each in alone])
    return frozenset((EARLY, LATE)).union(
        each
        for each, parts in alone.items()
        if before[each + EARLY] != parts + EARLY or behind[LATE + each] != LATE + parts
    )


@cache
def _decomposed() -> dict[str, str]:
    """What NFD makes of every character of the planes in which some are decomposed or combine.

    Planes 4 to 13 are empty, 15 and 16 for private use; a test asks about every one of theirs.
    """
    return _after(normalizers.NFD(), [each for each in _beyond_ascii() if each < PLANE_4 or each in TAGS])


@cache
def _joiners() -> frozenset[str]:
    """Characters that NFC may join with one before them: all that do not begin a decomposition."""
    return frozenset(each for whole in _decomposed().values() for each in whole[1:])
