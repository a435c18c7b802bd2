"""Role, token and id of the special tokens, as the files of a folder tell them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tokenizers import AddedToken, Tokenizer

ROLES = ("bos", "eos", "unk", "sep", "pad", "cls", "mask")
EXTRA_KEYS = ("additional_special_tokens", "extra_special_tokens")  # transformers 4 and 5

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


def ids_of(tokenizer: Tokenizer, roles: Mapping[str, str]) -> dict[str, int]:
    """Role → id, without the roles whose token the vocabulary does not have."""
    found = {role: tokenizer.token_to_id(token) for role, token in roles.items()}
    return {role: number for role, number in found.items() if number is not None}


def guessed_roles(raw: Mapping[str, Any]) -> dict[str, str]:
    """Role → token of a bare tokenizer.json, by how its special tokens are spelt and used."""
    special = set(_special_in(raw))
    found = {role: [token for token in spelt if token in special] for role, spelt in SPELLINGS.items()}
    guessed = {role: tokens[0] for role, tokens in found.items() if tokens} | _named_by_blocks(raw)
    return {role: guessed[role] for role in ROLES if role in guessed}


def declared(tokenizer: Tokenizer, tokens: Iterable[str]) -> Tokenizer:
    """A copy in which these tokens are special: a text that holds one gives its id whole.

    A wrapper makes every token with a role special when it loads; the file should already say so.
    """
    copy = Tokenizer.from_str(tokenizer.to_str())
    copy.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in tokens])
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
