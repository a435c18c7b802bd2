"""The box of a page in which a reader encodes a text: the tokenizers it carries, small enough to embed."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

LARGEST = 4 * 2**20  # bytes of packed tokenizers a page may carry


def live(tokenizers: Mapping[str, Mapping[str, Any]], text: str = "") -> str:
    """The JSON document that `page(live=…)` takes: each tokenizer.json packed, and the text to begin with.

    `tokenizers` are parsed tokenizer.json files by name. The page runs them in the browser and refuses, by
    name, a block it does not know. Empty when they are too large together to be carried.
    """
    packed = [{"name": name, "packed": _packed(raw)} for name, raw in tokenizers.items()]
    if sum(len(each["packed"]) for each in packed) > LARGEST:
        return ""
    return json.dumps({"text": text, "tokenizers": packed}, ensure_ascii=False)


def served(names: Sequence[str], text: str = "") -> str:
    """The same document for a page whose server encodes: names only."""
    return json.dumps({"text": text, "tokenizers": [{"name": name} for name in names]}, ensure_ascii=False)


def compact(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """A tokenizer.json in fewer words, which the page's encoder reads as well as the whole.

    The vocabulary is the list of its tokens by id, a merge the ids of its two halves. Where every merge made
    a new token, in the order of ids, those tokens are None in the list: the merges say what they are. What
    cannot be told so (ids with gaps) stays as it is.
    """
    model = raw["model"]
    vocab = model.get("vocab")
    if not isinstance(vocab, Mapping) or sorted(vocab.values()) != list(range(len(vocab))):
        return raw
    tokens: list[str | None] = sorted(vocab, key=vocab.__getitem__)
    if "merges" not in model:
        return {**raw, "model": {**model, "vocab": tokens}}
    pairs = [merge.split(" ") if isinstance(merge, str) else merge for merge in model["merges"]]
    if any(len(pair) != 2 or pair[0] not in vocab or pair[1] not in vocab for pair in pairs):
        return raw
    made = [vocab.get(left + right, -1) for left, right in pairs]
    if all(one < other for one, other in pairwise([-1, *made])):
        for number in made:
            tokens[number] = None
    halves = [vocab[half] for pair in pairs for half in pair]
    return {**raw, "model": {**model, "vocab": tokens, "merges": halves}}


def _packed(raw: Mapping[str, Any]) -> str:
    words = json.dumps(compact(raw), ensure_ascii=False, separators=(",", ":")).encode(
        "utf-8", "backslashreplace"
    )
    return base64.b64encode(gzip.compress(words, compresslevel=9, mtime=0)).decode()
