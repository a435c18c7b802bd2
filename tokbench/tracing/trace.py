"""One text through a tokenizer, block by block, as data that can be shown and replayed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tokenizers import Encoding, Tokenizer

from tokbench.errors import UsageError
from tokbench.tracing.cuts import Model, cuts_of, why_span
from tokbench.tracing.model_step import model_of, model_step
from tokbench.tracing.post_model import PairTrace, decoder_steps, joining, steps_after
from tokbench.tracing.pre_model import stages, steps_of
from tokbench.tracing.spelling import Speller
from tokbench.tracing.steps import Step, Token, Trace

DIFFERS = "the steps give other ids than the tokenizer: please report the text and the tokenizer"
LONGEST = 20_000  # characters; a trace of more is nothing anyone reads


def follow(
    tokenizer: Tokenizer, text: str, *, name: str = "tokenizer", span: tuple[int, int] | None = None
) -> Trace:
    """Every step of this text, and the tokenizer's own ids; `span` asks why those characters are cut.

    Where the tokenizer encodes at random (dropout, sampling), the trace is of its way without chance, and
    says so. Raises AskedWrongly for a text that is too long or that the library cannot encode.
    """
    ensure_short(text)
    raw = json.loads(tokenizer.to_str())
    tokenizer, raw, notes = without_chance(tokenizer, raw)
    encoding = encoded(tokenizer, name, text)
    model, speller = model_of(raw), Speller(raw)
    begun = up_to_the_model(tokenizer, raw, model, text)
    after = tuple(steps_after(tokenizer, raw, begun[-1].tokens, encoding))
    steps = (*begun, *after, *decoder_steps(tokenizer, raw, encoding.ids))
    decoded = tokenizer.decode(encoding.ids, skip_special_tokens=True)
    trace = Trace(
        tokenizer=name,
        text=text,
        steps=steps,
        cuts=tuple(cuts_of(begun, model, speller)),
        ids=tuple(encoding.ids),
        tokens=_final(steps),
        decoded=decoded,
        same=decoded == text,
        notes=notes,
    )
    if modelled_ids(steps) != trace.ids:
        trace = replace(trace, notes=(*notes, DIFFERS))
    return replace(trace, why=why_span(trace, model, *span, speller)) if span else trace


def ensure_short(text: str) -> None:
    """Raise AskedWrongly for a text of which nobody would read a trace."""
    if len(text) > LONGEST:
        raise UsageError(
            f"the text has {len(text):,} characters, and a trace shows up to {LONGEST:,}",
            fix="trace a sentence of it, or see all of it with tokbench encode",
        )


def up_to_the_model(
    tokenizer: Tokenizer, raw: Mapping[str, Any], model: Model, text: str
) -> tuple[Step, ...]:
    """The steps of a text from the text itself to its tokens, before anything is put around them."""
    seen = tuple(stages(tokenizer, raw, text))
    before = tuple(steps_of(tokenizer, seen, text))
    return (*before, model_step(model, raw, seen[-1].pieces, before[-1].pieces, text))


def modelled_ids(steps: tuple[Step, ...]) -> tuple[int, ...]:
    """The ids that the steps end with."""
    return tuple(token.id for token in _final(steps))


def _final(steps: tuple[Step, ...]) -> tuple[Token, ...]:
    return next(step.tokens for step in reversed(steps) if step.kind != "decoder")


def encoded(tokenizer: Tokenizer, name: str, text: str, second: str | None = None) -> Encoding:
    """What the library makes of a text, or of two; AskedWrongly for one that it cannot encode."""
    try:
        return tokenizer.encode(text, second)
    except Exception as error:  # the library's errors have no class of their own
        raise UsageError(f"{name} cannot encode this text: {error}", fix=f"tokbench check {name}") from error


def without_chance(
    tokenizer: Tokenizer, raw: Mapping[str, Any]
) -> tuple[Tokenizer, Mapping[str, Any], tuple[str, ...]]:
    """The same tokenizer where nothing is drawn at random, and a note where something was."""
    drawn = {
        name: raw["model"][name] for name in ("dropout", "alpha", "nbest_size") if raw["model"].get(name)
    }
    if not drawn:
        return tokenizer, raw, ()
    model = {name: each for name, each in raw["model"].items() if name not in drawn}
    steady = {**raw, "model": model}
    options = ", ".join(f"{name}={value:g}" for name, value in drawn.items())
    note = f"{options}: this tokenizer encodes at random; shown is its way without chance"
    return Tokenizer.from_str(json.dumps(steady)), steady, (note,)


def follow_pair(tokenizer: Tokenizer, text: str, second: str, *, name: str = "tokenizer") -> PairTrace:
    """Every step of both texts up to the model, and how the two become one input.

    Raises AskedWrongly for a text that is too long or that the library cannot encode.
    """
    for each in (text, second):
        ensure_short(each)
    tokenizer, raw, notes = without_chance(tokenizer, json.loads(tokenizer.to_str()))
    encoding = encoded(tokenizer, name, text, second)
    halves = (_half(tokenizer, raw, text, name), _half(tokenizer, raw, second, name))
    steps = tuple(joining(raw, *halves, encoding))
    tokens = steps[-1].tokens
    agree = [token.id for token in tokens] == encoding.ids
    return PairTrace(
        tokenizer=name,
        first=halves[0],
        second=halves[1],
        steps=steps,
        ids=tuple(encoding.ids),
        tokens=tokens,
        decoded=tokenizer.decode(encoding.ids, skip_special_tokens=True),
        notes=notes if agree else (*notes, DIFFERS),
    )


def _half(tokenizer: Tokenizer, raw: Mapping[str, Any], text: str, name: str) -> Trace:
    """One of the texts up to the model."""
    model = model_of(raw)
    steps = up_to_the_model(tokenizer, raw, model, text)
    tokens = steps[-1].tokens
    ids = tuple(token.id for token in tokens)
    decoded = tokenizer.decode(ids, skip_special_tokens=True)
    return Trace(
        tokenizer=name,
        text=text,
        steps=steps,
        cuts=tuple(cuts_of(steps, model, Speller(raw))),
        ids=ids,
        tokens=tokens,
        decoded=decoded,
        same=decoded == text,
    )
