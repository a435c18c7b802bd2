"""The model's step: every piece taken apart, its tokens with their places in the original text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tokbench.errors import UsageError
from tokbench.tracing.bpe_merges import Bpe, Merging
from tokbench.tracing.cuts import How, Model, verdict
from tokbench.tracing.pre_model import Seen
from tokbench.tracing.replay import made_by
from tokbench.tracing.spelling import Speller, shown_tokens
from tokbench.tracing.steps import Piece, Step, Token, Word
from tokbench.tracing.unigram_paths import Unigram
from tokbench.tracing.wordpiece_matches import WordLevel, WordPiece

MODELS: dict[str, type[Model]] = {
    "BPE": Bpe,
    "WordPiece": WordPiece,
    "Unigram": Unigram,
    "WordLevel": WordLevel,
}


def model_of(raw: Mapping[str, Any]) -> Model:
    """The model of a tokenizer.json; raises AskedWrongly for a kind that is not known."""
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
            tokens.append(_found(piece, at, text, unknown))
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


def _found(piece: Piece, at: int, text: str, unknown: str | None) -> Token:
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
