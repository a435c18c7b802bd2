"""Unigram, one word at a time: the best path through all ways to write it, and the next best ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from tokbench.errors import UsageError

UNKNOWN_PENALTY = 10.0  # below the lowest score of the vocabulary (the library's K_UNK_PENALTY)
RUNNERS_UP = 3


@dataclass(frozen=True, kw_only=True)
class Scored:
    """Characters start..end of the word as one piece: its id and score (log probability)."""

    start: int
    end: int
    text: str
    id: int
    score: float
    unknown: bool


@dataclass(frozen=True, kw_only=True)
class Route:
    """One way to write the word, and the sum of its scores."""

    score: float
    pieces: tuple[Scored, ...]


@dataclass(frozen=True, kw_only=True)
class Emitted:
    """A token of the model: neighbouring unknown pieces are one, or bytes where it falls back to them."""

    token: str
    id: int
    start: int
    end: int
    unknown: bool


@dataclass(frozen=True, kw_only=True)
class Scoring:
    """The routes, best first (the first is taken), and the tokens that the best one gives.

    `whole` is the score of the word as one piece, None where the vocabulary lacks it.
    """

    kind: str = "routes"
    routes: tuple[Route, ...]
    tokens: tuple[Emitted, ...]
    whole: float | None


class _Node(NamedTuple):
    """A way to reach a place: its score, the last piece, and which way to that piece's start it goes on."""

    score: float
    piece: Scored
    rank: int


class Unigram:
    """The Unigram model of a tokenizer.json, ready to tell how it takes words apart."""

    def __init__(self, model: Mapping[str, Any]) -> None:
        self._pieces: Sequence[tuple[str, float]] = model["vocab"]
        self.vocab: dict[str, int] = {piece: number for number, (piece, _) in enumerate(self._pieces)}
        self._unknown: int | None = model.get("unk_id")
        self._falls_back = bool(model.get("byte_fallback"))

    @cached_property
    def _longest(self) -> int:
        return max(map(len, self.vocab), default=1)

    @cached_property
    def unknown_score(self) -> float:
        """What one character without a piece of its own costs."""
        return min((score for _, score in self._pieces), default=0.0) - UNKNOWN_PENALTY

    def score(self, piece: str) -> float | None:
        """The score of this piece, None where the vocabulary lacks it."""
        return self._pieces[self.vocab[piece]][1] if piece in self.vocab else None

    def derive(self, word: str) -> Scoring:
        """The best routes of this word, the first as the library takes it."""
        routes = self._routes(word)
        return Scoring(routes=routes, tokens=tuple(self._emitted(routes[0].pieces)), whole=self.score(word))

    def best_without(self, word: str, cut: int) -> Route | None:
        """The best route with no boundary before character `cut`; None where no piece reaches over it."""
        routes = self._routes(word, closed=cut)
        return routes[0] if routes else None

    def _routes(self, word: str, closed: int | None = None) -> tuple[Route, ...]:
        ways: list[list[_Node]] = [[] for _ in range(len(word) + 1)]
        for start in range(len(word)):
            arrivals: Sequence[_Node | None] = ways[start] if start else [None]
            for piece in self._pieces_at(word, start):
                if piece.end != closed:
                    ways[piece.end] += [
                        _Node((way.score if way else 0.0) + piece.score, piece, rank)
                        for rank, way in enumerate(arrivals)
                    ]
            # The sort keeps the earlier of equals, as the library's strict comparison does.
            ways[start + 1].sort(key=lambda node: -node.score)
            del ways[start + 1][RUNNERS_UP + 1 :]
        return tuple(
            Route(score=way.score, pieces=tuple(_followed(ways, len(word), rank)))
            for rank, way in enumerate(ways[len(word)])
        )

    def _pieces_at(self, word: str, start: int) -> Iterator[Scored]:
        """Every piece that begins here, shortest first; the unknown one where no single character does."""
        for end in range(start + 1, min(len(word), start + self._longest) + 1):
            text = word[start:end]
            if text in self.vocab:
                number = self.vocab[text]
                score = self._pieces[number][1]
                yield Scored(start=start, end=end, text=text, id=number, score=score, unknown=False)
        if word[start] not in self.vocab:
            yield Scored(
                start=start,
                end=start + 1,
                text=word[start],
                id=self._unknown_id(),
                score=self.unknown_score,
                unknown=True,
            )

    def _unknown_id(self) -> int:
        if self._unknown is None:
            raise UsageError(
                "the model meets an unknown character and has no unk_id",
                fix="name the piece for what is unknown as unk_id",
            )
        return self._unknown

    def _emitted(self, pieces: Sequence[Scored]) -> Iterator[Emitted]:
        """The pieces of the best route as tokens."""
        for run in _fused(pieces, self._unknown):
            text, start, end = "".join(piece.text for piece in run), run[0].start, run[-1].end
            written = [f"<0x{byte:02X}>" for byte in text.encode()] if self._falls_back else [""]
            if text in self.vocab:
                yield Emitted(token=text, id=self.vocab[text], start=start, end=end, unknown=run[0].unknown)
            elif all(each in self.vocab for each in written):
                for each in written:
                    yield Emitted(token=each, id=self.vocab[each], start=start, end=end, unknown=False)
            else:
                yield Emitted(token=text, id=self._unknown_id(), start=start, end=end, unknown=True)


def _followed(ways: Sequence[Sequence[_Node]], end: int, rank: int) -> Iterator[Scored]:
    """The pieces of the route that ends here, first to last."""
    found = []
    while end > 0:
        way = ways[end][rank]
        found.append(way.piece)
        end, rank = way.piece.start, way.rank
    return reversed(found)


def _fused(pieces: Sequence[Scored], unknown: int | None) -> Iterator[list[Scored]]:
    """Neighbouring pieces with the unknown id in one run; every other piece alone."""
    run: list[Scored] = []
    for piece in pieces:
        if run and not (piece.id == unknown and run[-1].id == unknown):
            yield run
            run = []
        run.append(piece)
    if run:
        yield run
