"""BPE of whole texts, as Llama 2 and Gemma have it, in parts that no merge joins.

Without a pre_tokenizer a text is one word. It is cut before a run of blanks, which are ▁ by then: a merge
over such a place has a right half that begins with ▁ and a left half that ends with another character. The
list of merges says whether there are any: Llama 2 has none in 61,249, and Gemma 3 one in 514,906, of `>` and
`▁</`, so behind `>` nothing is cut. In parts between which nothing merges, BPE does what it does in all.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
from tokenizers import Tokenizer, models

from tokbench.native.kernels import count_abi
from tokbench.native.scanner import (
    LOW_LINE,
    Changes,
    Flags,
    Scanner,
    Table,
    WordSplit,
    rewriter,
    why_not_here,
)
from tokbench.native.word_ids import merges_of

BLANKS = {"type": "Replace", "pattern": {"String": " "}, "content": LOW_LINE}
MARK = {"type": "Prepend", "prepend": LOW_LINE}


def whole_text_scanner(tokenizer: Tokenizer) -> Scanner | str | None:
    """The parts of a text that BPE may take one by one, or why there are none; None for other tokenizers."""
    steps, model = _normalizers(tokenizer), tokenizer.model
    if BLANKS not in steps or not isinstance(model, models.BPE) or not _takes_whole_texts(tokenizer):
        return None
    if why := why_not_here() or _why_not(tokenizer, steps):
        return why
    holding = _holding(model)
    if holding is None:
        return "a merge joins a byte with the blank behind it"
    prefix = count_abi.ALWAYS if MARK in steps else 0
    split = WordSplit(count_abi.RUNS, _joined, blank=LOW_LINE)
    flags = _joined(np.zeros(count_abi.CODE_POINTS, np.uint16))
    flags[[ord(each) for each in holding]] |= count_abi.HOLDS
    marks = rewriter(Changes({LOW_LINE: " "}), prefix=prefix)
    return Scanner(split, flags, (marks,), None, cuts=not prefix and not any(map(str.isalnum, holding)))


def _normalizers(tokenizer: Tokenizer) -> list[dict[str, Any]]:
    """The normalizers, one after the other; none where some block is written in Python."""
    try:
        block = {} if tokenizer.normalizer is None else json.loads(tokenizer.normalizer.__getstate__())
    except Exception:  # the library raises nothing narrower
        return []
    inner: list[dict[str, Any]] = block["normalizers"] if block.get("type") == "Sequence" else [block]
    return inner


def _takes_whole_texts(tokenizer: Tokenizer) -> bool:
    """Whether nothing cuts a text: there is no pre_tokenizer, or it cuts at the blanks that are all gone."""
    if tokenizer.pre_tokenizer is None:
        return True
    try:
        block = json.loads(tokenizer.pre_tokenizer.__getstate__())
    except Exception:  # as above
        return False
    return block["type"] == "Split" and block["pattern"] == {"String": " "} and not block["invert"]


def _why_not(tokenizer: Tokenizer, steps: list[dict[str, Any]]) -> str:
    """Why the parts of a text may have other ids than the whole, or ""."""
    others = [each["type"] for each in steps if each not in (BLANKS, MARK)]
    if others or len(steps) > len({each["type"] for each in steps}):
        return f"the normalizer {'+'.join(each['type'] for each in steps)} has no compiled form"
    model = tokenizer.model
    if model.ignore_merges or model.continuing_subword_prefix or model.end_of_word_suffix:
        return "a part of a text begins or ends otherwise than the text"
    if model.token_to_id(LOW_LINE) is None:
        return f"there is no token {LOW_LINE}"
    if any(token.normalized for token in tokenizer.get_added_tokens_decoder().values()):
        return "an added token is looked for in the normalized text"
    return ""


def _holding(model: models.BPE) -> set[str] | None:
    """The characters behind which a merge may take a blank; None where that is a byte, or unknown."""
    lefts = {left for left, right in _pairs(model) if right.startswith(LOW_LINE)}
    if any(left == model.unk_token or (len(left) == len("<0x00>") and left[:3] == "<0x") for left in lefts):
        return None
    return {left[-1] for left in lefts} - {LOW_LINE}


def _pairs(model: models.BPE) -> Iterator[list[str]]:
    return (each if isinstance(each, list) else each.split(" ") for each in merges_of(model))


def _joined(table: Table) -> Flags:
    """All characters in one run, that a run of blanks begins."""
    flags = np.full(len(table), count_abi.FIRST_RUN, np.uint8)
    flags[ord(" ")] = count_abi.JOINED
    return flags
