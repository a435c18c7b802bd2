"""What a token spells: the characters a person typed, and bytes where it is less than a character."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from tokbench.native.byte_alphabet import byte_characters

BYTE_PIECE = re.compile(r"<0x([0-9A-F]{2})>")
SPACE = "▁"
INNER = {"normalizer": "normalizers", "pre_tokenizer": "pretokenizers", "decoder": "decoders"}


@cache
def byte_values() -> Mapping[str, int]:
    """The letters of byte-level tokenizers and their bytes.

    >>> byte_values()["Ġ"], byte_values()["a"]
    (32, 97)
    """
    return {letter: byte for byte, letter in enumerate(byte_characters())}


def blocks_of(raw: Mapping[str, Any], place: str) -> list[dict[str, Any]]:
    """The blocks at a place of a tokenizer.json in order, each Sequence replaced by what is inside it."""
    return list(_flat(raw.get(place), INNER.get(place, "processors")))


def _flat(block: object, inner: str) -> Iterator[dict[str, Any]]:
    if not isinstance(block, dict):
        return
    if block.get("type") != "Sequence":
        yield block
        return
    parts = block.get(inner)
    for each in parts if isinstance(parts, list) else ():
        yield from _flat(each, inner)


def is_byte_level(raw: Mapping[str, Any]) -> bool:
    """Whether this tokenizer's model reads letters that stand for bytes."""
    return any(
        block["type"] == "ByteLevel"
        for place in ("normalizer", "pre_tokenizer")
        for block in blocks_of(raw, place)
    )


class Speller:
    """Says what a token spells, for one tokenizer."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self._byte_level = is_byte_level(raw)
        self._falls_back = bool(raw["model"].get("byte_fallback"))
        self._prefix: str = raw["model"].get("continuing_subword_prefix") or ""
        self._spelled: dict[str, tuple[str, bool]] = {}  # a long text has few different tokens

    def bytes_of(self, token: str) -> bytes | None:
        """The bytes this token stands for, where it stands for bytes."""
        if self._byte_level:
            values = byte_values()
            return bytes(values[c] for c in token) if all(c in values for c in token) else None
        found = BYTE_PIECE.fullmatch(token) if self._falls_back else None
        return bytes([int(found[1], 16)]) if found else None

    def spell(self, token: str) -> tuple[str, bool]:
        """What it spells, and whether it holds a part of a character."""
        known = self._spelled.get(token)
        if known is None:
            raw = self.bytes_of(token)
            known = self._spelled[token] = (token, False) if raw is None else spelled(raw)
        return known

    def without_prefix(self, spelling: str) -> str:
        """A spelling without the mark of a piece that continues a word."""
        return spelling.removeprefix(self._prefix) or spelling

    def quoted(self, token: str) -> str:
        """What it spells, in quotes, so that a space at its end is seen."""
        return repr(self.spell(token)[0])


def spelled(raw: bytes) -> tuple[str, bool]:
    """Bytes as text; runs that are no whole character as ‹EAB0›, and whether there are any.

    >>> spelled("a안".encode()[:3])
    ('a‹EC95›', True)
    >>> spelled(b" the")
    (' the', False)
    """
    text, at = "", 0
    partial = False
    while at < len(raw):
        try:
            return (text + raw[at:].decode()).replace("›‹", ""), partial
        except UnicodeDecodeError as error:
            good, bad, partial = at + error.start, at + error.end, True
            text += raw[at:good].decode() + f"‹{raw[good:bad].hex().upper()}›"
            at = bad
    return text.replace("›‹", ""), partial


def shown_tokens(
    tokens: Sequence[str], texts: Sequence[str], offsets: Sequence[tuple[int, int]], speller: Speller
) -> Iterator[tuple[str, bool]]:
    """For each token what a person typed there, and whether it is a part of a character.

    `texts` are the tokens' parts of the text by `offsets`. A token that shares a character with a neighbour
    shows its own letters or bytes instead. A lone ▁ stands before a character without being a part of it.
    Spaces that offsets leave out are shown where the token has them.
    """
    for at, (token, text, (start, end)) in enumerate(zip(tokens, texts, offsets, strict=True)):
        spelling, partial = speller.spell(token)
        if partial:
            yield spelling, True
            continue
        beside = [n for n in (at - 1, at + 1) if 0 <= n < len(offsets)]
        sharing = [n for n in beside if max(start, offsets[n][0]) < min(end, offsets[n][1])]
        if sharing and token == SPACE:
            yield spelling, False
        elif any(tokens[n] != SPACE for n in sharing):
            yield speller.without_prefix(spelling), True
        else:
            yield spelling if spelling.strip() == text.strip() else text or spelling, False
