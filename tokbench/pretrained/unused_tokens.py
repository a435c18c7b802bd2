"""Tokens that a vocabulary keeps for its users, as BERT does [unused1]: new tokens can take their ids."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from tokenizers import Tokenizer

from tokbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tokenizers import AddedToken

# BERT, Gemma, Llama 3, and what other families call theirs
KEPT_FREE = re.compile(
    r"[\[<]unused_?\d+[\]>]|<\|reserved_special_token_\d+\|>|<\|?(unused|extra|reserved)_?(token_)?\d+\|?>"
)


def unused_tokens(tokenizer: Tokenizer) -> dict[str, int]:
    """Token → id of those that are kept free, in the order of their ids.

    >>> from tokenizers import models
    >>> unused_tokens(Tokenizer(models.WordPiece({"[UNK]": 0, "[unused1]": 1, "used": 2})))
    {'[unused1]': 1}
    """
    every = tokenizer.get_vocab(with_added_tokens=True).items()
    return dict(
        sorted(((token, at) for token, at in every if KEPT_FREE.fullmatch(token)), key=lambda it: it[1])
    )


def take_unused(
    tokenizer: Tokenizer, tokens: Sequence[str], made: Callable[[str], AddedToken]
) -> tuple[Tokenizer, dict[str, str]]:
    """The tokenizer with the first unused tokens renamed to these, and new token → the one it replaces.

    `made` gives the added token of a name, for those that the model's own vocabulary does not hold. Fewer are
    taken where fewer are free; UsageError where none is.
    """
    raw = json.loads(tokenizer.to_str())
    merged = {part for merge in raw["model"].get("merges", ()) for part in merge_parts(merge)}
    free = [token for token in unused_tokens(tokenizer) if token not in merged]
    if not free:
        raise UsageError("this tokenizer keeps no unused tokens", fix="leave --use-unused out")
    taken = dict(zip(tokens, free, strict=False))
    names = {old: new for new, old in taken.items()}
    own = dict(numbered(raw["model"]["vocab"]))
    raw["model"]["vocab"] = _renamed(raw["model"]["vocab"], names)
    raw["added_tokens"] = [
        _entry(entry, names, made)
        for entry in raw["added_tokens"]
        if names.get(entry["content"]) is None or entry["content"] not in own
    ]
    return Tokenizer.from_str(json.dumps(raw)), taken


def merge_parts(merge: Any) -> Sequence[str]:  # noqa: ANN401  a list of two, or both with a space between
    """The two tokens of a merge as tokenizer.json writes it."""
    return merge.split(" ") if isinstance(merge, str) else merge


def numbered(vocab: Any) -> Iterator[tuple[str, int]]:  # noqa: ANN401  token → id, or Unigram's pieces
    """Token and id of every token of a model's vocabulary, as tokenizer.json writes it."""
    pairs = vocab.items() if isinstance(vocab, dict) else ((piece, at) for at, (piece, _) in enumerate(vocab))
    yield from pairs


def _renamed(vocab: Any, names: Mapping[str, str]) -> Any:  # noqa: ANN401
    if isinstance(vocab, dict):
        return {names.get(token, token): number for token, number in vocab.items()}
    return [[names.get(piece, piece), score] for piece, score in vocab]


def _entry(
    entry: dict[str, Any], names: Mapping[str, str], made: Callable[[str], AddedToken]
) -> dict[str, Any]:
    """An added token as it was, or under its new name with that name's flags; its id stays."""
    if entry["content"] not in names:
        return entry
    token = made(names[entry["content"]])
    flags = ("single_word", "lstrip", "rstrip", "normalized", "special")
    return {"id": entry["id"], "content": token.content, **{flag: getattr(token, flag) for flag in flags}}
