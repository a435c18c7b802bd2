"""Parts drawn for a person's terminal."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TextIO

from rich.box import SIMPLE
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tokbench.escapes import safe, safe_lines
from tokbench.reporting.elements import (
    Chips,
    Curve,
    Facts,
    Grid,
    Headline,
    Heat,
    Paragraph,
    Part,
    cells,
)

HEIGHT = 12
WIDEST = 100
LABEL = 10
# The dots of a braille cell, two across and four down (Unicode 15, block Braille Patterns).
DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))


def plotted(curve: Curve, width: int) -> Iterator[str]:
    """The curve in lines no wider than `width` characters: the plot, the x axis, the names and the marks."""
    points = [point for _, line in curve.series for point in line]
    if not points:
        return
    across = max(10, min(width, WIDEST) - LABEL - 1)
    frame = _Frame(points, across * 2, HEIGHT * 4, log_x=curve.log_x)
    cells = [[0] * across for _ in range(HEIGHT)]
    for _, line in curve.series:
        _draw(cells, [frame.dot(x, y) for x, y in line])
    rows = ["".join(chr(0x2800 + cell) for cell in row) for row in cells]
    for place, row in enumerate(_lettered(rows, curve, frame)):
        value = {0: frame.top, HEIGHT - 1: frame.bottom}.get(place)
        yield f"{'' if value is None else f'{value:.3g}':>{LABEL}} {row}"
    left, right = f"{frame.left:,.6g}", f"{frame.right:,.6g} {safe(curve.x)}"
    yield " " * (LABEL + 1) + left + right.rjust(max(across - len(left), len(right) + 1))
    if len(curve.series) > 1:
        names = "  ".join(f"{_letter(at)} {safe(name)}" for at, (name, _) in enumerate(curve.series))
        yield " " * (LABEL + 1) + names
    for x, y, words in curve.marks:
        yield f"{'':>{LABEL}} at {x:,.6g}: {y:.4g} {safe(words)}"


class _Frame:
    """The box of all points, and where a point falls in it."""

    def __init__(
        self, points: Sequence[tuple[float, float]], width: int, height: int, *, log_x: bool
    ) -> None:
        self.left, self.right = min(x for x, _ in points), max(x for x, _ in points)
        self.bottom, self.top = min(y for _, y in points), max(y for _, y in points)
        self._width, self._height = width, height
        self._log = log_x and self.left > 0

    def dot(self, x: float, y: float) -> tuple[int, int]:
        """Column and row of a point, row 0 at the top."""
        scale = math.log if self._log else float
        wide = scale(self.right) - scale(self.left) or 1.0
        tall = self.top - self.bottom or 1.0
        column = (scale(x) - scale(self.left)) / wide * (self._width - 1)
        return round(column), round((self.top - y) / tall * (self._height - 1))


def _draw(cells: list[list[int]], dots: Sequence[tuple[int, int]]) -> None:
    """Set the dots of straight lines between neighbours."""
    for (x0, y0), (x1, y1) in zip(dots, dots[1:] or dots, strict=False):
        steps = max(abs(x1 - x0), abs(y1 - y0), 1)
        for step in range(steps + 1):
            x, y = round(x0 + (x1 - x0) * step / steps), round(y0 + (y1 - y0) * step / steps)
            cells[y // 4][x // 2] |= DOTS[y % 4][x % 2]


def _lettered(rows: list[str], curve: Curve, frame: _Frame) -> Iterator[str]:
    """The rows with each series' letter at its last point, so that no line is told by colour alone."""
    written = [list(row) for row in rows]
    if len(curve.series) > 1:
        for at, (_, line) in enumerate(curve.series):
            if line:
                column, row = frame.dot(*line[-1])
                written[row // 4][column // 2] = _letter(at)
    for x, y, _ in curve.marks:
        column, row = frame.dot(x, y)
        written[row // 4][column // 2] = "●"
    return ("".join(row) for row in written)


def _letter(at: int) -> str:
    return chr(ord("a") + at % 26)


MOODS = {"good": "bold green", "bad": "bold red", "plain": "bold"}
MARKS = {"good": "✓ ", "bad": "✗ ", "plain": ""}

# Neighbours always differ, also for colour-blind readers (blue, orange, teal, magenta, olive, grey).
CHIP_STYLES = ("black on #9ecbff", "black on #ffcf99", "black on #9fe0d0", "black on #f5b8d8",
               "black on #dbe08a", "black on #d0d0d0")  # fmt: skip
# A terminal of 16 colours would round those to two or three; these four stay apart there.
FEW_STYLES = ("black on bright_cyan", "black on bright_yellow", "black on white", "black on bright_magenta")
SEVERITIES = {"error": "bold red", "warning": "bold yellow", "note": "bold blue"}
KIND_STYLES = {"special": "bold reverse", "unknown": "bold white on #b00020"}
PLAIN_STYLES = {"special": "bold", "unknown": "bold underline", "partial": "underline"}  # under NO_COLOR


def draw(parts: Iterable[Part], stream: TextIO) -> None:
    """Print the parts, drawn."""
    console = Console(file=stream, force_terminal=True, markup=False, emoji=False, highlight=False)
    before: Part | None = None
    for part in parts:
        if isinstance(part, Headline) and before is not None and not isinstance(before, Headline):
            console.print()  # a headline begins something new
        console.print(_drawn(part, console))
        before = part


def _drawn(part: Part, console: Console) -> RenderableType:
    match part:
        case Headline(text=text, mood=mood):
            return Text(MARKS[mood] + safe(text), style=MOODS[mood])
        case Facts():
            return _facts(part)
        case Grid():
            return _grid(part)
        case Chips():
            return _chips(part, _palette(console))
        case Paragraph(text=text, verbatim=verbatim):
            return Text(safe_lines(text), no_wrap=verbatim, overflow="fold")
        case Curve():
            return _titled(safe(part.title), Text("\n".join(plotted(part, console.width - 4)), no_wrap=True))
        case Heat():
            header, *rows = cells(part)
            return _grid(Grid(("", *header[1:]), rows, title=header[0], right=header[1:]))


def _facts(part: Facts) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in part.rows:
        table.add_row(Text(safe(name)), Text(safe(value)))
    return _titled(part.title, Padding(table, (0, 0, 0, 2)))


def _grid(part: Grid) -> RenderableType:
    if part.stacked:
        return _titled(part.title, Group(*(_stack(part, row) for row in part.rows)))
    table = Table(box=SIMPLE, show_edge=False, pad_edge=False, header_style="bold")
    for name in part.header:
        table.add_column(Text(safe(name)), justify="right" if name in part.right else "left", overflow="fold")
    for row in part.rows:
        table.add_row(*(Text(safe(cell)) for cell in row))
    return _titled(part.title, Padding(table, (0, 0, 0, 2)))


def _stack(part: Grid, row: Sequence[object]) -> RenderableType:
    """One row as a small block: error TB101 the sentence, then the named rest, indented."""
    *labels, sentence = row[: part.stacked]
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    first = " ".join(safe(label) for label in labels)
    table.add_row(
        Text(first, style=SEVERITIES.get(str(labels[0]), "bold")), Text(safe(sentence), style="bold")
    )
    for name, cell in zip(part.header[part.stacked :], row[part.stacked :], strict=True):
        if cell:
            table.add_row(Text(f"{safe(name):>{len(first)}}", style="cyan"), Text(safe(cell)))
    return Padding(table, (0, 0, 1, 2))


def _titled(title: str, body: RenderableType) -> RenderableType:
    if not title:
        return body
    whole = Table.grid()
    whole.add_row(Text(safe(title), style="bold"))
    whole.add_row(body)
    return whole


def _palette(console: Console) -> Sequence[str]:
    """The colours of chips that this terminal tells apart; none where it has or wants none."""
    if console.color_system is None or console.no_color:
        return ()
    return CHIP_STYLES if console.color_system in ("256", "truecolor") else FEW_STYLES


def _chips(part: Chips, palette: Sequence[str]) -> Text:
    """Tokens side by side on their colours, or with | between them; a part of a character is underlined."""
    line = Text(overflow="fold")
    for place, (text, kind) in enumerate(part.tokens):
        if not palette:
            line.append("|" if place else "").append(safe(text), style=PLAIN_STYLES.get(kind, ""))
            continue
        under = " underline" if kind == "partial" else ""
        style = KIND_STYLES.get(kind, palette[place % len(palette)] + under)
        line.append(safe(text), style=style)
    return line
