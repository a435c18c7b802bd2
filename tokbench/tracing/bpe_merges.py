"""BPE, one word at a time: which merges were applied, in which order, and which ones are missing."""

from __future__ import annotations

from bisect import bisect_left
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from heapq import heappop, heappush
from itertools import accumulate, pairwise
from typing import Any

from tokbench.errors import UsageError
from tokbench.io.json_files import uncollected


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
        yield from map(tuple, self._applied())

    def _applied(self) -> Iterator[list[Symbol]]:
        """One and the same list, as it stands at the start and after every merge."""
        row = list(self.symbols)
        yield row
        for merge in self.merges:
            left, right = row[merge.at : merge.at + 2]
            both = left.utf8_bytes + right.utf8_bytes
            row[merge.at : merge.at + 2] = [Symbol(token=merge.token, id=merge.id, utf8_bytes=both)]
            yield row

    def result(self) -> tuple[Symbol, ...]:
        """The row after the last merge."""
        return self._result

    @cached_property
    def _result(self) -> tuple[Symbol, ...]:
        row: list[Symbol] = []
        for each in self._applied():
            row = each
        return tuple(row)

    @cached_property
    def ends(self) -> tuple[int, ...]:
        """How many bytes of the word each symbol of the result and all before it cover."""
        return tuple(accumulate(symbol.utf8_bytes for symbol in self.result()))


@dataclass(frozen=True)
class LostMerge:
    """A merge of the list, left + right, that was possible in a word until `winner` took a part of it."""

    left: str
    right: str
    rank: int
    winner: Merge


LONGEST = 500  # symbols of a word whose every row is shown, and that could be one token


class Ranks(Mapping[tuple[int, int], tuple[int, int]]):
    """Pair of ids → rank of its merge and id of the result, from a table of tokens: a text asks for few."""

    def __init__(
        self,
        ranks: Mapping[tuple[str, ...], int],
        vocab: Mapping[str, int],
        names: Mapping[int, str],
        joined: Callable[[str, str], str],
    ) -> None:
        self._ranks, self._vocab, self._names, self._joined = ranks, vocab, names, joined

    def __getitem__(self, pair: tuple[int, int]) -> tuple[int, int]:
        left, right = self._names[pair[0]], self._names[pair[1]]
        return self._ranks[left, right], self._vocab[self._joined(left, right)]

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return ((self._vocab[left], self._vocab[right]) for left, right in self._ranks)

    def __len__(self) -> int:
        return len(self._ranks)

    def items_of_tokens(self) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
        """All of it, where two tokens may have one id and a pair of ids does not tell those of tokens."""
        for (left, right), rank in self._ranks.items():
            pair = self._vocab[left], self._vocab[right]
            yield pair, (rank, self._vocab[self._joined(left, right)])


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
        self._lost: dict[int, tuple[Merging, dict[int, LostMerge]]] = {}

    @cached_property
    def names(self) -> dict[int, str]:
        """Id → token."""
        return {number: token for token, number in self.vocab.items()}

    @cached_property
    def ranks(self) -> Mapping[tuple[int, int], tuple[int, int]]:
        """Pair of ids → rank of its merge and id of the result; a pair written twice has its last rank."""
        pairs = (each.split(" ") if isinstance(each, str) else each for each in self._merges)
        with uncollected():
            ranks = dict(zip(map(tuple, pairs), range(len(self._merges)), strict=True))
        found = Ranks(ranks, self.vocab, self.names, self.joined)
        return found if len(self.names) == len(self.vocab) else dict(found.items_of_tokens())

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

    def lost(self, how: Merging) -> Mapping[int, LostMerge]:
        """For borders of a word, in bytes, the last merge across them that was possible and not done.

        With it comes the merge that took a part of it away. Of no use for borders that the result has not.
        """
        if id(how) not in self._lost:
            self._lost[id(how)] = how, dict(self._lost_in(how))
        return self._lost[id(how)][1]

    def _lost_in(self, how: Merging) -> Iterator[tuple[int, LostMerge]]:
        row = [symbol.token for symbol in how.symbols]
        ends = list(accumulate(symbol.utf8_bytes for symbol in how.symbols))
        for merge in how.merges:
            for at in range(max(0, merge.at - 1), min(merge.at + 2, len(row) - 1)):
                left, right = row[at], row[at + 1]
                if (rank := self.rank(left, right)) is not None:
                    yield ends[at], LostMerge(left, right, rank, merge)
            row[merge.at : merge.at + 2] = [merge.token]
            del ends[merge.at]

    def is_piece_of_text(self, symbol: Symbol) -> bool:
        """Whether a merge can take this symbol: it is neither unknown nor a byte that was fallen back to."""
        return symbol.token != self._unknown and not (self._falls_back and symbol.token.startswith("<0x"))

    def missing(self, how: Merging) -> tuple[tuple[str, str], ...]:
        """Merges that make this word one token when they are added at the end of the list, in this order.

        Each joins two neighbours of what the list with the ones before it leaves, two that make a token of
        the vocabulary if there are such; so each is needed by those after it, and none exists already. None
        for a word of more than LONGEST symbols: a model without a pre_tokenizer gets whole texts.
        """
        row, found = how.result(), []
        known = len(how.symbols) <= LONGEST and all(self.is_piece_of_text(symbol) for symbol in row)
        if how.dropped or not known:
            return ()
        more: dict[tuple[int, int], tuple[int, int]] = {}
        new_names: dict[int, str] = {}
        ranks, names = ChainMap(more, self.ranks), ChainMap(new_names, self.names)  # type: ignore[arg-type]
        while len(row) > 1:
            pairs = list(pairwise(row))
            left, right = next((pair for pair in pairs if self._makes_token(pair)), pairs[0])
            token = self.joined(left.token, right.token)
            new = self.vocab.get(token, -2 - len(more))
            new_names[new] = token
            more[left.id, right.id] = (len(self._merges) + len(more), new)
            found.append((left.token, right.token))
            # The new merge is the last of the list, so all before it are done as they were, and it goes on.
            row = Merging(symbols=row, merges=tuple(merged(row, ranks, names))).result()
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
    left_over = list(range(len(row)))  # the places that are still symbols of the row
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
        place = bisect_left(left_over, at)
        del left_over[place + 1]
        yield Merge(at=place, left=names[one], right=names[two], token=names[new], id=new, rank=rank)
        row[at], row[right], after[at] = new, None, after[right]
        if after[at] >= 0:
            before[after[at]] = at
        offer(before[at], at)
        offer(at, after[at])
