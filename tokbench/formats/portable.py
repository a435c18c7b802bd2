"""What reading a file of another format gives: the library's tokenizer, and what its files say of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
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
    """What a file may not say.

    cased: of a vocab.txt, None to find it out. encoding, pattern: of tiktoken's ranks, whose they are, and
    the regular expression that cuts texts. tokenizer_class: of transformers, whose rules the files follow.
    """

    cased: bool | None = None
    encoding: str = ""
    pattern: str = ""
    tokenizer_class: str = ""


Encode = Callable[[str], list[int]]


@dataclass(frozen=True)
class Oracle:
    """A package that gives the ids of a text.

    prepare: what both sides are given in the text's place. never: tokens that it does not find in a text, as
    SentencePiece finds no control piece, and the library would. token_id: the id of a special token, None
    where it has none. whole: it encodes as a model is given texts, with special tokens found and put around;
    else special tokens are text, and none is put in. close: ends the process that it is.
    """

    package: str
    encode: Encode
    prepare: Callable[[str], str] = str
    never: Collection[str] = ()
    token_id: Callable[[str], int | None] | None = None
    whole: bool = False
    close: Callable[[], None] = lambda: None


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
