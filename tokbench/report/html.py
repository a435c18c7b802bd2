"""Parts as one HTML page that opens from disk: no network, dark and light, keyboard and screen reader."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

import tokbench
from tokbench.report.parts import Chips, Curve, Facts, Grid, Headline, Heat, Paragraph, Part
from tokbench.report.plain import cells, safe
from tokbench.report.svg import picture

TEMPLATES = Path(__file__).parent / "templates"
LONG = 60  # rows of a table; a longer one is folded


@dataclass(frozen=True)
class Section:
    """A titled group of parts on the page."""

    title: str
    parts: Sequence[Part]


def page(title: str, sections: Iterable[Section], *, live: str = "", server: bool = False) -> str:
    """The whole page; the same sections give the same bytes.

    Everything that comes from a result is escaped: a token `<script>` is text. Only the page's own script
    may run (a content security policy holds its hash). `live` is a JSON document for the box in which a
    reader encodes a text of theirs (report/live.py); without it there is no such box. With `server` the
    page may ask the server it came from.
    """
    scripts = ("page.js", "live.js", "box.js") if live else ("page.js",)
    script = "".join((TEMPLATES / name).read_text(encoding="utf-8") for name in scripts)
    return _template().render(
        title=title,
        version=tokbench.__version__,
        sections=[
            (each.title, [(_name(part), part, _extra(part)) for part in each.parts]) for each in sections
        ],
        style=Markup((TEMPLATES / "page.css").read_text(encoding="utf-8")),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        live=Markup(live.replace("<", "\\u003c")),
        server=server,
        long=LONG,
    )


@cache
def _template() -> Template:
    room = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    room.filters["words"] = safe
    return room.get_template("page.html")


def _name(part: Part) -> str:
    return type(part).__name__.lower()


def _extra(part: Part) -> object:
    """What the template needs beyond the part itself."""
    match part:
        case Curve():
            return Markup(picture(part, standing=False))
        case Heat():
            return list(zip(list(cells(part))[1:], _shades(part), strict=True))
        case Chips():
            return list(_chips(part))
        case Headline() | Facts() | Grid() | Paragraph():
            return None


def _chips(part: Chips) -> Iterable[tuple[str, str, str, str, int]]:
    """Text, kind, id, details and hue of each chip; one token has one hue wherever it stands."""
    for at, (text, kind) in enumerate(part.tokens):
        number = part.ids[at] if part.ids else None
        details = part.details[at] if part.details else ""
        hue = (number if number is not None else sum(text.encode())) * 47 % 360
        yield safe(text), kind, "" if number is None else str(number), details, hue


def _shades(part: Heat) -> list[list[int]]:
    """Each value's place between the least and the most, 0 to 100; a missing one is 0."""
    known = [value for row in part.values for value in row if value is not None]
    low, high = (min(known), max(known)) if known else (0.0, 0.0)
    wide = (high - low) or 1.0
    return [
        [0 if value is None else round((value - low) / wide * 100) for value in row] for row in part.values
    ]
