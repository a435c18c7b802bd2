"""Tokens made visible: spaces that would be missed, marks that would climb onto their neighbour."""

from __future__ import annotations

import unicodedata

CARRIER = "◌"  # what Unicode's charts put under a mark that stands alone


def seen(text: str) -> str:
    """A token as it can be drawn: a mark, a vowel or a final letter without its own character gets a circle.

    >>> seen("\N{COMBINING ACUTE ACCENT}e") == CARRIER + "\N{COMBINING ACUTE ACCENT}e"
    True
    """
    return CARRIER + text if text and _leans(text[0]) else text


def visible(text: str) -> str:
    """A token for a table, where a space at the end of a cell would not be seen.

    >>> visible(" the ")
    '␣the␣'
    """
    return seen(text.replace(" ", "␣"))


def _leans(character: str) -> bool:
    """Whether this is drawn onto the character before it: marks, and Hangul vowels and finals."""
    return (
        unicodedata.category(character) in ("Mn", "Me", "Mc")
        or "\u1160" <= character <= "\u11ff"
        or "\ud7b0" <= character <= "\ud7ff"
    )
