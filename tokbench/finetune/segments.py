"""A row of two texts with its special tokens, as the tokenizer's post_processor puts them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from tokbench.finetune.flatids import FlatIds, Ids, starts_of

ADDS_NOTHING = ("ByteLevel",)  # it moves offsets only
TEXTS = {"A": 0, "B": 1}


@dataclass(frozen=True)
class Slot:
    """One place of a row: a special token's id, or a text by its number; and its type id."""

    special: int | None
    text: int | None
    type_id: int


PLAIN_PAIR = (Slot(None, 0, 0), Slot(None, 1, 1))  # the library's own, where nothing is added


@dataclass(frozen=True)
class Template:
    """The slots of a row of two texts, each text in it once."""

    slots: tuple[Slot, ...]

    def fill(self, texts: Sequence[FlatIds]) -> FlatIds:
        """Rows of these first and second texts, which have no special tokens yet; none is cut."""
        special = [0 if each.special is None else each.special for each in self.slots]
        widths = np.ones((len(texts[0].starts) - 1, len(self.slots)), np.int64)
        for number, slot in enumerate(self.slots):
            if slot.text is not None:
                widths[:, number] = texts[slot.text].lengths
        whose = np.repeat(np.tile(np.arange(len(self.slots), dtype=np.uint8), len(widths)), widths.ravel())
        ids: Ids = np.array(special, np.int64)[whose]
        for number, slot in enumerate(self.slots):
            if slot.text is not None:
                ids[whose == number] = texts[slot.text].ids
        types = np.array([each.type_id for each in self.slots], np.int64)
        return FlatIds(ids, types[whose] if types.any() else None, starts_of(widths.sum(axis=1)), 0)


def pair_template(tokenizer: Tokenizer) -> Template | None:
    """How the post_processor joins two texts; None for one that is not known to join them always alike."""
    found = [slots for slots in map(_slots, _steps(tokenizer)) if slots != ()]
    if not found:
        return Template(PLAIN_PAIR)
    slots = found[0]
    if len(found) > 1 or slots is None or len(slots) > np.iinfo(np.uint8).max:
        return None
    texts = sorted(each.text for each in slots if each.text is not None)
    return Template(slots) if texts == [0, 1] else None


def _steps(tokenizer: Tokenizer) -> Iterator[dict[str, Any]]:
    """The JSON of each post_processor, whatever sequences they are in."""
    steps = [] if tokenizer.post_processor is None else [json.loads(tokenizer.post_processor.__getstate__())]
    while steps:
        step = steps.pop(0)
        if step["type"] == "Sequence":
            steps = step["processors"] + steps
        else:
            yield step


def _slots(step: dict[str, Any]) -> tuple[Slot, ...] | None:
    """What one post_processor makes of a pair: () where it adds nothing, None where nobody knows."""
    kind = step["type"]
    if kind in ADDS_NOTHING:
        return ()
    if kind == "TemplateProcessing":
        return tuple(slot for piece in step["pair"] for slot in _of_piece(piece, step["special_tokens"]))
    if kind not in ("BertProcessing", "RobertaProcessing"):
        return None
    first, last = Slot(step["cls"][1], None, 0), Slot(step["sep"][1], None, 0)
    if kind == "RobertaProcessing":
        return (first, Slot(None, 0, 0), last, last, Slot(None, 1, 0), last)
    return (first, Slot(None, 0, 0), last, Slot(None, 1, 1), Slot(last.special, None, 1))


def _of_piece(piece: dict[str, Any], special: dict[str, Any]) -> Iterator[Slot]:
    """The slots of one piece of a template; a special token may be several ids."""
    if "Sequence" in piece:
        yield Slot(None, TEXTS[piece["Sequence"]["id"]], piece["Sequence"]["type_id"])
        return
    found = piece["SpecialToken"]
    for number in special[found["id"]]["ids"]:
        yield Slot(number, None, found["type_id"])
