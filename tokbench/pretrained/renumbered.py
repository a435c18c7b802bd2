"""A tokenizer.json of some of its tokens: ids close up in their old order, and what states one follows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from tokbench.pretrained.unused_tokens import merge_parts, numbered


def named_ids(raw: Mapping[str, Any]) -> set[int]:
    """The ids that a tokenizer.json states beside its vocabulary: of the unknown, and in post-processors."""
    unknown = raw["model"].get("unk_id")
    return {*_stated(raw.get("post_processor")), *([unknown] if isinstance(unknown, int) else ())}


def cut_out(
    raw: Mapping[str, Any], added: Mapping[str, int], kept: Collection[int]
) -> tuple[dict[str, Any], dict[int, int]]:
    """The tokenizer.json of the kept ids alone, and old id → new id; merges of lost tokens go.

    `added` are the ids of added tokens as the library has them. Every id that is named must be kept.
    """
    moved = {old: new for new, old in enumerate(sorted(kept))}
    model = dict(raw["model"])
    vocab = [(token, number) for token, number in numbered(model["vocab"]) if number in moved]
    if isinstance(model["vocab"], Mapping):
        model["vocab"] = {token: moved[number] for token, number in vocab}
    else:
        model["vocab"] = [model["vocab"][number] for _, number in vocab]
    if isinstance(model.get("unk_id"), int):
        model["unk_id"] = moved[model["unk_id"]]
    if "merges" in model:
        left = {token for token, _ in vocab}
        prefix = model.get("continuing_subword_prefix") or ""
        model["merges"] = [merge for merge in model["merges"] if _is_left(merge_parts(merge), left, prefix)]
    entries = [
        {**entry, "id": moved[added[entry["content"]]]}
        for entry in raw.get("added_tokens") or ()
        if added[entry["content"]] in moved
    ]
    entries.sort(key=lambda entry: int(entry["id"]))
    processor = _moved(raw.get("post_processor"), moved)
    return {**raw, "model": model, "added_tokens": entries, "post_processor": processor}, moved


def merge_result(left: str, right: str, prefix: str) -> str:
    """The token that a merge makes: the right one loses the prefix of what continues a word.

    >>> merge_result("un", "##do", "##"), merge_result("un", "do", "")
    ('undo', 'undo')
    """
    return left + (right.removeprefix(prefix) if prefix else right)


def _is_left(parts: Collection[str], tokens: Collection[str], prefix: str) -> bool:
    left, right = parts
    return left in tokens and right in tokens and merge_result(left, right, prefix) in tokens


def _stated(processor: Mapping[str, Any] | None) -> Iterator[int]:
    """The ids in a post-processor."""
    if not processor:
        return
    for inner in processor.get("processors") or ():
        yield from _stated(inner)
    for special in (processor.get("special_tokens") or {}).values():
        yield from special["ids"]
    for role in ("sep", "cls"):
        if role in processor:
            yield processor[role][1]


def _moved(processor: Any, moved: Mapping[int, int]) -> Any:  # noqa: ANN401  JSON of five kinds, or none
    """A post-processor with its new ids."""
    if not processor:
        return processor
    told = dict(processor)
    if "processors" in told:
        told["processors"] = [_moved(inner, moved) for inner in told["processors"]]
    if "special_tokens" in told:
        told["special_tokens"] = {
            name: {**special, "ids": [moved[each] for each in special["ids"]]}
            for name, special in told["special_tokens"].items()
        }
    for role in ("sep", "cls"):
        if role in told:
            token, number = told[role]
            told[role] = [token, moved[number]]
    return told
