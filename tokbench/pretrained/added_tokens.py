"""Tokens added to a tokenizer, in one go however many they are; every one is proved to be met in texts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tokenizers import AddedToken, Tokenizer

from tokbench.errors import AskedWrongly, FileProblem
from tokbench.pretrained.edge import parse, translated
from tokbench.pretrained.folder import TokenizerFolder
from tokbench.pretrained.matching import Matching
from tokbench.pretrained.portable import portable_config
from tokbench.pretrained.reach import unreached, why_unreached
from tokbench.pretrained.roles import Move, moved_roles, refuse_unknown_roles, with_moves
from tokbench.pretrained.wanted import Wanted, is_whole_word, sorted_out

ANYHOW = Matching()
MANY_HOLES = 10_000
FILLER = "<no token {}>"  # spaces inside: no word of a text is equal to it


@dataclass(frozen=True, kw_only=True)
class Added:
    """A tokenizer with more tokens, and its config.

    `special` and `regular` are what is new, token → id; `existing` was asked for and had an id already, and
    `declared` are those of them that texts could not reach whole before and now can. `before` and `after`
    are the highest id + 1; holes among the old ids get filler tokens. `pieces` are each new token's ids
    under the OLD tokenizer, without the unknown token's. `roles` are those that moved to another token.
    """

    tokenizer: Tokenizer = field(repr=False, metadata={"json": False})
    config: dict[str, Any] = field(repr=False)
    special: dict[str, int]
    regular: dict[str, int]
    existing: dict[str, int]
    declared: tuple[str, ...]
    before: int
    after: int
    holes_filled: int
    pieces: dict[str, tuple[int, ...]]
    roles: tuple[Move, ...] = ()


def add_tokens(
    folder: TokenizerFolder,
    *,
    special: Sequence[str] = (),
    regular: Sequence[str] = (),
    matching: Mapping[str, Matching] | None = None,
    otherwise: Matching = ANYHOW,
    roles: Mapping[str, str] | None = None,
) -> Added:
    """Add special tokens (markup: never split, skipped by decode) and regular ones (words kept whole).

    A regular token that is a word matches only as a whole word; `matching` says for single tokens, and
    `otherwise` for all the rest, what shall be else. `roles` are role → token, added as special where it
    is new. Ids go on after the highest id. AskedWrongly names a token that no text could reach.
    """
    refuse_unknown_roles(roles or {})
    old = bare(folder)
    before = highest_id(old) + 1
    whole = _without_holes(old, before, name=folder.name)
    special = [*special, *(token for token in dict.fromkeys((roles or {}).values()) if token not in special)]
    with translated(folder.name, fix=f"tokbench check {folder.name}"):
        wish = Wishes(matching or {}, otherwise)
        raw = {token for token in regular if wish.of(token).normalized is False}
        wanted = sorted_out(old, special, regular, unknown=unknown_id(folder), raw=raw)
        new, moves = moved_roles(_grown(whole, wanted, before, wish), folder.roles, roles or {})
    ids = {token: before + place for place, token in enumerate(wanted.new)}
    config = portable_config(folder, new, extra=[*wanted.special, *wanted.declared_special])
    return Added(
        tokenizer=new,
        config=with_moves(config, moves) if moves else config,
        special={token: ids[token] for token in wanted.special},
        regular={token: ids[token] for token in wanted.regular},
        existing=wanted.existing,
        declared=(*wanted.declared_special, *wanted.declared_regular),
        before=before,
        after=before + len(ids),
        holes_filled=whole.get_vocab_size() - old.get_vocab_size(),
        pieces=_pieces(old, wanted.new, unknown_id(folder)),
        roles=moves,
    )


def highest_id(tokenizer: Tokenizer) -> int:
    """The highest id in use; -1 for an empty vocabulary. Never the count: there may be holes."""
    return max(tokenizer.get_vocab(with_added_tokens=True).values(), default=-1)


def unknown_id(folder: TokenizerFolder) -> int | None:
    """The id that the model gives to what it does not know."""
    model: Mapping[str, Any] = folder.raw["model"]
    if isinstance(model.get("unk_id"), int):
        return int(model["unk_id"])
    token = model.get("unk_token")
    return folder.tokenizer.token_to_id(token) if isinstance(token, str) else None


def bare(folder: TokenizerFolder) -> Tokenizer:
    """A copy without truncation and padding, whose ids are those of the file."""
    for entry in folder.raw.get("added_tokens") or ():
        loaded = folder.tokenizer.token_to_id(entry["content"])
        if loaded != entry["id"]:
            raise FileProblem(
                f"{folder.name}: {entry['content']} has id {entry['id']}, but the library makes it {loaded}",
                fix=f"tokbench check {folder.name}",
            )
    copy = parse(folder.tokenizer.to_str(), name=folder.name)
    copy.no_truncation()
    copy.no_padding()
    return copy


@dataclass(frozen=True)
class Wishes:
    """How each token shall be met: `own` by token, `otherwise` for those not named there."""

    own: Mapping[str, Matching]
    otherwise: Matching

    def of(self, token: str) -> Matching:
        """The wish for a token."""
        return self.own.get(token, self.otherwise)

    def made(self, token: str, *, special: bool, raw: bool) -> AddedToken:
        """The library's token; `raw` is to look for it in the text as it is written."""
        wish = self.of(token)
        alone = is_whole_word(token) and not special
        return AddedToken(
            token,
            single_word=alone if wish.single_word is None else wish.single_word,
            lstrip=wish.lstrip,
            rstrip=wish.rstrip,
            normalized=not (special or raw) if wish.normalized is None else wish.normalized,
            special=special,
        )

    def alone(self, tokens: Sequence[str]) -> set[str]:
        """Those that were asked to be met only as words of their own."""
        return {token for token in tokens if self.of(token).single_word}


