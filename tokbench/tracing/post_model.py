"""The steps after the model: what truncation takes away, what the post_processor and padding put in."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from tokenizers import Encoding, Tokenizer

from tokbench.errors import plural
from tokbench.results import Result
from tokbench.tracing.replay import TraceReplayError, follows, replay
from tokbench.tracing.spelling import blocks_of
from tokbench.tracing.steps import Step, Token, Trace


@dataclass(frozen=True)
class EncodingLists:
    """The lists of the library's Encoding, each asked for once: it makes the whole list anew every time."""

    ids: Sequence[int]
    tokens: Sequence[str]
    offsets: Sequence[tuple[int, int]]
    type_ids: Sequence[int]
    attention_mask: Sequence[int]
    special_tokens_mask: Sequence[int]
    sequence_ids: Sequence[int | None]


def lists_of(encoding: Encoding) -> EncodingLists:
    """All lists of an encoding."""
    return EncodingLists(**{each.name: getattr(encoding, each.name) for each in fields(EncodingLists)})


def steps_after(raw: Mapping[str, Any], tokens: Sequence[Token], encoding: EncodingLists) -> Iterator[Step]:
    """Truncation and padding where they are set, and the post_processor where there is one."""
    real = [at for at, mask in enumerate(encoding.attention_mask) if mask]
    own = [at for at in real if not encoding.special_tokens_mask[at]]
    known: Sequence[int] = range(len(tokens))
    if limit := raw.get("truncation"):
        count = len(own) // _copies(raw)
        known = known[len(known) - count :] if limit.get("direction") == "Left" else known[:count]
        cut = tuple(replace(tokens[at], origin=at) for at in known)
        yield _truncated(limit, cut, before=len(tokens))
        tokens = cut
    framed = tuple(_framed(encoding, real, tokens))
    if raw.get("post_processor"):
        yield post_processed(raw, framed)
    yield from padded(raw, encoding, framed)


def _truncated(limit: Mapping[str, Any], tokens: tuple[Token, ...], *, before: int) -> Step:
    dropped = before - len(tokens)
    cut_off = plural(dropped, "token is", "tokens are")
    note = f"{cut_off} cut off" if dropped else "short enough: nothing is cut off"
    return Step(kind="truncation", name="truncation", options=limit, tokens=tokens, notes=(note,))


def padded(raw: Mapping[str, Any], encoding: EncodingLists, framed: Sequence[Token]) -> Iterator[Step]:
    """The step of padding, where it is set; `framed` are the tokens that are no padding."""
    padding = raw.get("padding")
    if not padding:
        return
    real = [at for at, mask in enumerate(encoding.attention_mask) if mask]
    more = len(encoding.ids) - len(real)
    note = f"{plural(more, 'time')} {padding.get('pad_token')}" if more else "long enough: nothing is put in"
    origins = {at: number for number, at in enumerate(real)}
    tokens = tuple(
        replace(framed[origins[at]], origin=origins[at]) if at in origins else put_in(encoding, at)
        for at in range(len(encoding.ids))
    )
    yield Step(kind="padding", name="padding", options=padding, tokens=tokens, notes=(note,))


def _copies(raw: Mapping[str, Any]) -> int:
    """How often the post_processor writes the text; a template may do so twice."""
    templates = [block for block in blocks_of(raw, "post_processor") if block["type"] == "TemplateProcessing"]
    return max([sum("Sequence" in part for part in block["single"]) for block in templates] or [1]) or 1


def _framed(encoding: EncodingLists, real: Sequence[int], tokens: Sequence[Token]) -> Iterator[Token]:
    """The tokens between those that were put in, with their offsets of after the post_processor."""
    count = 0
    for at in real:
        if encoding.special_tokens_mask[at] or not tokens:
            yield put_in(encoding, at)
            continue
        origin = count % len(tokens)
        start, end = encoding.offsets[at]
        type_id = encoding.type_ids[at]
        yield replace(tokens[origin], start=start, end=end, type_id=type_id, origin=origin)
        count += 1


def put_in(encoding: EncodingLists, at: int) -> Token:
    """The token at this place of the encoding, as one that a block put there."""
    token = encoding.tokens[at]
    start, end = encoding.offsets[at]
    return Token(
        token=token,
        id=encoding.ids[at],
        start=start,
        end=end,
        shown=token,
        kind="special",
        type_id=encoding.type_ids[at],
    )


