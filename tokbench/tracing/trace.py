"""One text through a tokenizer, block by block, as data that can be shown and replayed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tokenizers import Tokenizer

from tokbench.errors import UsageError
from tokbench.io.json_files import parse_object
from tokbench.io.library_errors import cannot_encode, library_errors_as
from tokbench.tracing import bpe_merges
from tokbench.tracing.bpe_merges import Bpe, Merging
from tokbench.tracing.cuts import How, Model, cuts_of, verdict, why_span
from tokbench.tracing.post_model import (
    EncodingLists,
    PairTrace,
    decoder_steps,
    joining,
    lists_of,
    steps_after,
)
from tokbench.tracing.pre_model import Seen, stages, steps_of
from tokbench.tracing.replay import made_by
from tokbench.tracing.spelling import Speller, shown_tokens
from tokbench.tracing.steps import Piece, Step, Token, Trace, Word
from tokbench.tracing.unigram_paths import Unigram
from tokbench.tracing.wordpiece_matches import WordLevel, WordPiece

DIFFERS = "the steps give other ids than the tokenizer: please report the text and the tokenizer"
LONGEST = 20_000  # characters; a trace of more is nothing anyone reads
MODELS: dict[str, type[Model]] = {
    "BPE": Bpe,
    "WordPiece": WordPiece,
    "Unigram": Unigram,
    "WordLevel": WordLevel,
}


def follow(
    tokenizer: Tokenizer, text: str, *, name: str = "tokenizer", span: tuple[int, int] | None = None
) -> Trace:
    """Every step of this text, and the tokenizer's own ids; `span` asks why those characters are cut.

    Where the tokenizer encodes at random (dropout, sampling), the trace is of its way without chance, and
    says so. Raises UsageError for a text that is too long or that the library cannot encode.
    """
    ensure_short(text)
    tokenizer, raw, notes = without_chance(tokenizer, _raw(tokenizer))
    encoding = encoded(tokenizer, name, text)
    model, speller = model_of(raw), Speller(raw)
    begun = up_to_the_model(tokenizer, raw, model, text)
    after = tuple(steps_after(raw, begun[-1].tokens, encoding))
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


def _raw(tokenizer: Tokenizer) -> Mapping[str, Any]:
    """The tokenizer's JSON as the library writes it: every option by its name of today."""
    return parse_object(tokenizer.to_str(), name="tokenizer.json")


def ensure_short(text: str) -> None:
    """Raise UsageError for a text of which nobody would read a trace."""
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


def encoded(tokenizer: Tokenizer, name: str, text: str, second: str | None = None) -> EncodingLists:
    """What the library makes of a text, or of two; UsageError for one that it cannot encode."""
    with library_errors_as(lambda error: cannot_encode(name, error), also=(Exception,)):
        return lists_of(tokenizer.encode(text, second))


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

    Raises UsageError for a text that is too long or that the library cannot encode.
    """
    for each in (text, second):
        ensure_short(each)
    tokenizer, raw, notes = without_chance(tokenizer, _raw(tokenizer))
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
    cuts = tuple(cuts_of(steps, model, Speller(raw)))
    ids = modelled_ids(steps)
    decoded = tokenizer.decode(ids, skip_special_tokens=True)
    return Trace(
        tokenizer=name,
        text=text,
        steps=steps,
        cuts=cuts,
        ids=ids,
        tokens=steps[-1].tokens,
        decoded=decoded,
        same=decoded == text,
    )


def model_of(raw: Mapping[str, Any]) -> Model:
    """The model of a tokenizer.json; raises UsageError for a kind that is not known."""
    kind = raw["model"]["type"]
    if kind not in MODELS:
        raise UsageError(f"a model of type {kind} cannot be traced", fix=f"known: {', '.join(MODELS)}")
    return MODELS[kind](raw["model"])


def model_step(
    model: Model, raw: Mapping[str, Any], seen: Sequence[Seen], pieces: Sequence[Piece], text: str
) -> Step:
    """What the model does with each piece; an added token that was found goes through as it is."""
    speller = Speller(raw)
    unknown = _unknown_token(raw)
    words: list[Word] = []
    tokens: list[Token] = []
    known: dict[str, How] = {}
    for at, (one, piece) in enumerate(zip(seen, pieces, strict=True)):
        if piece.token is not None and piece.id is not None:
            tokens.append(_added_token(piece, at, text, unknown))
            continue
        if one.text not in known:
            known[one.text] = model.derive(one.text)
        how = known[one.text]
        first = len(tokens)
        tokens += _tokens(how, one, at, text, speller=speller, unknown=unknown)
        words.append(_word(model, how, one, at, speller=speller, tokens=range(first, len(tokens))))
    options = {name: each for name, each in raw["model"].items() if name not in ("type", "vocab", "merges")}
    return Step(
        kind="model", name=raw["model"]["type"], options=options, words=tuple(words), tokens=tuple(tokens)
    )


def _unknown_token(raw: Mapping[str, Any]) -> str | None:
    model = raw["model"]
    if model["type"] == "Unigram":
        at = model.get("unk_id")
        return None if at is None else str(model["vocab"][at][0])
    unknown = model.get("unk_token")
    return None if unknown is None else str(unknown)


def _added_token(piece: Piece, at: int, text: str, unknown: str | None) -> Token:
    return Token(
        token=str(piece.token),
        id=int(piece.id or 0),
        start=piece.start,
        end=piece.end,
        shown=text[piece.start : piece.end],
        kind="unknown" if piece.token == unknown else "added",
        piece=at,
    )


def _tokens(
    how: How, seen: Seen, at: int, text: str, *, speller: Speller, unknown: str | None
) -> Iterator[Token]:
    made = list(made_by(how, seen.text))
    size = len(seen.text.encode())
    offsets = [seen.under(min(each.first, size - 1), min(each.last, size)) for each in made]
    shown = shown_tokens(
        [each.token for each in made], [text[start:end] for start, end in offsets], offsets, speller
    )
    for each, (start, end), (words, partial) in zip(made, offsets, shown, strict=True):
        lost = each.unknown or each.token == unknown
        kind = "unknown" if lost else "partial" if partial else ""
        yield Token(token=each.token, id=each.id, start=start, end=end, shown=words, kind=kind, piece=at)


def _word(model: Model, how: How, seen: Seen, at: int, *, speller: Speller, tokens: range) -> Word:
    missing: tuple[tuple[str, str], ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    if isinstance(model, Bpe) and isinstance(how, Merging):
        missing = model.missing(how)
        if len(how.symbols) <= bpe_merges.LONGEST:
            rows = tuple(tuple(speller.spell(symbol.token)[0] for symbol in row) for row in how.rows())
    return Word(
        piece=at,
        text=seen.text,
        shown=speller.spell(seen.text)[0],
        first=tokens.start,
        last=tokens.stop - 1,
        how=how,
        rows=rows,
        missing=missing,
        verdict=verdict(model, how, seen.text, missing=missing, say=speller.quoted),
    )
