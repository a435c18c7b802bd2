"""BPE, one word at a time: which merges were applied, in which order, and which ones are missing."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from heapq import heappop, heappush
from itertools import pairwise
from typing import Any

from tokbench.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Symbol:
    """What a word begins as: a token, its id, and how many UTF-8 bytes of the word it covers."""

    token: str
    id: int
    utf8_bytes: int


@dataclass(frozen=True, kw_only=True)
class Merge:
    """Symbols `at` and `at` + 1 of the row as it stands became `token`; rank 0 is the first merge learned."""

    at: int
    left: str
    right: str
    token: str
    id: int
    rank: int


@dataclass(frozen=True, kw_only=True)
class Merging:
    """A word's symbols and the merges applied to them in order.

    `whole` where the word was looked up before any merge (ignore_merges). `dropped` are characters that
    have no token and leave nothing behind.
    """

    kind: str = "merges"
    symbols: tuple[Symbol, ...]
    merges: tuple[Merge, ...] = ()
    whole: bool = False
    dropped: tuple[str, ...] = ()

    def rows(self) -> Iterator[tuple[Symbol, ...]]:
        """The row of symbols at the start and after every merge."""
        row = list(self.symbols)
        yield tuple(row)
        for merge in self.merges:
            left, right = row[merge.at : merge.at + 2]
            both = left.utf8_bytes + right.utf8_bytes
            row[merge.at : merge.at + 2] = [Symbol(token=merge.token, id=merge.id, utf8_bytes=both)]
            yield tuple(row)

    def result(self) -> tuple[Symbol, ...]:
        """The row after the last merge."""
        *_, last = self.rows()
        return last


class Bpe:
    """The BPE model of a tokenizer.json, ready to tell how it takes words apart."""

    def __init__(self, model: Mapping[str, Any]) -> None:
        self.vocab: Mapping[str, int] = model["vocab"]
        self._merges: Sequence[Any] = model["merges"]
        self._prefix = model.get("continuing_subword_prefix") or ""
        self._suffix = model.get("end_of_word_suffix") or ""
        self._unknown: str | None = model.get("unk_token")
        self._fuses = bool(model.get("fuse_unk"))
        self._falls_back = bool(model.get("byte_fallback"))
        self._whole_first = bool(model.get("ignore_merges"))

    @cached_property
    def names(self) -> dict[int, str]:
        """Id → token."""
        return {number: token for token, number in self.vocab.items()}

    @cached_property
    def ranks(self) -> dict[tuple[int, int], tuple[int, int]]:
        """Pair of ids → rank of its merge and id of the result; a pair written twice has its last rank."""
        table = {}
        for rank, merge in enumerate(self._merges):
            left, right = merge.split(" ") if isinstance(merge, str) else merge
            result = self.vocab[left + right[len(self._prefix) :]]
            table[self.vocab[left], self.vocab[right]] = (rank, result)
        return table

    def derive(self, word: str) -> Merging:
        """How the model takes this word apart, as the library does it."""
        if self._whole_first and word in self.vocab:
            whole = Symbol(token=word, id=self.vocab[word], utf8_bytes=len(word.encode()))
            return Merging(symbols=(whole,), whole=True)
        symbols, dropped = self._start(word)
        return Merging(
            symbols=symbols, merges=tuple(merged(symbols, self.ranks, self.names)), dropped=dropped
        )

    def _start(self, word: str) -> tuple[tuple[Symbol, ...], tuple[str, ...]]:
        """The characters as symbols: with their prefix and suffix, as bytes, as unknown, or dropped."""
        row: list[Symbol] = []
        dropped: list[str] = []
        held: list[Symbol] = []  # an unknown that the next one may still join
        for at, character in enumerate(word):
            written = (self._prefix if at else "") + character
            written += self._suffix if at == len(word) - 1 else ""
            size = len(character.encode())
            if written in self.vocab:
                row += [*held, Symbol(token=written, id=self.vocab[written], utf8_bytes=size)]
                held = []
            elif single := self._as_bytes(written):
                row += single  # before an unknown that is held, as the library has it
            elif self._unknown is None:
                dropped.append(character)
            elif held and self._fuses:
                held = [self._unknown_of(held[0].utf8_bytes + size)]
            else:
                row += held
                held = [self._unknown_of(size)]
        return (*row, *held), tuple(dropped)

    def _as_bytes(self, written: str) -> list[Symbol]:
        pieces = [f"<0x{byte:02X}>" for byte in written.encode()] if self._falls_back else []
        if not all(piece in self.vocab for piece in pieces):
            return []
        return [Symbol(token=piece, id=self.vocab[piece], utf8_bytes=1) for piece in pieces]

    def _unknown_of(self, size: int) -> Symbol:
        if self._unknown is None or self._unknown not in self.vocab:
            raise UsageError(
                f"the unknown token {self._unknown} is not in the vocabulary", fix="add it to the vocabulary"
            )
        return Symbol(token=self._unknown, id=self.vocab[self._unknown], utf8_bytes=size)

    def joined(self, left: str, right: str) -> str:
        """The token that a merge of the two makes."""
        return left + right[len(self._prefix) :]

    def rank(self, left: str, right: str) -> int | None:
        """The rank of this merge, or None where there is none."""
        pair = (self.vocab.get(left, -1), self.vocab.get(right, -1))
        found = self.ranks.get(pair)
        return found[0] if found else None

    def is_piece_of_text(self, symbol: Symbol) -> bool:
        """Whether a merge can take this symbol: it is neither unknown nor a byte that was fallen back to."""
        return symbol.token != self._unknown and not (self._falls_back and symbol.token.startswith("<0x"))

    def missing(self, how: Merging) -> tuple[tuple[str, str], ...]:
        """Merges that make this word one token when they are added at the end of the list, in this order.

        Each joins two neighbours of what the list with the ones before it leaves, two that make a token of
        the vocabulary if there are such; so each is needed by those after it, and none exists already.
        """
        row, found = how.result(), []
        if how.dropped or not all(self.is_piece_of_text(symbol) for symbol in row):
            return ()
        more: dict[tuple[int, int], tuple[int, int]] = {}
        new_names: dict[int, str] = {}
        ranks, names = ChainMap(more, self.ranks), ChainMap(new_names, self.names)
        while len(row) > 1:
            pairs = list(pairwise(row))
            left, right = next((pair for pair in pairs if self._makes_token(pair)), pairs[0])
            token = self.joined(left.token, right.token)
            new = self.vocab.get(token, -2 - len(more))
            new_names[new] = token
            more[left.id, right.id] = (len(self._merges) + len(more), new)
            found.append((left.token, right.token))
            row = Merging(symbols=how.symbols, merges=tuple(merged(how.symbols, ranks, names))).result()
        return tuple(found)

    def _makes_token(self, pair: tuple[Symbol, Symbol]) -> bool:
        return self.joined(pair[0].token, pair[1].token) in self.vocab


def merged(
    symbols: Sequence[Symbol], ranks: Mapping[tuple[int, int], tuple[int, int]], names: Mapping[int, str]
) -> Iterator[Merge]:
    """The merges of this row in the library's order: lowest rank first, leftmost of equals."""
    row: list[int | None] = [symbol.id for symbol in symbols]
    after = [*range(1, len(row)), -1]
    before = list(range(-1, len(row) - 1))
    queue: list[tuple[int, int, int]] = []

    def offer(left: int, right: int) -> None:
        if left >= 0 and right >= 0 and (found := ranks.get((row[left], row[right]))):  # type: ignore[arg-type]
            heappush(queue, (found[0], left, found[1]))

    for at in range(len(row) - 1):
        offer(at, at + 1)
    while queue:
        rank, at, new = heappop(queue)
        right = after[at]
        one, two = row[at], row[right]
        if one is None or two is None or right < 0 or ranks.get((one, two), (0, None))[1] != new:
            continue  # one of the two went into another merge meanwhile
        place = sum(each is not None for each in row[:at])
        yield Merge(at=place, left=names[one], right=names[two], token=names[new], id=new, rank=rank)
        row[at], row[right], after[at] = new, None, after[right]
        if after[at] >= 0:
            before[after[at]] = at
        offer(before[at], at)
        offer(at, after[at])
