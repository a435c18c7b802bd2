"""Normalizers by name: they change the text before it is cut."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import Any

from tokenizers import normalizers as library
from tokenizers.normalizers import Normalizer

from tokbench.recipes.options import blocks, flag, text_option
from tokbench.recipes.recipe import Block, read_blocks
from tokbench.recipes.registry import (
    APART,
    BYTE_LETTERS,
    LETTERS,
    MARKS,
    SPACES,
    BlockSpec,
    make,
    make_sequence,
    pattern,
)


def normalizer(chosen: Sequence[Block]) -> Normalizer | None:
    """One normalizer that does these in order; none for none."""
    return make_sequence(chosen, NORMALIZERS, "normalizer", library.Sequence)


def _sequence(blocks: Sequence[Any]) -> Normalizer:
    inner = read_blocks(blocks, "normalizer Sequence: blocks")
    return library.Sequence([make(each, NORMALIZERS, "normalizer") for each in inner])


def _replace(content: str, **sought: str) -> Normalizer:
    return library.Replace(pattern(**sought), content)


def _written_for_spaces(options: Mapping[str, Any]) -> tuple[str, ...]:
    """▁ is what a Replace writes that puts another sign in the place of every space."""
    sought = options.get("pattern") or options.get("regex")
    return (MARKS,) if sought in (" ", r"\s") and str(options.get("content", "")).strip() else ()


def _precompiled(precompiled_charsmap: str) -> Normalizer:
    """Check what the library does not: a map whose table is cut short would panic at the first text."""
    try:
        charsmap = b64decode(precompiled_charsmap, validate=True)
    except binascii.Error as error:
        raise ValueError(f"precompiled_charsmap is not base64: {error}") from error
    size = int.from_bytes(charsmap[:4], "little")
    if size < 1024 or size % 1024 or len(charsmap) < 4 + size:
        raise ValueError("precompiled_charsmap is no SentencePiece character map, or is cut short")
    return library.Precompiled(charsmap)


NORMALIZERS: dict[str, BlockSpec[Normalizer]] = {
    "BertNormalizer": BlockSpec(
        "Clean, space out Chinese, strip accents, lowercase, as BERT; strip_accents takes Hangul apart.",
        library.BertNormalizer,
        {
            "clean_text": flag(True),
            "handle_chinese_chars": flag(True),
            "strip_accents": flag(None),  # unset: as lowercase
            "lowercase": flag(True),
        },
        reads=(LETTERS, SPACES),
    ),
    "ByteLevel": BlockSpec(
        "Write every byte as one visible character.",
        library.ByteLevel,
        reads=(LETTERS,),
        writes=(BYTE_LETTERS,),
    ),
    "Lowercase": BlockSpec("Lowercase every letter.", library.Lowercase, reads=(LETTERS,)),
    "NFC": BlockSpec("Compose characters, keeping their look.", library.NFC, reads=(LETTERS,)),
    "NFD": BlockSpec(
        "Decompose characters: accents and Hangul letters stand alone.",
        library.NFD,
        reads=(LETTERS,),
        writes=(APART,),
    ),
    "NFKC": BlockSpec(
        "Compose, and unify variants such as full width; changes lone Hangul letters.",
        library.NFKC,
        reads=(LETTERS,),
    ),
    "NFKD": BlockSpec(
        "Decompose, and unify variants such as full width.", library.NFKD, reads=(LETTERS,), writes=(APART,)
    ),
    "Nmt": BlockSpec(
        "Drop control characters and unify spaces, as SentencePiece's nmt rules do.",
        library.Nmt,
        reads=(LETTERS, SPACES),
    ),
    "Precompiled": BlockSpec(
        "Apply a SentencePiece character map, given in base64.",
        _precompiled,
        {"precompiled_charsmap": text_option()},
        reads=(LETTERS,),
    ),
    "Prepend": BlockSpec(
        "Put a text before every text that is not empty.", library.Prepend, {"prepend": text_option("▁")}
    ),
    "Replace": BlockSpec(
        "Replace a literal pattern or a regex by other text.",
        _replace,
        {"pattern": text_option(None), "regex": text_option(None), "content": text_option(empty=True)},
        writes=_written_for_spaces,
    ),
    "Sequence": BlockSpec("Do several in order.", _sequence, {"blocks": blocks()}),
    "Strip": BlockSpec(
        "Drop white space at the ends.",
        library.Strip,
        {"left": flag(True), "right": flag(True)},
        reads=(SPACES,),
    ),
    "StripAccents": BlockSpec(
        "Drop combining marks; needs NFD or NFKD before it.", library.StripAccents, reads=(LETTERS, APART)
    ),
}
