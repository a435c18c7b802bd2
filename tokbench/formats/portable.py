"""What reading a file of another format gives: the library's tokenizer, and what its files say of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, processors


@dataclass(frozen=True)
class ReadTokenizer:
    """A tokenizer read from a file of another format.

    kind: the format, a key of recognize.KINDS. files: those that were read. said: what was read and what was
    found out on the way, on one line. roles: role → special token; extra: special tokens without a role.
    config: what a tokenizer_config.json would say besides. pattern: the regular expression that cuts texts,
    where the format has one.
    """

    tokenizer: Tokenizer
    kind: str
    files: tuple[Path, ...]
    said: str
    roles: Mapping[str, str] = field(default_factory=dict)
    extra: tuple[str, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict)
    pattern: str = ""


@dataclass(frozen=True)
class ReadOptions:
    """What a file may not say. cased: of a vocab.txt, None to find it out; encoding: of tiktoken's ranks."""

    cased: bool | None = None
    encoding: str = ""


Encode = Callable[[str], list[int]]


@dataclass(frozen=True)
class Oracle:
    """A package that gives the ids of a text. prepare: what both sides are given in the text's place."""

    package: str
    encode: Encode
    prepare: Callable[[str], str] = str


def frame(tokenizer: Tokenizer, first: str, last: str, *, between: str = "", segments: bool = False) -> None:
    """Put `first` before a text and `last` behind it, `between` two texts; "" for nothing there."""
    second = 1 if segments else 0
    before, behind = [first] if first else [], [last] if last else []
    pair = [*before, "$A", *behind, *([between] if between else []), f"$B:{second}"]
    pair += [f"{last}:{second}"] if last else []
    named = [each for each in dict.fromkeys((first, last, between)) if each]
    template = processors.TemplateProcessing(
        single=[*before, "$A", *behind],
        pair=pair,
        special_tokens=[(each, tokenizer.token_to_id(each)) for each in named],
    )
    tokenizer.post_processor = template


def mark_special(tokenizer: Tokenizer, tokens: Mapping[str, Mapping[str, bool]]) -> None:
    """Make these tokens, which have their ids already, special; each with the flags that differ."""
    tokenizer.add_special_tokens(
        [AddedToken(token, special=True, normalized=False, **flags) for token, flags in tokens.items()]
    )
