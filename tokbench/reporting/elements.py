"""What a shown result is made of: plain data between a result and the terminal, a pipe or a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Headline:
    """One sentence that says how it went; mood is good, bad or plain.

    `opens` one that what follows belongs to, up to the next: a page makes it a heading.
    """

    text: str
    mood: str = "plain"
    opens: bool = False


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
    """Tokens in order; each is a piece of text and its kind: special, unknown, partial or empty.

    `ids` and `details` (what a page shows of a token pointed at) are as long as `tokens`, or empty.
    """

    tokens: Sequence[tuple[str, str]]
    ids: Sequence[int] = ()
    details: Sequence[str] = ()


@dataclass(frozen=True)
class Paragraph:
    """Words to read, wrapped; raw text such as TOML or decoded text with `verbatim`."""

    text: str
    verbatim: bool = False


@dataclass(frozen=True)
class Curve:
    """Lines over one axis: a series is its name and its points (x, y).

    `marks` are single points (x, y, words), such as a knee; `log_x` spaces x by powers.
    """

    title: str
    x: str
    y: str
    series: Sequence[tuple[str, Sequence[tuple[float, float]]]]
    marks: Sequence[tuple[float, float, str]] = ()
    log_x: bool = False


@dataclass(frozen=True)
class Heat:
    """A table whose cells are shaded by their value: one row of `values` for each of `rows`."""

    title: str
    rows: Sequence[str]
    columns: Sequence[str]
    values: Sequence[Sequence[float | None]]


Part = Headline | Facts | Grid | Chips | Paragraph | Curve | Heat
