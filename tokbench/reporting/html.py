"""Parts as one HTML page that opens from disk: no network, dark and light, keyboard and screen reader."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

import tokbench
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
from tokbench.reporting.svg import picture

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
    return _template("page.html").render(
        title=title,
        version=tokbench.__version__,
        sections=[(each.title, _with_extras(each.parts)) for each in sections],
        style=Markup((TEMPLATES / "page.css").read_text(encoding="utf-8")),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        live=Markup(live.replace("<", "\\u003c")),
        server=server,
        long=LONG,
    )


def fragment(parts: Iterable[Part]) -> str:
    """The parts alone, with the page's own look and without its script, for a notebook's cell."""
    style = (TEMPLATES / "page.css").read_text(encoding="utf-8")
    body = style[style.index("body {") + len("body {") : style.index("}", style.index("body {"))]
    inside = style.replace(":root {", "& {" + body, 1)
    return _template("fragment.html").render(parts=_with_extras(parts), style=Markup(inside), long=LONG)


@cache
def _template(name: str) -> Template:
    templates = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["words"] = safe
    templates.filters["lines"] = safe_lines
    return templates.get_template(name)


def _with_extras(parts: Iterable[Part]) -> list[tuple[str, Part, object]]:
    return [(_name(part), part, _extra(part)) for part in parts]


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


LARGEST = 4 * 2**20  # bytes of packed tokenizers a page may carry


def live(tokenizers: Mapping[str, Mapping[str, Any]], text: str = "") -> str:
    """The JSON document that `page(live=…)` takes: each tokenizer.json packed, and the text to begin with.

    `tokenizers` are parsed tokenizer.json files by name. The page runs them in the browser and refuses, by
    name, a block it does not know. Empty when they are too large together to be carried.
    """
    packed = [{"name": name, "packed": _packed(raw)} for name, raw in tokenizers.items()]
    if sum(len(each["packed"]) for each in packed) > LARGEST:
        return ""
    return json.dumps({"text": text, "tokenizers": packed}, ensure_ascii=False)


def served_page(names: Sequence[str], text: str = "") -> str:
    """The same document for a page whose server encodes: names only."""
    return json.dumps({"text": text, "tokenizers": [{"name": name} for name in names]}, ensure_ascii=False)


def compact(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """A tokenizer.json in fewer words, which the page's encoder reads as well as the whole.

    The vocabulary is the list of its tokens by id, a merge the ids of its two halves. Where every merge made
    a new token, in the order of ids, those tokens are None in the list: the merges say what they are. Where
    any two tokens that join to a third one merge, in an order that ids tell, the merges are that rule and its
    exceptions (`_joins`). What cannot be told so (ids with gaps) stays as it is.
    """
    model = raw["model"]
    vocab = model.get("vocab")
    if not isinstance(vocab, Mapping) or sorted(vocab.values()) != list(range(len(vocab))):
        return raw
    tokens: list[str | None] = sorted(vocab, key=vocab.__getitem__)
    if "merges" not in model:
        return {**raw, "model": {**model, "vocab": tokens}}
    pairs = [merge.split(" ") if isinstance(merge, str) else merge for merge in model["merges"]]
    if any(len(pair) != 2 or pair[0] not in vocab or pair[1] not in vocab for pair in pairs):
        return raw
    if rule := _joins(vocab, pairs, model):
        return {**raw, "model": {**model, "vocab": tokens, "merges": rule}}
    made = [vocab.get(left + right, -1) for left, right in pairs]
    if all(one < other for one, other in pairwise([-1, *made])):
        for number in made:
            tokens[number] = None
    halves = [vocab[half] for pair in pairs for half in pair]
    return {**raw, "model": {**model, "vocab": tokens, "merges": halves}}


def _joins(
    vocab: Mapping[str, int], pairs: Sequence[Sequence[str]], model: Mapping[str, Any]
) -> Mapping[str, Any] | None:
    """The rule of merges that were made of a vocabulary, as transformers does for tiktoken and SentencePiece.

    Every cut of a token into two tokens is a merge; they come by the id of the token, and then by the left
    half's id, or the longest first. `first` and `last` are the ids of those before and after that stretch.
    """
    if model.get("continuing_subword_prefix") or any(left + right not in vocab for left, right in pairs):
        return None
    cuts = sum(token[:at] in vocab and token[at:] in vocab for token in vocab for at in range(1, len(token)))
    if cuts != len(pairs) or len({(left, right) for left, right in pairs}) != cuts:
        return None
    orders = {
        "id": [(vocab[left + right], vocab[left]) for left, right in pairs],
        "length": [(vocab[left + right], -len(left)) for left, right in pairs],
    }
    stretches = {by: _longest_rising(keys) for by, keys in orders.items()}
    by = max(stretches, key=lambda name: stretches[name][1] - stretches[name][0])
    start, end = stretches[by]
    if len(pairs) - (end - start) > len(vocab) // 4:
        return None
    ids = [vocab[half] for pair in pairs for half in pair]
    return {"by": by, "first": ids[: 2 * start], "last": ids[2 * end :]}


def _longest_rising(keys: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Start and end of the longest stretch in which each is greater than the one before.

    >>> _longest_rising([(9, 0), (1, 0), (2, 5), (2, 6), (0, 0)])
    (1, 4)
    """
    falls = [at for at in range(1, len(keys)) if keys[at - 1] >= keys[at]]
    return max(pairwise([0, *falls, len(keys)]), key=lambda stretch: stretch[1] - stretch[0])


def _packed(raw: Mapping[str, Any]) -> str:
    words = json.dumps(compact(raw), ensure_ascii=False, separators=(",", ":")).encode(
        "utf-8", "backslashreplace"
    )
    return base64.b64encode(gzip.compress(words, compresslevel=9, mtime=0)).decode()
