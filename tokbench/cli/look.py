"""Look: what a tokenizer is, and what it does to a text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Option

from tokbench.cli import options
from tokbench.cli.output import boxed, put, text_of
from tokbench.errors import UsageError

if TYPE_CHECKING:
    pass


def info(tokenizer: options.Tokenizer, json: options.AsJson = False) -> None:
    """Show what a tokenizer is: blocks, size, special tokens.

    Example: `tokbench info my-tok`
    """
    from tokbench.pretrained.info import info as described
    from tokbench.reporting.views import look as look_view

    put(described(tokenizer), look_view.info, "info", json=json)


def trace(
    tokenizer: options.Tokenizer,
    text: Annotated[
        str | None, typer.Argument(help="The text, or - for stdin.", metavar="TEXT", show_default=False)
    ] = None,
    chat: options.ChatFile = None,
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
    html: options.Html = None,
    json: options.AsJson = False,
) -> None:
    """Follow a text through every block, and say why it is cut where.

    Example: `tokbench trace my-tok "Tokenizers break in silence." --why silence` ·
    `tokbench trace my-tok "Who broke?" --pair "The tokenizer did."` ·
    `tokbench trace chat-tok --chat messages.json`
    """
    from tokbench.encoding.encode import trace as traced_steps
    from tokbench.reporting.views import trace as trace_view
    from tokbench.tracing.post_model import PairTrace
    from tokbench.tracing.side_by_side import SideBySide
    from tokbench.tracing.steps import Trace

    if chat is not None:
        _refuse_text(text, pair, against, why)
        talk = traced_steps(tokenizer, chat=chat)
        assert isinstance(talk, Trace)
        return put(talk, trace_view.trace, "trace", json=json, html=html)
    if text is None:
        raise UsageError("there is no text to trace", fix='add "a text", or --chat FILE')
    words = text_of(text)
    traced = traced_steps(tokenizer, words, pair=pair, against=against, span=_span(words, why))
    if isinstance(traced, PairTrace):
        return put(traced, trace_view.pair, "pair_trace", json=json, html=html)
    box = boxed(html, [tokenizer, *([against] if against else [])], words)
    if isinstance(traced, SideBySide):
        return put(traced, trace_view.side_by_side, "side_by_side", json=json, html=html, box=box)
    return put(traced, trace_view.trace, "trace", json=json, html=html, box=box)


def _refuse_text(*given: object) -> None:
    """UsageError for a text beside a chat, which is all that is read."""
    if any(given):
        raise UsageError("--chat is read alone, without a text, pair or file", fix="leave out the rest")


def _span(text: str, why: str | None) -> tuple[int, int] | None:
    """START:END as numbers, or the place of a word in the text; UsageError for neither."""
    if why is None:
        return None
    if found := re.fullmatch(r"(\d+):(\d+)", why):
        return int(found[1]), int(found[2])
    if not why or why not in text:
        raise UsageError(f"{why!r} is not in the text", fix="--why 0:5 takes the first five characters")
    return text.index(why), text.index(why) + len(why)
