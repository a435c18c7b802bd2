"""The ids of words by the words' numbers, and the ids around a text."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from tokbench.training.lookup import layout as of


@dataclass(frozen=True, eq=False)
class NewWords:
    """Words that have no ids yet: the number of the first, the bytes of all, how many bytes each has."""

    first: int
    arena: NDArray[np.uint8]
    lengths: NDArray[np.int32]


class WordIds:
    """All ids of all words one after the other, and where each word's are: see lookup/layout.py."""

    def __init__(self) -> None:
        self.places = np.zeros(1 << 14, np.uint64)
        self.pool = np.zeros(1 << 16, np.int32)
        self.used = 0

    def make_room(self, words: int, ids: int) -> None:
        """Room for words up to this number, and for so many more ids."""
        self.places = _grown(self.places, words)
        self.pool = _grown(self.pool, self.used + ids + of.SLACK)

    def put(self, numbers: NDArray[np.int64], ids: NDArray[np.int32], counts: NDArray[np.int64]) -> None:
        """Put down the ids of words: those of the first, then those of the second, and so on."""
        self.make_room(int(numbers[-1]) + 1, len(ids))
        begins = self.used + np.cumsum(counts) - counts
        self.places[numbers] = begins.astype(np.uint64) << np.uint64(of.COUNT_BITS) | counts.astype(np.uint64)
        self.pool[self.used : self.used + len(ids)] = ids
        self.used += len(ids)


def _grown(array: NDArray[Any], size: int) -> NDArray[Any]:
    if len(array) >= size:
        return array
    return np.concatenate((array, np.zeros(max(size, 2 * len(array)) - len(array), array.dtype)))


@dataclass(frozen=True, eq=False)
class Around:
    """Ids that stand before and after those of every text."""

    before: NDArray[np.int32]
    after: NDArray[np.int32]


def around(tokenizer: Tokenizer, *, special: bool) -> Around | str:
    """What the post_processor puts around a text; or why that is not always the same."""
    steps = [] if tokenizer.post_processor is None else [json.loads(tokenizer.post_processor.__getstate__())]
    before: list[int] = []
    after: list[int] = []
    while steps:
        step = steps.pop(0)
        if step["type"] == "Sequence":
            steps = step["processors"] + steps
        elif step["type"] != "ByteLevel":  # that one moves offsets only
            if before or after:
                return "two post-processors add ids"
            found = _fixed(step)
            if found is None:
                return f"the post-processor {step['type']} has no compiled form"
            before, after = found
    if not special:
        before, after = [], []
    return Around(np.array(before, np.int32), np.array(after, np.int32))


def _fixed(step: dict[str, Any]) -> tuple[list[int], list[int]] | None:
    """The ids that one post-processor puts before and after a text."""
    if step["type"] in ("BertProcessing", "RobertaProcessing"):
        return [step["cls"][1]], [step["sep"][1]]
    if step["type"] != "TemplateProcessing":
        return None
    parts: list[list[int]] = [[]]
    for piece in step["single"]:
        if "Sequence" in piece:
            parts.append([])
        else:
            parts[-1] += step["special_tokens"][piece["SpecialToken"]["id"]]["ids"]
    return (parts[0], parts[1]) if len(parts) == 2 else None
