"""Which tokens a smaller vocabulary needs, and in which order the others can go, for each algorithm.

A text whose tokens all stay keeps its tokens. For BPE that takes what its merges pass through: a token in a
text is made as it is made of its own text, since no merge crosses its borders, so the pairs that become it
there are all that is needed, and no other pair that the list has for it. WordPiece takes the longest piece
that there is, Unigram the best path: taking others away changes neither. Beyond that nothing may become
unknown that was not: single characters stay, tokens that alone hold a character, bytes, and Unigram's lowest
score, from which the score of the unknown is counted.

Going down to a number of tokens, the rarest goes first, and what it counted goes to what takes its place:
of BPE only a token that is no part of another can go ("leaf" pruning: Purason et al., arXiv 2512.03989).
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from math import inf
from typing import Any

from tokbench.adapt.continued.spelled_words import BYTES
from tokbench.pretrained.renumbered import merge_result
from tokbench.pretrained.unused_tokens import merge_parts, numbered


class TokenSet:
    """The tokens of a model, none of which is made of others: whole words.

    `always` are those that stay whatever a corpus says; `dead` those that no text gets by the model's rules.
    """

    def __init__(self, model: Mapping[str, Any]) -> None:
        self.model = model
        self.tokens = dict(numbered(model["vocab"]))
        unknown = model.get("unk_token")
        self.always = frozenset([unknown] if unknown in self.tokens else ())
        self.dead: frozenset[str] = frozenset()

    def closed(self, tokens: Iterable[str]) -> set[str]:
        """The tokens, and those without which they would not come about."""
        return set(tokens)

    def order(self, counts: Mapping[str, int], fixed: Collection[str]) -> list[str]:
        """All tokens that can go, the first to go first: dead ones, then by count, then the higher id."""
        left, times = set(self.tokens), Counter(counts)
        above = self._above()

        def entry(token: str) -> tuple[int, bool, int, str]:
            return times[token], token not in self.dead, -self.tokens[token], token

        heap = [entry(token) for token in self.tokens if not above[token] and token not in fixed]
        heapq.heapify(heap)
        order = []
        while heap:
            found = heapq.heappop(heap)
            token = found[-1]
            if found != entry(token):
                heapq.heappush(heap, entry(token))
                continue
            order.append(token)
            left.discard(token)
            for part in self._instead(token, left) if times[token] else ():
                times[part] += times[token]
            for part in self._below(token):
                above[part] -= 1
                if not above[part] and part not in fixed:
                    heapq.heappush(heap, entry(part))
        return order

    def _above(self) -> Counter[str]:
        """How many tokens each token is a part of."""
        return Counter(part for token in self.tokens for part in self._below(token))

    def _below(self, token: str) -> Sequence[str]:
        """The parts without which a token would not come about."""
        return ()

    def _instead(self, token: str, left: Collection[str]) -> Iterable[str]:
        """What a text has in the place of a token that is gone, of those that are left."""
        return ()

    def _uncovered(self, forms: Mapping[str, Sequence[str]]) -> set[str]:
        """Tokens of one character, and those with a character that none of them holds."""
        known = self.tokens.keys()
        return {token for token, each in forms.items() if len(each) == 1 or not known >= set(each)}


def characters(token: str, prefix: str) -> list[str]:
    """A token as tokens of a character each, with the prefix of those inside a word.

    >>> characters("##ing", "##"), characters("do", "##")
    (['##i', '##n', '##g'], ['d', '##o'])
    """
    inside = bool(prefix) and token.startswith(prefix) and token != prefix
    text = token.removeprefix(prefix) if inside else token
    return [(prefix if at or inside else "") + each for at, each in enumerate(text)]


class WordPieces(TokenSet):
    """WordPiece's: the longest piece goes first, pieces inside a word have a prefix."""

    def __init__(self, model: Mapping[str, Any]) -> None:
        super().__init__(model)
        self._prefix = model.get("continuing_subword_prefix") or ""
        self.always |= self._uncovered({each: characters(each, self._prefix) for each in self.tokens})

    def _instead(self, token: str, left: Collection[str]) -> Iterator[str]:
        """The longest pieces that are left, one after the other."""
        prefix = self._prefix
        begin = len(prefix) if prefix and token.startswith(prefix) else 0
        at = begin
        while at < len(token):
            before = prefix if at or begin else ""
            ends = range(len(token), at, -1)
            end = next((end for end in ends if before + token[at:end] in left), at + 1)
            yield before + token[at:end]
            at = end