def post_processed(raw: Mapping[str, Any], framed: tuple[Token, ...]) -> Step:
    """The post_processor's step, whose tokens without an origin it put in."""
    blocks = blocks_of(raw, "post_processor")
    names = " then ".join(block["type"] for block in blocks)
    added = [token.token for token in framed if token.origin is None]
    notes = [f"puts in {', '.join(added)}" if added else "puts no token in"]
    if any(block.get("trim_offsets") for block in blocks):
        notes.append("takes the spaces out of the offsets (trim_offsets)")
    options = {"blocks": [dict(block) for block in blocks]}
    return Step(kind="post_processor", name=names, options=options, tokens=framed, notes=tuple(notes))


def decoder_steps(tokenizer: Tokenizer, raw: Mapping[str, Any], ids: Sequence[int]) -> Iterator[Step]:
    """The text after each decoder, without special tokens, as decode gives it by default."""
    special = {
        token.content for token in tokenizer.get_added_tokens_decoder().values() if token.special
    }  # by content, as the library does it
    named = [token for token in map(tokenizer.id_to_token, ids) if token is not None]
    tokens = [token for token in named if token not in special]
    decoders = blocks_of(raw, "decoder")
    if not decoders:
        yield Step(kind="decoder", name="none", text=" ".join(tokens), notes=("joined by spaces",))
    for count, block in enumerate(decoders, 1):
        text = _decoder(decoders[:count]).decode(tokens)
        options = {name: each for name, each in block.items() if name != "type"}
        yield Step(kind="decoder", name=block["type"], options=options, text=text)


def _decoder(blocks: Sequence[Mapping[str, Any]]) -> Any:  # noqa: ANN401 - the library's class has no stub
    description = {
        "version": "1.0",
        "added_tokens": [],
        "decoder": {"type": "Sequence", "decoders": list(blocks)},
        "model": {"type": "BPE", "vocab": {}, "merges": []},
    }
    return Tokenizer.from_str(json.dumps(description)).decoder


@dataclass(frozen=True, kw_only=True, repr=False)
class PairTrace(Result, kind="pair_trace", table="tokens"):
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


def joining(raw: Mapping[str, Any], first: Trace, second: Trace, encoding: EncodingLists) -> Iterator[Step]:
    """Truncation, the post_processor and padding; where no block joins the two, a step that says so."""
    sides = (first.tokens, second.tokens)
    left: tuple[Sequence[int], ...] = tuple(range(len(side)) for side in sides)
    offset = len(first.tokens)
    if limit := raw.get("truncation"):
        left = tuple(_rest(limit, side, encoding, number) for number, side in enumerate(sides))
        tokens = tuple(
            replace(side[at], origin=at + number * offset)
            for number, side in enumerate(sides)
            for at in left[number]
        )
        yield _truncated(limit, tokens, before=sum(map(len, sides)))
        sides = (tokens[: len(left[0])], tokens[len(left[0]) :])
    framed = tuple(_framed_pair(encoding, sides))
    if raw.get("post_processor"):
        yield post_processed(raw, framed)
    else:
        note = "no post_processor: the two are put one after the other"
        yield Step(kind="post_processor", name="none", tokens=framed, notes=(note,))
    yield from padded(raw, encoding, framed)


def _rest(
    limit: Mapping[str, Any], side: Sequence[Token], encoding: EncodingLists, number: int
) -> Sequence[int]:
    """Which tokens of one of the texts are left. The library knows one stretch of the input for each text."""
    count = min(encoding.sequence_ids.count(number), len(side))
    return range(len(side) - count, len(side)) if limit.get("direction") == "Left" else range(count)


def _framed_pair(encoding: EncodingLists, sides: Sequence[Sequence[Token]]) -> Iterator[Token]:
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
    """The ids that follow from the data of both texts; TraceReplayError for a step that does not follow."""
    ids = (*replay(trace.first), *replay(trace.second))
    tokens: Sequence[Token] = (*trace.first.tokens, *trace.second.tokens)
    if ids != tuple(token.id for token in tokens):
        raise TraceReplayError(
            "the two texts do not give the tokens that were joined", fix="please report it"
        )
    for step in trace.steps:
        follows(tokens, step)
        tokens = step.tokens
    return tuple(token.id for token in tokens)
