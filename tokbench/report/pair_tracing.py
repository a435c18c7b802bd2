"""The window on two texts that a tokenizer made one input of."""

from __future__ import annotations

from collections.abc import Iterator

from tokbench.blocks.tracing.pair import PairTrace
from tokbench.blocks.tracing.steps import Token, Trace
from tokbench.errors import plural
from tokbench.report.parts import Facts, Grid, Headline, Part
from tokbench.report.tokens import visible
from tokbench.report.tracing import chips, ranks_of, step_parts


def pair(result: PairTrace) -> Iterator[Part]:
    """Each text block by block, how the two are joined, and the ids with the text each belongs to."""
    for note in result.notes:
        yield Headline(note, mood="bad")
    halves = (result.first, result.second)
    yield Headline(f"{plural(len(result.ids), 'token')}: {_shares(result)}", mood="good")
    for name, half in zip(("first", "second"), halves, strict=True):
        yield from _half(name, half)
    ranks = {**ranks_of(result.first), **ranks_of(result.second)}
    for step in result.steps:
        yield Headline(" · ".join([f"{step.kind} {step.name}", *step.notes]), opens=True)
        yield chips(step.tokens, ranks)
    yield Headline("the ids", opens=True)
    rows = [
        (token.id, token.token, visible(token.shown), token.type_id, place, token.kind)
        for token, place in zip(result.tokens, map(_place, result.tokens), strict=True)
    ]
    header = ("id", "token", "text", "type id", "characters", "kind")
    yield Grid(header, rows, right=("id", "type id", "characters"))
    yield Facts([("decoded", result.decoded)])


def _half(name: str, half: Trace) -> Iterator[Part]:
    """One of the texts up to the model, the others' steps named after it."""
    for number, step in enumerate(half.steps):
        first, *others = step_parts(number, step, half)
        yield Headline(f"{name} text · {first.text}", opens=True) if isinstance(first, Headline) else first
        yield from others


def _shares(result: PairTrace) -> str:
    """How many tokens are of which text, and how many of none."""
    own = sum(token.kind == "special" for token in result.tokens)
    one, other = len(result.first.tokens), len(result.second.tokens)
    cut = one + other + own - len(result.tokens)
    gone = f", {cut} cut off" if cut > 0 else ""
    return f"{one} of the first text, {other} of the second{gone}, {own} put in"


def _place(token: Token) -> str:
    return "" if token.kind == "special" else f"{token.start}–{token.end}"
