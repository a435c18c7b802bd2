"""A curve as an SVG picture: it stands alone in a file, and inherits a page's colours inside one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from html import escape
from pathlib import Path

from tokbench.errors import UsageError
from tokbench.escapes import safe
from tokbench.io.atomic import atomic_file, ensure_writable
from tokbench.io.extras import require
from tokbench.reporting.elements import Curve, Part

WIDTH, HEIGHT = 640, 320
LEFT, RIGHT, TOP, BOTTOM = 64, 120, 16, 44
TICKS = 6
FEW = 8  # values of x that each get their own tick
# Okabe and Ito's palette without yellow (Color Universal Design, 2008), told apart by colour-blind readers;
# the last two darkened until they have 3:1 on white. page.css has its own for dark and light: --line-1 …
COLOURS = ("#0072b2", "#d55e00", "#00845f", "#b8578c", "#a66f00", "#3a84b0")
DASHES = ("", "6 3", "2 3", "8 3 2 3")


def picture(curve: Curve, *, standing: bool = True) -> str:
    """The curve as an <svg> element; `standing` adds what a file of its own needs.

    Every series has a colour, a dash and its name at its end, so that none is told by colour alone. A curve
    without points is a picture that says so.
    """
    points = [point for _, line in curve.series for point in line]
    title = escape(safe(curve.title))
    about = escape(f"{safe(curve.y)} against {safe(curve.x)}: " + ", ".join(safe(n) for n, _ in curve.series))
    body = (
        "".join(_body(curve, points, _paint(standing)))
        if points
        else _text(WIDTH / 2, HEIGHT / 2, "no points", "middle")
    )
    ground = '<rect width="100%" height="100%" fill="#fff"/>' if standing else ""
    space = ' xmlns="http://www.w3.org/2000/svg"' if standing else ""
    colour = "#222" if standing else "currentColor"
    return (
        f'<svg{space} viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}" fill="{colour}" '
        f'font-family="system-ui, sans-serif" font-size="12"><title>{title}</title><desc>{about}</desc>'
        f"{ground}{body}</svg>"
    )


def pictures(curves: Sequence[Curve]) -> str:
    """Several curves below one another as one <svg> element that stands alone, each with axes of its own."""
    space = 'xmlns="http://www.w3.org/2000/svg"'
    placed = [
        picture(curve).replace("<svg ", f'<svg y="{at * HEIGHT}" width="{WIDTH}" height="{HEIGHT}" ', 1)
        for at, curve in enumerate(curves)
    ]
    return f'<svg {space} viewBox="0 0 {WIDTH} {HEIGHT * len(curves)}">{"".join(placed)}</svg>'


def _paint(standing: bool) -> Sequence[str]:
    """The colours of series: those of the page in a page, so that they follow its scheme."""
    return COLOURS if standing else [f"var(--line-{at + 1})" for at in range(len(COLOURS))]


def _body(curve: Curve, points: Sequence[tuple[float, float]], paint: Sequence[str]) -> Iterator[str]:
    xs, ys = [x for x, _ in points], [y for _, y in points]
    logarithmic = curve.log_x and min(xs) > 0
    across = _scale(min(xs), max(xs), (LEFT, WIDTH - RIGHT), logarithmic=logarithmic)
    up = _scale(min(ys), max(ys), (HEIGHT - BOTTOM, TOP), logarithmic=False)
    yield from _axes(curve, (xs, ys), across, up)
    ends: list[float] = []
    for at, (name, line) in enumerate(curve.series):
        if line:
            yield from _line(_stroke(at, paint), [(across(x), up(y)) for x, y in line])
            ends.append(_apart(up(line[-1][1]), ends))
            yield f'<path d="M{WIDTH - RIGHT + 6} {ends[-1]:.1f}h16" {_stroke(at, paint)}/>'
            yield _text(WIDTH - RIGHT + 26, ends[-1] + 4, safe(name)[:16], "start")
    for x, y, words in curve.marks:
        ring = f'cx="{across(x):.1f}" cy="{up(y):.1f}" r="6"'
        yield f'<circle {ring} fill="none" stroke="{paint[1]}" stroke-width="2"/>'
        below = up(y) + 18 if up(y) + 20 < HEIGHT - BOTTOM else up(y) - 10  # not into the numbers of the axis
        yield _text(across(x) + 10, below, safe(words), "start")


def _apart(wanted: float, taken: Sequence[float]) -> float:
    """The nearest height to `wanted` that is a line of text away from those taken, inside the frame."""
    steps = [wanted + 13 * step * way for step in range(len(taken) + 1) for way in (1, -1)]
    free = [at for at in steps if all(abs(at - other) > 12.9 for other in taken)]
    return next((at for at in free if TOP - 6 <= at <= HEIGHT - BOTTOM), wanted)


def _scale(
    low: float, high: float, place: tuple[float, float], *, logarithmic: bool
) -> Callable[[float], float]:
    bent = math.log if logarithmic else float
    wide = bent(high) - bent(low)
    start, end = place

    def placed(value: float) -> float:
        share = (bent(value) - bent(low)) / wide if wide else 0.5
        return start + share * (end - start)

    return placed


def _axes(
    curve: Curve,
    values: tuple[Sequence[float], Sequence[float]],
    across: Callable[[float], float],
    up: Callable[[float], float],
) -> Iterator[str]:
    xs, ys = values
    for y in round_numbers(min(ys), max(ys)):
        yield (
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{up(y):.1f}" y2="{up(y):.1f}" '
            'stroke="currentColor" stroke-opacity="0.15"/>'
        )
        yield _text(LEFT - 6, up(y) + 4, f"{y:,.4g}", "end")
    for x in _ticks(sorted(set(xs)), logarithmic=curve.log_x and min(xs) > 0):
        yield _text(across(x), HEIGHT - BOTTOM + 18, f"{x:,.6g}", "middle")
    yield _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, safe(curve.x), "middle")
    yield (
        f'<text x="14" y="{(TOP + HEIGHT - BOTTOM) / 2}" text-anchor="middle" '
        f'transform="rotate(-90 14 {(TOP + HEIGHT - BOTTOM) / 2})">{escape(safe(curve.y))}</text>'
    )


def _ticks(values: Sequence[float], *, logarithmic: bool) -> Sequence[float]:
    """Where the x axis is named: at the values themselves when they are few, at round numbers otherwise."""
    if len(values) <= FEW:
        return values
    low, high = values[0], values[-1]
    if not logarithmic:
        return round_numbers(low, high)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for digits in ((1,), (1, 3), (1, 2, 5)):
        inside = [digit * 10.0**power for power in powers for digit in digits]
        inside = [each for each in inside if low <= each <= high]
        if len(inside) >= 3:
            break
    return inside or [low, high]


def round_numbers(low: float, high: float) -> Sequence[float]:
    """Up to TICKS multiples of 1, 2 or 5 times a power of ten, inside the range; of no range, its number.

    >>> round_numbers(0.0658, 1.0), round_numbers(3, 3)
    ([0.2, 0.4, 0.6, 0.8, 1.0], [3])
    """
    wide = high - low
    power = 10.0 ** math.floor(math.log10(wide)) if wide > 0 and math.isfinite(wide) else 0.0
    if power == 0.0:
        return [low]
    step = next(each * power / 10 for each in (1, 2, 5, 10, 20, 50) if wide / (each * power / 10) < TICKS)
    first = math.ceil(low / step - 1e-9)
    return [round(at * step, 12) for at in range(first, math.floor(high / step + 1e-9) + 1)]


def _stroke(at: int, paint: Sequence[str]) -> str:
    dash = DASHES[at % len(DASHES)]
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return f'fill="none" stroke="{paint[at % len(paint)]}" stroke-width="2"{dashed}'


def _line(stroke: str, dots: Sequence[tuple[float, float]]) -> Iterator[str]:
    """A line with its points, where they are few enough to be told apart."""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in dots)
    yield f'<polyline points="{path}" {stroke}/>'
    if len(dots) <= 40:
        whole = stroke.split(" stroke-dasharray")[0]
        yield from (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="1.5" {whole}/>' for x, y in dots)


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


MAGIC = {".svg": b"<svg", ".png": b"\x89PNG"}
ZOOM = 2  # pixels of a PNG to one unit of its SVG


def save_plots(parts: Iterable[Part], path: Path, *, force: bool = False) -> tuple[Path, ...]:
    """Write every curve among the parts: the first at `path`, the next at path-2, and so on.

    The suffix decides the format, .svg or .png. Raises UsageError for another suffix or a result without
    curves, MissingExtraError for a PNG without its package, FileError when a file is in the way.
    """
    curves = [part for part in parts if isinstance(part, Curve)]
    if path.suffix not in MAGIC:
        raise UsageError(
            f"{path} is no picture that can be drawn", fix="name a file that ends in .svg or .png"
        )
    if not curves:
        raise UsageError("this result has no curve to draw", fix="leave --plot out")
    paths = [path, *(path.with_stem(f"{path.stem}-{at}") for at in range(2, len(curves) + 1))]
    for place in paths:
        ensure_writable(place, magic=MAGIC[path.suffix], force=force)
    for curve, place in zip(curves, paths, strict=True):
        drawn = picture(curve)
        with atomic_file(place) as beside:
            beside.write_bytes(drawn.encode() if path.suffix == ".svg" else _png(drawn))
    return tuple(paths)


def _png(drawn: str) -> bytes:
    require("resvg_py", extra="plot", what="drawing a PNG")
    import resvg_py

    return bytes(resvg_py.svg_to_bytes(svg_string=drawn, zoom=ZOOM))
