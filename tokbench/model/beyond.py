"""What a tokenizer has beyond a model's rows: the tokens that somebody added without telling the model."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from tokenizers import Tokenizer

from tokbench.errors import FileProblem
from tokbench.pretrained.added_tokens import Added, bare, highest_id, unknown_id
from tokbench.pretrained.folder import TokenizerFolder
from tokbench.pretrained.portable import portable_config
from tokbench.pretrained.special_tokens import special_tokens_of


def beyond(folder: TokenizerFolder, rows: int) -> tuple[TokenizerFolder, Added]:
    """The tokenizer as it was when it fitted `rows` rows, and what was added to it since.

    Added tokens are taken out again to see which pieces they were; a token of the model's own vocabulary
    cannot be, so it has no pieces.
    """
    new = bare(folder)
    tokens = highest_id(new) + 1
    if not tokens:
        raise FileProblem(f"{folder.name} has no tokens", fix=f"tokbench check {folder.name}")
    special = special_tokens_of(new)
    late = {
        token: number for token, number in new.get_vocab(with_added_tokens=True).items() if number >= rows
    }
    late = dict(sorted(late.items(), key=lambda pair: pair[1]))
    raw = _without(new, rows)
    older = replace(folder, tokenizer=Tokenizer.from_str(json.dumps(raw)), raw=raw)
    return older, Added(
        tokenizer=new,
        config=portable_config(folder, new),
        special={token: number for token, number in late.items() if token in special},
        regular={token: number for token, number in late.items() if token not in special},
        existing={},
        declared=(),
        before=min(rows, tokens),
        after=tokens,
        holes_filled=0,
        pieces=_pieces(older.tokenizer, list(late), rows, unknown_id(folder)),
    )


def _without(tokenizer: Tokenizer, rows: int) -> dict[str, Any]:
    """tokenizer.json without the added tokens beyond the rows; without a template that names one of them."""
    raw: dict[str, Any] = json.loads(tokenizer.to_str())
    late = {entry["content"] for entry in raw["added_tokens"] if entry["id"] >= rows}
    raw["added_tokens"] = [entry for entry in raw["added_tokens"] if entry["content"] not in late]
    if any(json.dumps(token) in json.dumps(raw["post_processor"]) for token in late):
        raw["post_processor"] = None
    return raw


def _pieces(
    older: Tokenizer, tokens: list[str], rows: int, unknown: int | None
) -> dict[str, tuple[int, ...]]:
    encodings = older.encode_batch(tokens, add_special_tokens=False)
    return {
        token: tuple(number for number in encoding.ids if number != unknown and number < rows)
        for token, encoding in zip(tokens, encodings, strict=True)
    }
