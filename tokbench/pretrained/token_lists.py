"""How an added token is met in texts: the library's four switches, and tokens read from files with them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from tokbench.errors import DataError, FileError, did_you_mean
from tokbench.io.json_files import MIB, read_text

LARGEST = 64 * MIB


@dataclass(frozen=True, kw_only=True)
class MatchFlags:
    """How a token is looked for.

    `single_word`: never inside a longer word; None decides by its look (a word of spaced text: yes).
    `lstrip` and `rstrip`: the spaces before or behind it belong to it. `normalized`: looked for in the text
    as the normalizer leaves it, so that case follows the tokenizer, or in the raw text; None does the latter
    for markup, and the first for words where that works.
    """

    single_word: bool | None = None
    lstrip: bool = False
    rstrip: bool = False
    normalized: bool | None = None


@dataclass(frozen=True, kw_only=True)
class TokenList:
    """Tokens of a file: special ones, regular ones, and how those are met that the file tells it of."""

    special: tuple[str, ...] = ()
    regular: tuple[str, ...] = ()
    matching: Mapping[str, MatchFlags] = field(default_factory=dict)


KEYS = ("content", "special", *(each.name for each in fields(MatchFlags)))
EXAMPLE = '[{"content": "COVID", "single_word": true}, {"content": "[E1]", "special": true}]'


def read_token_list(path: Path, *, special: bool) -> TokenList:
    """The tokens of a text file, one a line, or of a JSON list of strings and objects.

    `special` says what a token is that does not say so itself. FileError for a file without tokens,
    DataError for an entry that is none.
    """
    text = read_text(Path(path), limit=LARGEST)
    if Path(path).suffix.lower() != ".json":
        tokens = tuple(line.strip() for line in text.splitlines() if line.strip())
        found = TokenList(special=tokens) if special else TokenList(regular=tokens)
    else:
        found = _from_json(text, str(path), special=special)
    if not (found.special or found.regular):
        raise FileError(f"{path} has no tokens", fix="write one token a line, or a JSON list of them")
    return found


def token_list(
    special: Sequence[str], regular: Sequence[str], special_file: Path | None, token_file: Path | None
) -> TokenList:
    """Tokens by name and those of two files as one list, in this order."""
    lists = [TokenList(special=tuple(special), regular=tuple(regular))]
    lists += [read_token_list(special_file, special=True)] if special_file else []
    lists += [read_token_list(token_file, special=False)] if token_file else []
    return TokenList(
        special=tuple(token for each in lists for token in each.special),
        regular=tuple(token for each in lists for token in each.regular),
        matching={token: how for each in lists for token, how in each.matching.items()},
    )


def _from_json(text: str, name: str, *, special: bool) -> TokenList:
    try:
        entries = json.loads(text)
    except ValueError as error:
        raise FileError(f"{name} is not JSON: {error}", fix=f"write a list: {EXAMPLE}") from error
    if isinstance(entries, Mapping):  # added_tokens of a tokenizer.json, or a vocabulary
        entries = entries.get("added_tokens", list(entries))
    if not isinstance(entries, list):
        raise FileError(f"{name} holds no list", fix=f"write a list: {EXAMPLE}")
    sorts: dict[bool, list[str]] = {True: [], False: []}
    matching = {}
    for place, entry in enumerate(entries):
        content, is_special, how = _entry(entry, f"{name}, entry {place}", special=special)
        sorts[is_special].append(content)
        if how is not None:
            matching[content] = how
    return TokenList(special=tuple(sorts[True]), regular=tuple(sorts[False]), matching=matching)


def _entry(entry: object, where: str, *, special: bool) -> tuple[str, bool, MatchFlags | None]:
    if isinstance(entry, str):
        return entry, special, None
    if not isinstance(entry, Mapping) or not isinstance(entry.get("content"), str):
        raise DataError(f"{where} is neither a string nor an object with content", fix=f"such as {EXAMPLE}")
    for key, value in entry.items():
        _refuse_oddities(str(key), value, where)
    chosen: dict[str, Any] = {
        each.name: entry[each.name] for each in fields(MatchFlags) if each.name in entry
    }
    return entry["content"], entry.get("special", special), MatchFlags(**chosen) if chosen else None


def _refuse_oddities(key: str, value: object, where: str) -> None:
    if key not in (*KEYS, "id"):  # an id is given by the tokenizer; a copied one is passed over
        raise DataError(f"{where} has an unknown key {key}", fix=did_you_mean(key, KEYS))
    if key not in ("content", "id") and not isinstance(value, bool):
        raise DataError(f"{where}: {key} is {value!r}, not true or false", fix=f"such as {EXAMPLE}")
