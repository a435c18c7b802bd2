"""The special tokens of a tokenizer: the roles that its files give them, and roles moved to other tokens."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tokenizers import AddedToken, Tokenizer

from tokbench.errors import UsageError, did_you_mean
from tokbench.io.library_errors import parse_tokenizer
from tokbench.recipes.recipe import ROLES

EXTRA_KEYS = ("additional_special_tokens", "extra_special_tokens")  # transformers 4 and 5
FRAMING = ("cls", "sep")  # the roles of a template; bos and eos are those of decoders' templates

# What a special token is called when no config says it. A token of two roles is spelt the way of one family.
SPELLINGS: dict[str, tuple[str, ...]] = {
    "bos": ("[BOS]", "<s>", "<|begin_of_text|>", "<|endoftext|>"),
    "eos": ("[EOS]", "</s>", "<|end_of_text|>", "<|endoftext|>"),
    "unk": ("[UNK]", "<unk>"),
    "sep": ("[SEP]", "<sep>"),
    "pad": ("[PAD]", "<pad>"),
    "cls": ("[CLS]", "<cls>"),
    "mask": ("[MASK]", "<mask>"),
}


def roles_of(config: Mapping[str, Any]) -> dict[str, str]:
    """Role → token, in the order of ROLES, from a tokenizer_config.json or a special_tokens_map.json.

    >>> roles_of({"pad_token": "[PAD]", "unk_token": {"content": "[UNK]"}, "cls_token": None})
    {'unk': '[UNK]', 'pad': '[PAD]'}
    """
    found = {role: content_of(config.get(f"{role}_token")) for role in ROLES}
    return {role: token for role, token in found.items() if token}


def extra_of(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The special tokens without a role that a config declares, under either version's name for them.

    >>> extra_of({"additional_special_tokens": ["[E1]", {"content": "[E2]"}]})
    ('[E1]', '[E2]')
    """
    lists = [config[key] for key in EXTRA_KEYS if isinstance(config.get(key), list)]
    contents = [content_of(entry) for entries in lists for entry in entries]
    return tuple(dict.fromkeys(content for content in contents if content))


def content_of(entry: object) -> str:
    """The text of a token that a config writes as a string or as an object with its `content`; else ''."""
    if isinstance(entry, Mapping):
        entry = entry.get("content")
    return entry if isinstance(entry, str) else ""


def guessed_roles(raw: Mapping[str, Any]) -> dict[str, str]:
    """Role → token of a bare tokenizer.json, by how its special tokens are spelt and used."""
    special = set(_special_in(raw))
    found = {role: [token for token in spelt if token in special] for role, spelt in SPELLINGS.items()}
    guessed = {role: tokens[0] for role, tokens in found.items() if tokens} | _named_by_blocks(raw)
    return {role: guessed[role] for role in ROLES if role in guessed}


def declared(tokenizer: Tokenizer, tokens: Iterable[str]) -> Tokenizer:
    """A copy in which these tokens are special: a text that holds one gives its id whole.

    A wrapper makes every token with a role special when it loads; the file should already say so. One that
    is special already keeps its flags, such as lstrip of RoBERTa's mask.
    """
    copy = Tokenizer.from_str(tokenizer.to_str())
    already = special_tokens_of(tokenizer)
    new = [token for token in tokens if token not in already]
    copy.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in new])
    return copy


def special_tokens_of(tokenizer: Tokenizer) -> dict[str, int]:
    """Token → id of everything that the tokenizer itself treats as special, in id order."""
    found = tokenizer.get_added_tokens_decoder()
    return {token.content: number for number, token in sorted(found.items()) if token.special}


def _special_in(raw: Mapping[str, Any]) -> Iterator[str]:
    for entry in raw.get("added_tokens") or ():
        if isinstance(entry, Mapping) and entry.get("special"):
            yield content_of(entry)


def _named_by_blocks(raw: Mapping[str, Any]) -> dict[str, str]:
    """What the model and the old-style post-processors say of themselves."""
    model, processor = raw.get("model") or {}, raw.get("post_processor") or {}
    found = {"unk": model.get("unk_token")}
    if processor.get("type") in ("BertProcessing", "RobertaProcessing"):
        found |= {role: processor[role][0] for role in ("sep", "cls")}
    return {role: token for role, token in found.items() if isinstance(token, str)}


GONE = -1  # the id of a role that no token has any more


@dataclass(frozen=True)
class Move:
    """A role's token before ('' for none) and now ('' for none, whose id is GONE), with their ids.

    `template` tells whether a template had the old one and now has the new one.
    """

    role: str
    before: str
    before_id: int | None
    token: str
    id: int
    template: bool


