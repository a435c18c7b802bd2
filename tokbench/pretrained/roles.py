"""A role moved to another token: template, unknown token and config follow, so that texts meet it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tokenizers import Tokenizer

from tokbench.errors import AskedWrongly, did_you_mean
from tokbench.pretrained.edge import parse
from tokbench.pretrained.special_tokens import EXTRA_KEYS, ROLES, extra_of

FRAMING = ("cls", "sep")  # the roles of a template; bos and eos are those of decoders' templates


@dataclass(frozen=True)
class Move:
    """A role's token before ('' for none) and now, with their ids.

    `template` tells whether a template had the old one and now has the new one.
    """

    role: str
    before: str
    before_id: int | None
    token: str
    id: int
    template: bool


def refuse_unknown_roles(roles: Mapping[str, str]) -> None:
    """AskedWrongly for a role that transformers does not know, and for a role without a token."""
    for role, token in roles.items():
        if role not in ROLES:
            raise AskedWrongly(f"there is no role {role}", fix=did_you_mean(role, ROLES))
        if not token.strip():
            raise AskedWrongly(f"the role {role} names no token", fix=f"--role '{role}=[NEW]'")


def moved_roles(
    tokenizer: Tokenizer, roles: Mapping[str, str], wanted: Mapping[str, str]
) -> tuple[Tokenizer, tuple[Move, ...]]:
    """A copy in which the wanted roles are played by their new tokens, which have ids already.

    A token may play two roles in one template (RoBERTa's </s> is sep and eos): the place is the sep's.
    """
    raw = json.loads(tokenizer.to_str())
    moves = []
    for role, token in wanted.items():
        before, number = roles.get(role, ""), tokenizer.token_to_id(token)
        if before == token or number is None:
            continue
        in_template = _is_framing(role, before, roles) and _renamed(
            raw.get("post_processor"), before, token, number
        )
        if role == "unk":
            _rename_unknown(raw["model"], token, number)
        moves.append(
            Move(role, before, tokenizer.token_to_id(before) if before else None, token, number, in_template)
        )
    return parse(json.dumps(raw), name="the tokenizer with its roles moved"), tuple(moves)


def with_moves(config: dict[str, Any], moves: tuple[Move, ...]) -> dict[str, Any]:
    """The tokenizer's config with the roles' new tokens; the old ones stay special, without a role."""
    config = {**config, **{f"{move.role}_token": move.token for move in moves}}
    named = {config.get(f"{role}_token") for role in ROLES}
    listed = [*extra_of(config), *(move.before for move in moves if move.before)]
    extra = [token for token in dict.fromkeys(listed) if token not in named]
    kept = {
        key: value for key, value in config.items() if key not in EXTRA_KEYS or isinstance(value, Mapping)
    }
    return {**kept, "additional_special_tokens": extra} if extra else kept


def _is_framing(role: str, before: str, roles: Mapping[str, str]) -> bool:
    """Whether the old token's place in a template belongs to this role."""
    if not before:
        return False
    return role in FRAMING or (role in ("bos", "eos") and before not in [roles.get(each) for each in FRAMING])


def _renamed(processor: Any, before: str, token: str, number: int) -> bool:  # noqa: ANN401  JSON of five kinds
    """Put the token into the template in place of the old one; False when that was not there."""
    if not processor:
        return False
    inner = [_renamed(each, before, token, number) for each in processor.get("processors") or ()]
    old_kind = [key for key in FRAMING if processor.get(key, [None])[0] == before]
    for key in old_kind:
        processor[key] = [token, number]
    found = False
    for piece in (*(processor.get("single") or ()), *(processor.get("pair") or ())):
        place = piece.get("SpecialToken", {})
        if place.get("id") == before:
            place["id"], found = token, True
    if found:
        del processor["special_tokens"][before]
        processor["special_tokens"][token] = {"id": token, "ids": [number], "tokens": [token]}
    return found or bool(old_kind) or any(inner)


def _rename_unknown(model: dict[str, Any], token: str, number: int) -> None:
    """The unknown token is the model's own word: it must be in the model's vocabulary, not beside it."""
    vocabulary = model.get("vocab") or {}
    inside = [entry[0] for entry in vocabulary] if isinstance(vocabulary, list) else vocabulary
    if token not in inside:
        raise AskedWrongly(
            f"unk cannot move to {token}: the model gives the unknown token itself, and an added token is "
            "beside its vocabulary",
            fix="name a token of the vocabulary, or train with that unknown token",
        )
    model["unk_id" if isinstance(vocabulary, list) else "unk_token"] = (
        number if isinstance(vocabulary, list) else token
    )
