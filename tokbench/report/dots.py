"""A curve in characters: braille dots for the lines, a letter for each series, for the terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from tokbench.report.parts import Curve
from tokbench.report.plain import safe

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