class UnigramPieces(TokenSet):
    """Unigram's: the pieces whose scores sum to most."""

    def __init__(self, model: Mapping[str, Any]) -> None:
        super().__init__(model)
        self._scores: dict[str, float] = dict(model["vocab"])
        self._longest = max(map(len, self.tokens), default=0)
        number = model.get("unk_id")
        unknown = [model["vocab"][number][0]] if isinstance(number, int) else []
        lowest = sorted(self._scores, key=self._scores.__getitem__)[:1]
        self.always |= {*unknown, *lowest, *(BYTES.keys() & self.tokens.keys())}
        self.always |= self._uncovered({each: list(each) for each in self.tokens})

    def _instead(self, token: str, left: Collection[str]) -> Iterable[str]:
        """The best path of the pieces that are left."""
        best: list[tuple[float, list[str]]] = [(0.0, [])]
        for end in range(1, len(token) + 1):
            found: tuple[float, list[str]] = (-inf, [])
            for begin in range(max(0, end - self._longest), end):
                piece = token[begin:end]
                if piece in left and (total := best[begin][0] + self._scores[piece]) > found[0]:
                    found = total, [*best[begin][1], piece]
            best.append(found)
        return best[-1][1]


class MergedTokens(TokenSet):
    """BPE's: characters or bytes, and what merges make of them."""

    def __init__(self, model: Mapping[str, Any]) -> None:
        super().__init__(model)
        self._prefix = model.get("continuing_subword_prefix") or ""
        self._suffix = model.get("end_of_word_suffix") or ""
        pairs = map(merge_parts, model["merges"])
        self._ranks = {(left, right): rank for rank, (left, right) in enumerate(pairs)}
        alphabet = {token for token in self.tokens if len(self._symbols(token)) == 1 or token in BYTES}
        self.always |= alphabet
        made = {token: self._made(token) for token in self.tokens if token not in self.always}
        self._parts = {token: parts for token, (parts, left) in made.items() if len(left) == 1}
        self._left = {token: left for token, (_, left) in made.items() if len(left) != 1}
        self.dead = frozenset(self._left)

    def closed(self, tokens: Iterable[str]) -> set[str]:
        """The tokens, and what merges pass through to make each of its own text."""
        found: set[str] = set()
        todo = list(tokens)
        while todo:
            token = todo.pop()
            if token not in found:
                found.add(token)
                todo += self._below(token)
        return found

    def _below(self, token: str) -> Sequence[str]:
        return self._parts.get(token, ())

    def _instead(self, token: str, left: Collection[str]) -> Iterable[str]:
        return self._parts.get(token) or self._left[token]

    def _symbols(self, token: str) -> list[str]:
        """The characters that a token's merges begin with."""
        ends = bool(self._suffix) and token.endswith(self._suffix) and token != self._suffix
        symbols = characters(token.removesuffix(self._suffix) if ends else token, self._prefix)
        return [*symbols[:-1], symbols[-1] + self._suffix] if ends else symbols

    def _made(self, token: str) -> tuple[Sequence[str], list[str]]:
        """The parts of the last merge of a token's characters, and what is left: itself if it comes out."""
        symbols = self._symbols(token)
        parts: Sequence[str] = ()
        while len(symbols) > 1:
            found = [self._ranks.get(pair, inf) for pair in pairwise(symbols)]
            lowest = min(found)
            if lowest == inf:
                break
            at = found.index(lowest)
            parts = symbols[at], symbols[at + 1]
            symbols[at : at + 2] = [merge_result(symbols[at], symbols[at + 1], self._prefix)]
        return parts, symbols


KINDS: Mapping[str, type[TokenSet]] = {
    "BPE": MergedTokens,
    "Unigram": UnigramPieces,
    "WordLevel": TokenSet,
    "WordPiece": WordPieces,
}
