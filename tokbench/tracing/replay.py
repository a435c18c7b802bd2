"""Play a trace again from its data alone: texts edited, words cut, merges applied, ids put in place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import singledispatch
from itertools import accumulate
from typing import TYPE_CHECKING

from tokbench.errors import TokbenchError
from tokbench.tracing.bpe_merges import Merging
from tokbench.tracing.unigram_paths import Scoring
from tokbench.tracing.wordpiece_matches import Lookup, Matching

if TYPE_CHECKING:
    from tokbench.tracing.steps import Piece, Step, Token, Trace


class TraceReplayError(TokbenchError):
    """A step of a trace does not follow from the one before it."""

    exit_code = 3


@dataclass(frozen=True)
class Made:
    """A token that a derivation gives, and the UTF-8 bytes first..last of the word that it covers."""

    token: str
    id: int
    first: int
    last: int
    unknown: bool = False


@singledispatch
def made_by(how: Merging | Matching | Scoring | Lookup, word: str) -> Iterator[Made]:
    """The tokens that a derivation gives for a word, in order."""
    raise TypeError(f"{how!r} is no derivation of {word!r}")


@made_by.register
def _(how: Merging, word: str) -> Iterator[Made]:
    at = 0
    for symbol in how.result():
        yield Made(symbol.token, symbol.id, at, at + symbol.utf8_bytes)
        at += symbol.utf8_bytes


@made_by.register
def _(how: Matching, word: str) -> Iterator[Made]:
    if how.unknown_id is not None:
        yield Made(how.unknown_token, how.unknown_id, 0, len(word.encode()), unknown=True)
        return
    places = _byte_places(word)
    for match in how.matches:
        yield Made(match.token, match.id, places[match.start], places[match.end])


@made_by.register
def _(how: Scoring, word: str) -> Iterator[Made]:
    places = _byte_places(word)
    for each in how.tokens:
        yield Made(each.token, each.id, places[each.start], places[each.end], each.unknown)


@made_by.register
def _(how: Lookup, word: str) -> Iterator[Made]:
    yield Made(how.token, how.id, 0, len(word.encode()), unknown=not how.found)


def _byte_places(word: str) -> list[int]:
    """For each character, and for the end, how many bytes come before it."""
    return [0, *accumulate(len(character.encode()) for character in word)]


def replay(trace: Trace) -> tuple[int, ...]:
    """The ids that follow from the trace's own data; TraceReplayError for a step that does not follow."""
    pieces: Sequence[Piece] = ()
    tokens: Sequence[Token] = ()
    for step in trace.steps:
        match step.kind:
            case "text":
                pieces = step.pieces
                _must("".join(piece.text for piece in pieces) == trace.text, step)
            case "normalizer":
                _must(list(_edited(pieces, step)) == [piece.text for piece in step.pieces], step)
                pieces = step.pieces
            case "added_tokens" | "pre_tokenizer":
                _must(_nested(pieces, step.pieces), step)
                pieces = step.pieces
            case "model":
                _must(list(_modelled(pieces, step)) == [token.id for token in step.tokens], step)
                tokens = step.tokens
            case "truncation" | "post_processor" | "padding":
                follows(tokens, step)
                tokens = step.tokens
    return tuple(token.id for token in tokens)


def follows(before: Sequence[Token], step: Step) -> None:
    """Raise TraceReplayError unless every token of the step is one of those before it, or was put in."""
    _must(all(_same(before, token) for token in step.tokens), step)


def _must(holds: bool, step: Step) -> None:
    if not holds:
        raise TraceReplayError(
            f"step {step.name} does not follow from the one before it", fix="please report it"
        )


def _edited(pieces: Sequence[Piece], step: Step) -> Iterator[str]:
    """The texts of the pieces with the step's edits applied; a piece with nothing left is gone."""
    for at, piece in enumerate(pieces):
        text, done = "", 0
        for edit in step.edits:
            if edit.piece == at:
                text += piece.text[done : edit.start] + edit.text
                done = edit.end
        text += piece.text[done:]
        if text:
            yield text


def _nested(outer: Sequence[Piece], inner: Sequence[Piece]) -> bool:
    """Whether every piece lies in its parent, in the parents' order; a found token stays as it is."""
    parents = [piece.parent for piece in inner]
    return parents == sorted(parents) and all(
        outer[piece.parent].start <= piece.start and piece.end <= outer[piece.parent].end
        and (outer[piece.parent].token is None or piece.token == outer[piece.parent].token)
        for piece in inner
    )  # fmt: skip


def _modelled(pieces: Sequence[Piece], step: Step) -> Iterator[int]:
    words = {word.piece: word for word in step.words}
    for at, piece in enumerate(pieces):
        if piece.id is not None:
            yield piece.id
        elif at in words:
            yield from (made.id for made in made_by(words[at].how, piece.text))


def _same(before: Sequence[Token], token: Token) -> bool:
    return token.origin is None or before[token.origin].id == token.id
