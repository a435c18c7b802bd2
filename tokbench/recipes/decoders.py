"""Decoders by name, which turn tokens back into text; by default those that undo a recipe's blocks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tokenizers import decoders as library
from tokenizers.decoders import Decoder

from tokbench.recipes.options import blocks, flag, one_character, one_of, text_option, whole_number
from tokbench.recipes.pre_tokenizers import SCHEMES
from tokbench.recipes.recipe import Block, Recipe, block, flat, read_blocks
from tokbench.recipes.registry import ONE_TOKEN, TOKENS, BlockSpec, make, make_sequence, pattern

LOSSLESS = ("Digits", "FixedLength", "Punctuation", "Split", "UnicodeScripts")  # pre-tokenizers


def decoder(chosen: Sequence[Block]) -> Decoder | None:
    """One decoder that does these in order; none for none."""
    return make_sequence(chosen, DECODERS, "decoder", library.Sequence)


def _sequence(blocks: Sequence[Any]) -> Decoder:
    inner = read_blocks(blocks, "decoder Sequence: blocks")
    return library.Sequence([make(each, DECODERS, "decoder") for each in inner])


def _replace(content: str, **sought: str) -> Decoder:
    return library.Replace(pattern(**sought), content)


DECODERS: dict[str, BlockSpec[Decoder]] = {
    "BPEDecoder": BlockSpec(
        "Turn the suffix that ends a word into a space.", library.BPEDecoder, {"suffix": text_option("</w>")}
    ),
    "ByteFallback": BlockSpec(
        "Turn tokens such as <0x41> into the bytes they name.", library.ByteFallback, reads=(TOKENS,)
    ),
    "ByteLevel": BlockSpec("Turn the visible characters of bytes back into bytes.", library.ByteLevel),
    "CTC": BlockSpec(
        "Join repeated tokens and drop pads, for speech.",
        library.CTC,
        {"pad_token": text_option("<pad>"), "word_delimiter_token": text_option("|"), "cleanup": flag(True)},
        reads=(TOKENS,),
    ),
    "Fuse": BlockSpec("Join all tokens without spaces.", library.Fuse, writes=(ONE_TOKEN,)),
    "Metaspace": BlockSpec(
        "Turn ▁ into spaces.",
        library.Metaspace,
        {
            "replacement": one_character("▁"),
            "prepend_scheme": one_of(*SCHEMES, default="always"),
            "split": flag(True),
        },
    ),
    "Replace": BlockSpec(
        "Replace a literal pattern or a regex in every token.",
        _replace,
        {"pattern": text_option(None), "regex": text_option(None), "content": text_option(empty=True)},
    ),
    "Sequence": BlockSpec("Do several in order.", _sequence, {"blocks": blocks()}),
    "Strip": BlockSpec(
        "Drop so many of one character at the ends of every token.",
        library.Strip,
        {"content": one_character(" "), "left": whole_number(0), "right": whole_number(0)},
    ),
    "WordPiece": BlockSpec(
        "Join pieces that continue a word; cleanup drops the spaces before signs.",
        library.WordPiece,
        {"prefix": text_option("##"), "cleanup": flag(True)},
        reads=(TOKENS,),
    ),
}


def default_decoders(recipe: Recipe, trainer: Mapping[str, Any]) -> tuple[Block, ...]:
    """The decoders; none where words are best joined by spaces. `trainer`: its options, defaults included.

    >>> default_decoders(Recipe(pre_tokenizers=(block("ByteLevel"),)), {})
    (Block(type='ByteLevel', options={}),)
    """
    prefix, suffix = trainer.get("continuing_subword_prefix"), trainer.get("end_of_word_suffix")
    before = list(flat(recipe.pre_tokenizers))
    spaces = [each for each in before if each.type == "Metaspace"]
    if recipe.is_byte_level and suffix:
        # Strip would panic where there is nothing to strip from (tokenizers 0.23.3, decoders/strip.rs).
        last = block("Replace", regex=r" \z", content="")
        return (block("ByteLevel"), block("Replace", pattern=suffix, content=" "), last)
    if recipe.is_byte_level:
        return (block("ByteLevel"),)
    if suffix:
        marks = (block("Replace", regex=f"^{re.escape(prefix)}", content=""),) if prefix else ()
        return (*marks, block("BPEDecoder", suffix=suffix))
    if prefix:
        return (block("WordPiece", prefix=prefix),)
    bytewise = (block("ByteFallback"), block("Fuse")) if recipe.model.get("byte_fallback") else ()
    if spaces:
        return (Block(type="Metaspace", options=spaces[-1].options), *bytewise)
    if recipe.algorithm == "character" or all(_is_lossless(each) for each in before):
        return bytewise or (block("Fuse"),)
    return bytewise


def _is_lossless(each: Block) -> bool:
    """Whether this pre-tokenizer drops no character."""
    return each.type in LOSSLESS and each.options.get("behavior") != "removed"
