"""Parts as text: a pipe gets the words of the terminal, tab-separated and never cut."""

from __future__ import annotations

from tokbench.report.parts import Chips, Facts, Grid, Headline, Paragraph, Part


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
        case Facts(rows=rows):
            return "\n".join(f"{name}\t{safe(value)}" for name, value in rows)
        case Grid(header=header, rows=rows):
            return "\n".join("\t".join(safe(cell) for cell in row) for row in (header, *rows))
        case Chips(tokens=tokens):
            return "|".join(safe(text) for text, _ in tokens)
        case Paragraph(text=text):
            return text