def refuse_unknown_roles(roles: Mapping[str, str]) -> None:
    """UsageError for a role that transformers does not know, and for a role without a token."""
    for role, token in roles.items():
        if role not in ROLES:
            raise UsageError(f"there is no role {role}", fix=did_you_mean(role, ROLES))
        if not token.strip():
            raise UsageError(f"the role {role} names no token", fix=f"--role '{role}=[NEW]'")


def moved_roles(
    tokenizer: Tokenizer, roles: Mapping[str, str], new_roles: Mapping[str, str]
) -> tuple[Tokenizer, tuple[Move, ...]]:
    """The tokenizer, or a copy in which these roles are played by new tokens, which have ids.

    A token may play two roles in one template (RoBERTa's </s> is sep and eos): the place is the sep's.
    """
    if not new_roles:
        return tokenizer, ()
    raw = json.loads(tokenizer.to_str())
    moves = []
    for role, token in new_roles.items():
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
    return parse_tokenizer(json.dumps(raw), name="the tokenizer with its roles moved"), tuple(moves)


def with_moves(config: dict[str, Any], moves: tuple[Move, ...]) -> dict[str, Any]:
    """The tokenizer's config with the roles' new tokens; the old ones stay special, without a role."""
    config = {**config, **{f"{move.role}_token": move.token for move in moves}}
    named = {config.get(f"{role}_token") for role in ROLES}
    listed = [*extra_of(config), *(move.before for move in moves if move.before)]
    extra = [token for token in dict.fromkeys(listed) if token not in named]
    return with_extra(config, extra)


def with_extra(config: Mapping[str, Any], tokens: Iterable[str]) -> dict[str, Any]:
    """The config with these special tokens without a role in the place of those it has.

    Version 5's list goes by a name that 4 cannot read; its named tokens (an object) stay as they are.
    """
    others = {
        key: value for key, value in config.items() if key not in EXTRA_KEYS or isinstance(value, Mapping)
    }
    extra = list(dict.fromkeys(tokens))
    return {**others, "additional_special_tokens": extra} if extra else others


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


def adopted_template(
    processor: Mapping[str, Any] | None,
    template: Mapping[str, Any] | None,
    names: Mapping[str, tuple[str, int]],
) -> dict[str, Any] | None:
    """A post-processor that adds nothing, with another's template behind it; None where that has none.

    `names` are token of the template → the token in its place and its id; None as well where one is missing.

    >>> bert = {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]}
    >>> adopted_template(None, bert, {"[SEP]": ("</s>", 1), "[CLS]": ("<s>", 0)})
    {'type': 'BertProcessing', 'sep': ['</s>', 1], 'cls': ['<s>', 0]}
    """
    for block in _processors(template):
        renamed = json.loads(json.dumps(block))
        placed = [key for key in FRAMING if isinstance(block.get(key), list)]
        pieces = [*(renamed.get("single") or ()), *(renamed.get("pair") or ())]
        places = [each["SpecialToken"] for each in pieces if "SpecialToken" in each]
        wanted = {*(block[key][0] for key in placed), *(each["id"] for each in places)}
        if not wanted or not wanted <= names.keys():
            continue
        renamed.update({key: list(names[block[key][0]]) for key in placed})
        for each in places:
            each["id"] = names[each["id"]][0]
        if "special_tokens" in block:
            renamed["special_tokens"] = {
                token: {"id": token, "ids": [number], "tokens": [token]}
                for token, number in (names[each] for each in sorted(wanted))
            }
        before = list(_processors(processor))
        return {"type": "Sequence", "processors": [*before, renamed]} if before else renamed
    return None


def _processors(processor: Mapping[str, Any] | None) -> Iterator[dict[str, Any]]:
    """The blocks of a post-processor in order."""
    if processor and processor.get("type") == "Sequence":
        for inner in processor.get("processors") or ():
            yield from _processors(inner)
    elif processor:
        yield dict(processor)


def _rename_unknown(model: dict[str, Any], token: str, number: int) -> None:
    """The unknown token is the model's own word: it must be in the model's vocabulary, not beside it."""
    vocabulary = model.get("vocab") or {}
    inside = [entry[0] for entry in vocabulary] if isinstance(vocabulary, list) else vocabulary
    if token not in inside:
        raise UsageError(
            f"unk cannot move to {token}: the model gives the unknown token itself, and an added token is "
            "beside its vocabulary",
            fix="name a token of the vocabulary, or train with that unknown token",
        )
    model["unk_id" if isinstance(vocabulary, list) else "unk_token"] = (
        number if isinstance(vocabulary, list) else token
    )
