"""Follow one text through every block of a tokenizer."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Option

from tokbench.cli import options as o
from tokbench.cli.show import boxed, put
from tokbench.cli.streams import text_of
from tokbench.errors import AskedWrongly

if TYPE_CHECKING:
    from tokbench.pretrained.folder import TokenizerFolder


def trace(
    tokenizer: o.Tokenizer,
    text: Annotated[str, typer.Argument(help="The text, or - for stdin.", show_default=False)],
    against: Annotated[
        str | None,
        Option(help="A second tokenizer: show where the two cut differently.", show_default=False),
    ] = None,
    pair: Annotated[
        str | None,
        Option(help="A second text: show how the two become one input.", metavar="TEXT", show_default=False),
    ] = None,
    why: Annotated[
        str | None,
        Option(
            help="Why these characters are not one token: START:END, or a word of the text.",
            metavar="SPAN",
            show_default=False,
        ),
    ] = None,
    html: o.Html = None,
    json: o.AsJson = False,
) -> None:
    """Follow a text through every block, and say why it is cut where.

    Example: `tokbench trace my-tok "Tokenizers break in silence." --why silence` ·
    `tokbench trace my-tok "Who broke?" --pair "The tokenizer did."`
    """
    from tokbench.blocks.trace import follow
    from tokbench.blocks.tracing.side_by_side import side_by_side
    from tokbench.pretrained.folder import load
    from tokbench.report import tracing

    words = text_of(text)
    span = _span(words, why)
    first = load(tokenizer)
    if pair is not None:
        _refuse_beside_a_pair(against, why)
        return _of_a_pair(first, words, pair, html=html, json=json)
    traced = follow(first.tokenizer, words, name=first.name, span=span)
    if against is None:
        put(traced, tracing.trace, "trace", json=json, html=html, box=boxed(html, [tokenizer], words))
    else:
        second = load(against)
        both = side_by_side(traced, follow(second.tokenizer, words, name=second.name, span=span))
        box = boxed(html, [tokenizer, against], words)
        put(both, tracing.side_by_side, "side_by_side", json=json, html=html, box=box)
    return None


def _of_a_pair(folder: TokenizerFolder, text: str, second: str, *, html: Path | None, json: bool) -> None:
    from tokbench.blocks.trace_pair import follow_pair
    from tokbench.report import pair_tracing

    traced = follow_pair(folder.tokenizer, text, second, name=folder.name)
    put(traced, pair_tracing.pair, "pair_trace", json=json, html=html)


def _refuse_beside_a_pair(against: str | None, why: str | None) -> None:
    """Say what is asked of one text alone."""
    for option, value in (("--against", against), ("--why", why)):
        if value is not None:
            raise AskedWrongly(f"{option} is asked of one text, and --pair of two", fix="ask one at a time")


def _span(text: str, why: str | None) -> tuple[int, int] | None:
    """START:END as numbers, or the place of a word in the text; AskedWrongly for neither."""
    if why is None:
        return None
    if found := re.fullmatch(r"(\d+):(\d+)", why):
        return int(found[1]), int(found[2])
    if not why or why not in text:
        raise AskedWrongly(f"{why!r} is not in the text", fix="--why 0:5 takes the first five characters")
    return text.index(why), text.index(why) + len(why)
