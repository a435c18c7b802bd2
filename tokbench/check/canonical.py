"""A tokenizer without what does not matter: one spelling for each way to behave, and its SHA-256."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from tokenizers import Tokenizer

PLACES = ("normalizer", "pre_tokenizer", "post_processor", "decoder")
LISTS = ("normalizers", "pretokenizers", "processors", "decoders")
# How fast it is, and what training asked for, change no id.
BESIDE = ("cache_capacity",)


def canonical_parts(tokenizer: Tokenizer) -> dict[str, Any]:
    """The part's name → its content: vocabulary, model, added tokens and the four places of blocks.

    Truncation and padding, which belong to a call, are no part; a Sequence of one block is that block; the
    library writes the defaults of its blocks, so a file that leaves them out is the same.
    """
    raw = json.loads(tokenizer.to_str())
    model = dict(raw["model"])
    vocabulary = model.pop("vocab", {})
    if "merges" in model:  # older files write "a b", newer ones ["a", "b"]
        model["merges"] = [each.split(" ", 1) if isinstance(each, str) else each for each in model["merges"]]
    parts = {"vocabulary": vocabulary, "model": {k: v for k, v in model.items() if k not in BESIDE}}
    parts["added_tokens"] = sorted(raw.get("added_tokens") or (), key=lambda entry: int(entry["id"]))
    return parts | {place: _plain(raw.get(place)) for place in PLACES}


def fingerprint(part: object) -> str:
    """SHA-256 of a part, or of all parts together.

    >>> fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    True
    """
    text = json.dumps(part, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _plain(block: object) -> object:
    """A block with its Sequences opened: nothing, one block, or a flat list."""
    flat = _flat(block)
    return flat[0] if len(flat) == 1 else flat or None


def _flat(block: object) -> list[object]:
    if not isinstance(block, Mapping):
        return []
    if block.get("type") != "Sequence":
        return [dict(block)]
    parts = next((block[name] for name in LISTS if name in block), ())
    return [each for part in parts for each in _flat(part)]
