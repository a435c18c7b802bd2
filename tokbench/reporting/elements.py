"""What a shown result is made of: plain data between a result and the terminal, a pipe or a page."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tokbench.escapes import safe, safe_lines


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


def chip_kinds(
    special: Sequence[object], partial: Sequence[object], unknown: Sequence[object] = ()
) -> list[str]:
    """The kind of each chip, told in one way everywhere: what is special is no part of a character.

    A text that became the unknown token is unknown, though that token is special.

    >>> chip_kinds([1, 0, 1], [0, 1, 0], [0, 0, 1])
    ['special', 'partial', 'unknown']
    """
    rows = zip(special, unknown or [False] * len(special), partial, strict=True)
    return [
        "unknown" if is_unknown else "special" if is_special else "partial" if is_partial else ""
        for is_special, is_unknown, is_partial in rows
    ]


MOST_POINTS = 40  # of a curve in a pipe, where nobody draws it


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


def plain(part: Part) -> str:
    """A part as lines of tab-separated text."""
    match part:
        case Headline(text=text):
            return safe(text)
        case Facts(rows=rows, title=title):
            return _lines(title, (f"{safe(name)}\t{safe(value)}" for name, value in rows))
        case Grid(header=header, rows=rows, title=title):
            return _lines(title, ("\t".join(safe(cell) for cell in row) for row in (header, *rows)))
        case Chips(tokens=tokens):
            return "|".join(safe(text) for text, _ in tokens)
        case Paragraph(text=text, verbatim=verbatim):
            return text if verbatim else safe_lines(text)  # what is asked for as it is goes on through a pipe
        case Curve():
            return "\n".join(_points(part))
        case Heat():
            return "\n".join("\t".join(row) for row in cells(part))


def _lines(title: str, lines: Iterable[str]) -> str:
    """The lines, below a title if there is one."""
    return "\n".join([safe(title), *lines] if title else lines)


def _points(part: Curve) -> Iterator[str]:
    if sum(len(points) for _, points in part.series) > MOST_POINTS:
        counts = ", ".join(f"{safe(name)} {len(points)}" for name, points in part.series)
        yield f"{safe(part.title)}: {counts} points; --json has them"
        return
    yield f"series\t{safe(part.x)}\t{safe(part.y)}"
    for name, points in part.series:
        for x, y in points:
            yield f"{safe(name)}\t{x:g}\t{y:g}"


def cells(part: Heat) -> Iterator[list[str]]:
    """The header and the rows of a Heat as words; a value that is missing is a dash."""
    yield [safe(part.title), *map(safe, part.columns)]
    for name, row in zip(part.rows, part.values, strict=True):
        yield [safe(name), *("–" if value is None else f"{value:.4g}" for value in row)]


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
