"""Pre-tokenizers by name: they cut the text into words, which pieces never cross."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tokenizers import pre_tokenizers as library
from tokenizers.pre_tokenizers import PreTokenizer

from tokbench.recipes.options import blocks, flag, one_character, one_of, text_option, whole_number
from tokbench.recipes.recipe import Block, read_blocks
from tokbench.recipes.registry import (
    BYTE_LETTERS,
    LETTERS,
    MARKS,
    SPACES,
    BlockSpec,
    make,
    make_sequence,
    pattern,
)

BEHAVIORS = ("removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous")
SCHEMES = ("always", "first", "never")


def pre_tokenizer(chosen: Sequence[Block]) -> PreTokenizer | None:
    """One pre-tokenizer that does these in order; none for none."""
    return make_sequence(chosen, PRE_TOKENIZERS, "pre_tokenizer", library.Sequence)


def _sequence(blocks: Sequence[Any]) -> PreTokenizer:
    inner = read_blocks(blocks, "pre_tokenizer Sequence: blocks")
    return library.Sequence([make(each, PRE_TOKENIZERS, "pre_tokenizer") for each in inner])


def _split(behavior: str, *, invert: bool, **sought: str) -> PreTokenizer:
    return library.Split(pattern(**sought), behavior, invert)


def _read_by_bytes(options: Mapping[str, Any]) -> tuple[str, ...]:
    """ByteLevel reads spaces only where it cuts words."""
    return (LETTERS, SPACES) if options.get("use_regex", True) else (LETTERS,)


def _sought(options: Mapping[str, Any]) -> tuple[str, ...]:
    """What a pattern looks for; nothing of the text as it was typed where it names ▁ or letters for bytes."""
    regex, text = options.get("regex"), options.get("pattern") or options.get("delimiter") or ""
    if any(letter == "▁" or "\u0100" <= letter <= "\u0143" for letter in regex or text):
        return ()
    if regex:
        return (LETTERS, SPACES) if " " in regex or r"\s" in regex else (LETTERS,)
    return (SPACES,) if " " in text else (LETTERS,)


PRE_TOKENIZERS: dict[str, BlockSpec[PreTokenizer]] = {
    "BertPreTokenizer": BlockSpec(
        "Cut at white space and around punctuation.", library.BertPreTokenizer, reads=(LETTERS, SPACES)
    ),
    "ByteLevel": BlockSpec(
        "Write every byte as one visible character, and cut into words as GPT-2 does.",
        library.ByteLevel,
        {"add_prefix_space": flag(True), "trim_offsets": flag(True), "use_regex": flag(True)},
        reads=_read_by_bytes,
        writes=(BYTE_LETTERS,),
    ),
    "CharDelimiterSplit": BlockSpec(
        "Cut at one character, which is dropped.",
        library.CharDelimiterSplit,
        {"delimiter": one_character()},
        reads=_sought,
    ),
    "Digits": BlockSpec(
        "Cut numbers from letters.", library.Digits, {"individual_digits": flag(False)}, reads=(LETTERS,)
    ),
    "FixedLength": BlockSpec(
        "Cut into parts of so many characters.", library.FixedLength, {"length": whole_number(5, low=1)}
    ),
    "Metaspace": BlockSpec(
        "Write spaces as ▁ and cut before them, as SentencePiece does.",
        library.Metaspace,
        {
            "replacement": one_character("▁"),
            "prepend_scheme": one_of(*SCHEMES, default="always"),
            "split": flag(True),
        },
        reads=(SPACES,),
        writes=(MARKS,),
    ),
    "Punctuation": BlockSpec(
        "Cut at punctuation.",
        library.Punctuation,
        {"behavior": one_of(*BEHAVIORS, default="isolated")},
        reads=(LETTERS,),
    ),
    "Sequence": BlockSpec("Do several in order.", _sequence, {"blocks": blocks()}),
    "Split": BlockSpec(
        "Cut at a literal pattern or a regex; invert takes what does not match.",
        _split,
        {
            "pattern": text_option(None),
            "regex": text_option(None),
            "behavior": one_of(*BEHAVIORS),
            "invert": flag(False),
        },
        reads=_sought,
    ),
    "UnicodeScripts": BlockSpec(
        "Cut where the script changes; kana and kanji are one.", library.UnicodeScripts, reads=(LETTERS,)
    ),
    "Whitespace": BlockSpec(
        r"Cut into words and runs of signs: \w+|[^\w\s]+.", library.Whitespace, reads=(LETTERS, SPACES)
    ),
    "WhitespaceSplit": BlockSpec("Cut at white space.", library.WhitespaceSplit, reads=(SPACES,)),
}
