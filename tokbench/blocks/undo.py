"""The decoders that undo a recipe's other blocks, for a recipe that names none."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tokbench.blocks.recipe import Block, Recipe, block, flat

KEEPING = ("Digits", "FixedLength", "Punctuation", "Split", "UnicodeScripts")


def undoing(recipe: Recipe, trainer: Mapping[str, Any]) -> tuple[Block, ...]:
    """The decoders; none where words are best joined by spaces. `trainer`: its options, defaults included.

    >>> undoing(Recipe(pre_tokenizers=(block("ByteLevel"),)), {})
    (Block(type='ByteLevel', options={}),)
    """
    prefix, suffix = trainer.get("continuing_subword_prefix"), trainer.get("end_of_word_suffix")
    before = list(flat(recipe.pre_tokenizers))
    spaces = [each for each in before if each.type == "Metaspace"]
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
    if recipe.algorithm == "character" or all(_keeps(each) for each in before):
        return bytewise or (block("Fuse"),)
    return bytewise


def _keeps(each: Block) -> bool:
    """Whether this pre-tokenizer drops no character."""
    return each.type in KEEPING and each.options.get("behavior") != "removed"
