"""Two texts as one input: what is cut off each, what the post_processor puts around and between, padding."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tokenizers import Encoding

from tokbench.blocks.tracing.frame import padded, post_processed, put_in
from tokbench.blocks.tracing.replay import TraceBroken, follows, replay
from tokbench.blocks.tracing.steps import Step, Token, Trace
from tokbench.errors import plural


@dataclass(frozen=True, kw_only=True)
class PairTrace:
    """Two texts through one tokenizer: each up to the model, then the steps that join them.

    `first` and `second` end with the model's step and have no special tokens. `steps` join them; a token's
    `origin` in the first of these counts on from the tokens of `first` to those of `second`, and its offsets
    are of its own text. `ids` are the tokenizer's own.
    """

    tokenizer: str
    first: Trace
    second: Trace
    steps: tuple[Step, ...]
    ids: tuple[int, ...]
    tokens: tuple[Token, ...]
    decoded: str
    notes: tuple[str, ...] = ()


def joining(raw: Mapping[str, Any], first: Trace, second: Trace, encoding: Encoding) -> Iterator[Step]:
    """Truncation, the post_processor and padding; where no block joins the two, a step that says so."""
    sides = (first.tokens, second.tokens)
    kept: tuple[Sequence[int], ...] = tuple(range(len(side)) for side in sides)
    offset = len(first.tokens)
    if limit := raw.get("truncation"):
        kept = tuple(_kept(limit, side, encoding, number) for number, side in enumerate(sides))
        tokens = tuple(
            replace(side[at], origin=at + number * offset)
            for number, side in enumerate(sides)
            for at in kept[number]
        )
        dropped = sum(map(len, sides)) - len(tokens)
        cut_off = plural(dropped, "token is", "tokens are")
        note = f"{cut_off} cut off" if dropped else "short enough: nothing is cut off"
        yield Step(kind="truncation", name="truncation", options=limit, tokens=tokens, notes=(note,))
        sides = (tokens[: len(kept[0])], tokens[len(kept[0]) :])
    framed = tuple(_framed(encoding, sides))
    if raw.get("post_processor"):
        yield post_processed(raw, framed)
    else:
        note = "no post_processor: the two are put one after the other"
        yield Step(kind="post_processor", name="none", tokens=framed, notes=(note,))
    yield from padded(raw, encoding, framed)


def _kept(limit: Mapping[str, Any], side: Sequence[Token], encoding: Encoding, number: int) -> Sequence[int]:
    """Which tokens of one of the texts are left. The library knows one stretch of the input for each text."""
    count = min(encoding.sequence_ids.count(number), len(side))
    return range(len(side) - count, len(side)) if limit.get("direction") == "Left" else range(count)


def _framed(encoding: Encoding, sides: Sequence[Sequence[Token]]) -> Iterator[Token]:
    """The tokens of both between those that were put in, with their offsets of after the post_processor.

    Of a text that a template writes twice, one copy counts as put in.
    """
    counts = [0, 0]
    for at, mask in enumerate(encoding.attention_mask):
        if not mask:
            continue
        number = encoding.sequence_ids[at]
        if number is None or encoding.special_tokens_mask[at] or not sides[number]:
            yield put_in(encoding, at)
            continue
        origin = counts[number] % len(sides[number])
        counts[number] += 1
        start, end = encoding.offsets[at]
        yield replace(
            sides[number][origin],
            start=start,
            end=end,
            type_id=encoding.type_ids[at],
            origin=origin + number * len(sides[0]),
        )


def replay_pair(trace: PairTrace) -> tuple[int, ...]:
    """The ids that follow from the data of both texts; raises TraceBroken at a step that does not follow."""
    ids = (*replay(trace.first), *replay(trace.second))
    tokens: Sequence[Token] = (*trace.first.tokens, *trace.second.tokens)
    if ids != tuple(token.id for token in tokens):
        raise TraceBroken("the two texts do not give the tokens that were joined", fix="please report it")
    for step in trace.steps:
        follows(tokens, step)
        tokens = step.tokens
    return tuple(token.id for token in tokens)
