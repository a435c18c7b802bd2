"""Parts as text: a pipe gets the words of the terminal, tab-separated and never cut."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tokbench.report.parts import Chips, Curve, Facts, Grid, Headline, Heat, Paragraph, Part


def safe(value: object) -> str:
    r"""A value as text in which control characters show as escapes, so that no token drives the terminal.

    >>> safe("a\x1b[31m")
    'a\\x1b[31m'
    """
    words = "yes" if value is True else "no" if value is False else str(value)
    return "".join(c if c.isprintable() or c == " " else repr(c)[1:-1] for c in words)


def plain(part: Part) -> str:
    """A part as lines of tab-separated text."""
    match part:
        case Headline(text=text):
            return safe(text)
        case Facts(rows=rows, title=title):
            return _lines(title, (f"{name}\t{safe(value)}" for name, value in rows))
        case Grid(header=header, rows=rows, title=title):
            return _lines(title, ("\t".join(safe(cell) for cell in row) for row in (header, *rows)))
        case Chips(tokens=tokens):
            return "|".join(safe(text) for text, _ in tokens)
        case Paragraph(text=text):
            return text
        case Curve():
            return "\n".join(_points(part))
        case Heat():
            return "\n".join("\t".join(row) for row in cells(part))


def _lines(title: str, lines: Iterable[str]) -> str:
    """The lines, below a title if there is one."""
    return "\n".join([safe(title), *lines] if title else lines)


def _points(part: Curve) -> Iterator[str]:
    yield f"series\t{safe(part.x)}\t{safe(part.y)}"
    for name, points in part.series:
        for x, y in points:
            yield f"{safe(name)}\t{x:g}\t{y:g}"


def cells(part: Heat) -> Iterator[list[str]]:
    """The header and the rows of a Heat as words; a value that is missing is a dash."""
    yield [safe(part.title), *map(safe, part.columns)]
    for name, row in zip(part.rows, part.values, strict=True):
        yield [safe(name), *("–" if value is None else f"{value:.4g}" for value in row)]
