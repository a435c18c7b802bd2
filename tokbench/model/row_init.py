"""What new rows are made of: a way by name, the row of one token, or the words that describe a token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tokenizers import Tokenizer

from tokbench.errors import UsageError
from tokbench.pretrained.added_tokens import Added

COPY = "copy="


@dataclass(frozen=True, kw_only=True)
class RowInit:
    """How new rows start: the initializer's name, and new id → old ids for the rows made of others.

    `label` is how it was asked for; `described` goes before `pieces`.
    """

    label: str
    way: str
    pieces: Mapping[int, Sequence[int]]
    described: Mapping[int, Sequence[int]] = field(default_factory=dict)


def row_init(
    start: str, added: Added, old: Tokenizer, *, unknown: int | None, descriptions: Mapping[str, str]
) -> RowInit:
    """The start of every added token; UsageError for a token that does not exist or is not new.

    `copy=TOKEN` gives every new token that token's row; a description is split by the OLD tokenizer.
    """
    new = {**added.special, **added.regular}
    pieces: Mapping[int, Sequence[int]] = {new[token]: ids for token, ids in added.pieces.items()}
    way = start
    if start.startswith(COPY):
        way, row = "pieces", _row_of(start.removeprefix(COPY), old)
        pieces = dict.fromkeys(new.values(), (row,))
    described = {
        _new_id(token, new): _pieces_of(token, words, old, unknown) for token, words in descriptions.items()
    }
    return RowInit(label=start, way=way, pieces=pieces, described=described)


def _row_of(token: str, old: Tokenizer) -> int:
    row = old.token_to_id(token)
    if row is None:
        raise UsageError(
            f"new rows cannot copy {token or 'nothing'}: it has no id", fix="name a token it has"
        )
    return row


def _new_id(token: str, new: Mapping[str, int]) -> int:
    if token not in new:
        raise UsageError(
            f"{token} is described, but it is not among the new tokens",
            fix="describe only what --special or --token adds",
        )
    return new[token]


def _pieces_of(token: str, words: str, old: Tokenizer, unknown: int | None) -> tuple[int, ...]:
    ids = tuple(row for row in old.encode(words, add_special_tokens=False).ids if row != unknown)
    if not ids:
        raise UsageError(
            f"the description of {token} says nothing to this tokenizer: {words!r}", fix="use other words"
        )
    return ids
