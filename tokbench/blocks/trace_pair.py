"""Two texts through a tokenizer as one input, as data that can be shown and replayed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tokenizers import Tokenizer

from tokbench.blocks.trace import DIFFERS, encoded, ensure_short, up_to_the_model, without_chance
from tokbench.blocks.tracing.cuts import cuts_of
from tokbench.blocks.tracing.pair import PairTrace, joining
from tokbench.blocks.tracing.spelling import Speller
from tokbench.blocks.tracing.steps import Trace
from tokbench.blocks.tracing.words import model_of


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
