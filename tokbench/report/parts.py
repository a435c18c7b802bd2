"""What a shown result is made of: plain data between a result and the terminal, a pipe or a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Headline:
    """One sentence that says how it went; mood is good, bad or plain."""

    text: str
    mood: str = "plain"


@dataclass(frozen=True)
class Facts:
    """Names and their values, one a line."""

    rows: Sequence[tuple[str, object]]
    title: str = ""


@dataclass(frozen=True)
class Grid:
    """A table: a header and rows of cells; columns named in `right` hold numbers.

    `stacked` puts the cells of a row below each other, for rows of long sentences: the first cells up to
    `stacked` make the first line, the others follow with their names.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[object]]
    title: str = ""
    right: Sequence[str] = ()
    stacked: int = 0


@dataclass(frozen=True)
class Chips:
    """Tokens in order; each is a piece of text and whether it is special or unknown."""

    tokens: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Paragraph:
    """Words to read, wrapped; raw text such as TOML or decoded text with `verbatim`."""

    text: str
    verbatim: bool = False


Part = Headline | Facts | Grid | Chips | Paragraph
