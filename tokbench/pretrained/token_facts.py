"""What each file of a folder says of tokens, and who reads it; a new type of file is a reader more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer

from tokbench.errors import FileError, MissingExtraError
from tokbench.formats.sentencepiece_models import read_pieces
from tokbench.formats.vocabulary_files import (
    read_lines,
    read_merges,
    read_table,
    read_tiktoken,
)
from tokbench.io.json_files import read_object
from tokbench.pretrained.special_tokens import content_of, roles_of
from tokbench.recipes.recipe import ROLES

MOST = 4  # added tokens whose changed flags are named
FLAGS = ("lstrip", "rstrip", "single_word", "normalized", "special")


@dataclass(frozen=True)
class TokenFacts:
    """What one file says of tokens.

    `ids`: token → id; `flags`: added token → flag → value; `roles`: role → token; `numbers`: role → ids;
    `merges`: pairs in order, None where the file has none; `problem`: why it could not be read, or "";
    `missing`: the error of a package that reading it needs and that is not installed, None when nothing is.
    """

    file: str
    readers: str = ""
    ids: Mapping[str, int] = field(default_factory=dict)
    flags: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=dict)
    numbers: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    merges: Sequence[tuple[str, str]] | None = None
    problem: str = ""
    missing: MissingExtraError | None = None


Said = dict[str, Any]  # the fields of TokenFacts that a reader fills


@dataclass(frozen=True)
class FileReader:
    """How a kind of file, by the pattern of its name, is read, and the programs that take it."""

    pattern: str
    read: Callable[[Path], Said]
    readers: str

    def facts(self, path: Path) -> TokenFacts:
        """What the file says, or that it cannot be read."""
        try:
            return TokenFacts(path.name, self.readers, **self.read(path))
        except FileError as error:
            return TokenFacts(path.name, self.readers, problem=error.message)
        except MissingExtraError as error:
            return TokenFacts(path.name, self.readers, missing=error)


def _tokenizer_config(path: Path) -> Said:
    return config_facts(read_object(path))


def config_facts(config: Mapping[str, Any]) -> Said:
    """What a tokenizer_config.json says: ids and flags of its added_tokens_decoder; roles, also of media."""
    decoder = config.get("added_tokens_decoder")
    entries = decoder.items() if isinstance(decoder, Mapping) else ()
    tokens = {content_of(entry): (number, entry) for number, entry in entries if content_of(entry)}
    return {
        "ids": {token: int(number) for token, (number, _) in tokens.items() if str(number).isdecimal()},
        "flags": {token: flags_of(entry) for token, (_, entry) in tokens.items()},
        "roles": named_roles(config),
    }


def named_roles(config: Mapping[str, Any]) -> dict[str, str]:
    """Role → token of a tokenizer_config.json, those of images, sounds and the like included."""
    extra = config.get("extra_special_tokens")
    return {**roles_of(config), **_named({**config, **(extra if isinstance(extra, Mapping) else {})})}


def flags_of(entry: object) -> dict[str, bool]:
    """How an added token is matched, as far as its entry says."""
    found = entry if isinstance(entry, Mapping) else {}
    return {name: bool(found[name]) for name in FLAGS if isinstance(found.get(name), bool)}


def changed_flags(tokenizer: Tokenizer, config: Mapping[str, Any]) -> dict[str, dict[str, bool]]:
    """Added token → flag → what transformers makes of it, where that is not what tokenizer.json says.

    It takes all flags of an added_tokens_decoder in tokenizer_config.json. A flag that changes no text is
    left out: `normalized` where the normalizer neither changes the token nor leads to it.
    """
    decoder = config.get("added_tokens_decoder")
    told = {content_of(each): each for each in decoder.values()} if isinstance(decoder, Mapping) else {}
    own = tokenizer.get_added_tokens_decoder() if told else {}
    found = {
        entry.content: other
        for entry in own.values()
        if entry.content in told and (other := _other_flags(entry, told[entry.content]))
    }
    for token in [token for token, other in found.items() if "normalized" in other]:
        if not _is_normalized(tokenizer, token):
            del found[token]["normalized"]
    return {token: found[token] for token in told if found.get(token)}


def _other_flags(entry: AddedToken, told: object) -> dict[str, bool]:
    """The flags of a token's entry in a config that are not the token's own."""
    found = told if isinstance(told, Mapping) else {}
    mine = entry.lstrip, entry.rstrip, entry.single_word, entry.normalized, entry.special
    return {
        name: found[name]
        for name, own in zip(FLAGS, mine, strict=True)
        if found.get(name, own) is not own and isinstance(found[name], bool)
    }


def flag_words(loaded_as: Mapping[str, Mapping[str, bool]]) -> list[str]:
    """What transformers makes of added tokens, a phrase a token, the first few.

    >>> flag_words({"[E1]": {"rstrip": True, "special": False}})
    ['[E1] with rstrip=True, special=False']
    """
    phrases = [
        f"{token} with {', '.join(f'{flag}={value}' for flag, value in flags.items())}"
        for token, flags in loaded_as.items()
    ]
    more = [f"{len(phrases) - MOST:,} more tokens"] if len(phrases) > MOST else []
    return [*phrases[:MOST], *more]


def _is_normalized(tokenizer: Tokenizer, token: str) -> bool:
    normalizer = tokenizer.normalizer
    if normalizer is None:
        return False
    after, other = normalizer.normalize_str(token), normalizer.normalize_str(token.swapcase())
    return bool(after != token or other == token)


def _named(content: Mapping[str, Any]) -> dict[str, str]:
    """Roles beyond the usual ones, such as image from image_token."""
    return {
        key.removesuffix("_token"): content_of(value)
        for key, value in content.items()
        if key.endswith("_token") and key.removesuffix("_token") not in ROLES and content_of(value)
    }


def _processor(path: Path) -> Said:
    return {"roles": _named(read_object(path))}


def _special_tokens_map(path: Path) -> Said:
    content = read_object(path)
    return {"roles": {**roles_of(content), **_named(content)}}


def _model_config(path: Path) -> Said:
    """Ids by role, at the top and in the part of the text model."""
    content = read_object(path)
    parts = [content.get("text_config"), content]
    found: dict[str, tuple[int, ...]] = {}
    for part in parts:
        for key, value in part.items() if isinstance(part, Mapping) else ():
            role = key.removesuffix("_token_id").removesuffix("_token_index")
            numbers = value if isinstance(value, list) else [value]
            if role != key and all(type(each) is int for each in numbers):
                found[role] = tuple(numbers)
    return {"numbers": found}


def _ids(read: Callable[[Path], dict[str, int]]) -> Callable[[Path], Said]:
    return lambda path: {"ids": read(path)}


SLOW = "transformers 4 without its fast tokenizers"
FILE_READERS = (
    FileReader("tokenizer_config.json", _tokenizer_config, "transformers 4 and 5, vLLM, llama.cpp"),
    FileReader("special_tokens_map.json", _special_tokens_map,
               "transformers, where tokenizer_config.json has no added_tokens_decoder"),
    FileReader("added_tokens.json", _ids(read_table),
               "llama.cpp, and transformers where tokenizer_config.json has no added_tokens_decoder"),
    FileReader("vocab.txt", _ids(read_lines), SLOW),
    FileReader("vocab.json", _ids(read_table), SLOW),
    FileReader("merges.txt", lambda path: {"merges": read_merges(path)}, SLOW),
    FileReader("*.model", _ids(read_pieces), f"llama.cpp, SentencePiece, {SLOW}"),
    FileReader("*.tiktoken", _ids(read_tiktoken), "tiktoken, and code of the model's own"),
    FileReader("*processor_config.json", _processor, "processors of transformers, vLLM"),
    FileReader("config.json", _model_config, "transformers, vLLM, llama.cpp"),
    FileReader("generation_config.json", _model_config, "generate of transformers, vLLM"),
)  # fmt: skip


class FolderFacts:
    """What the files of a folder say of tokens, each read when it is first asked for."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._read: dict[str, TokenFacts] = {}

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The files that say something of tokens, in the order of the readers."""
        there = [] if self._folder is None else sorted(path.name for path in self._folder.iterdir())
        return tuple(name for reader in FILE_READERS for name in there if fnmatchcase(name, reader.pattern))

    def of(self, *patterns: str) -> Iterator[TokenFacts]:
        """The facts of the files whose names fit one of these patterns."""
        for name in self.names:
            if any(fnmatchcase(name, pattern) for pattern in patterns):
                if name not in self._read:
                    reader = next(each for each in FILE_READERS if fnmatchcase(name, each.pattern))
                    assert self._folder is not None
                    self._read[name] = reader.facts(self._folder / name)
                yield self._read[name]