def _grown(old: Tokenizer, wanted: Wanted, before: int, wishes: Wishes) -> Tokenizer:
    """Matched after the normalizer where that works, so that case follows the tokenizer; else as written."""
    raw_only: set[str] = set()
    for _ in range(2):
        new = _added(old, wanted, before, raw_only, wishes)
        missed = unreached(new, wanted, wishes.alone(wanted.all_special))
        if not missed:
            return new
        raw_only |= set(missed)
    raise AskedWrongly(why_unreached(new, missed), fix="leave it out, or write it as texts have it")


def _added(old: Tokenizer, wanted: Wanted, before: int, raw_only: set[str], wishes: Wishes) -> Tokenizer:
    """A new tokenizer, read back from its own text: what a file keeps is what counts."""
    new = Tokenizer.from_str(old.to_str())
    new.add_special_tokens([wishes.made(token, special=True, raw=True) for token in wanted.all_special])
    new.add_tokens([wishes.made(token, special=False, raw=token in raw_only) for token in wanted.all_regular])
    again = Tokenizer.from_str(new.to_str())
    for place, token in enumerate(wanted.new):
        if again.token_to_id(token) != before + place:
            raise AskedWrongly(f"{token} would not get the id {before + place}", fix="tokbench check")
    return again


def _without_holes(old: Tokenizer, before: int, *, name: str) -> Tokenizer:
    """A copy whose ids have no holes, so that the library counts on from the highest one.

    It counts on from the number of tokens, and that is an id in use when there are holes.
    """
    text = old.to_str()
    if before != old.get_vocab_size():
        holes = sorted(set(range(before)) - set(old.get_vocab().values()))
        if len(holes) > MANY_HOLES:
            raise FileProblem(f"the ids of {name} have {len(holes):,} holes", fix=f"tokbench check {name}")
        raw = json.loads(text)
        raw["model"]["vocab"] |= {FILLER.format(hole): hole for hole in holes}  # Unigram's list has no holes
        text = json.dumps(raw)
    return Tokenizer.from_str(text)


def _pieces(old: Tokenizer, tokens: Sequence[str], unknown: int | None) -> dict[str, tuple[int, ...]]:
    encodings = old.encode_batch(list(tokens), add_special_tokens=False)
    return {
        token: tuple(number for number in encoding.ids if number != unknown)
        for token, encoding in zip(tokens, encodings, strict=True)
    }
