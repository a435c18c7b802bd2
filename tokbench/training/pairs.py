"""Which two symbols stand side by side, how often, and in which words; kept up to date while pairs merge."""

from __future__ import annotations

import heapq
from array import array
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import add
from typing import TypeAlias

from tokbench.progress import Progress, silent
from tokbench.training.symbols import Start

TOLD_EVERY = 1 << 14  # words between two calls of progress

# Words by number; one may stand there twice, and may have lost what it is listed for. An array takes half a
# list's memory and gives the garbage collector nothing to walk through (a sixth of the time with 421k words).
Places: TypeAlias = "array[int]"


def _nowhere() -> Places:
    """No words yet."""
    return array("i")


@dataclass(frozen=True)
class Join:
    """A merge to be made: this pair becomes this symbol, which pairs up with the neighbours that fit."""

    pair: str
    symbol: str
    fits: Callable[[str], bool]


def joined(word: str, join: Join) -> tuple[str, list[tuple[str, int]]]:
    """The word after the merge, and by how much each pair's count changes, step by step from the left.

    >>> joined("abab", Join("ab", "X", lambda neighbour: True))
    ('XX', [('ba', -1), ('Xa', 1), ('Xa', -1), ('XX', 1)])
    """
    changes = []
    end = 0
    at = word.find(join.pair)
    while at >= 0:
        if at:
            left = join.symbol if at == end else word[at - 1]
            changes.append((left + join.pair[0], -1))
            if join.fits(left):
                changes.append((left + join.symbol, 1))
        end = at + 2
        if end < len(word):
            right = word[end]
            changes.append((join.pair[1] + right, -1))
            if join.fits(right):
                changes.append((join.symbol + right, 1))
        at = word.find(join.pair, end)
    return word.replace(join.pair, join.symbol), changes


class PairTable:
    """The pairs in some words, the most frequent first; of equally frequent ones that with the lowest ids.

    It keeps two habits of the library's that its order depends on: the count of a merged pair is not cleared,
    and a pair that comes back by another route is queued again, with the words of that route only.
    """

    def __init__(self, begun: Start, *, progress: Progress = silent) -> None:
        self._words = begun.words
        self._weights = begun.counts
        self._counts: defaultdict[str, int] = defaultdict(int)
        # Minus the count, the pair, the order in which equals came, the words.
        self._queue: list[tuple[int, str, int, Places]] = []
        self._queued = 0
        self._queue_up(self._count(progress))

    def pop(self, least: int) -> tuple[str, Places] | None:
        """The most frequent pair and the words it may stand in; None when no pair occurs `least` times."""
        while self._queue:
            negative, pair, when, places = self._queue[0]
            count = self._counts[pair]
            if count == -negative:
                heapq.heappop(self._queue)
                return (pair, places) if count >= least else None
            heapq.heapreplace(self._queue, (-count, pair, when, places))
        return None

    def merge(self, join: Join, places: Places) -> None:
        """Make this merge in these words."""
        before, after, repeated = self._replace(join, places)
        found: defaultdict[str, Places] = defaultdict(_nowhere)
        for place in repeated:
            self._words[place], changes = joined(self._words[place], join)
            for pair, change in changes:
                self._counts[pair] += change * self._weights[place]
                if change > 0:
                    found[pair].append(place)
        first, second = join.pair[0], join.pair[1]
        swaps = [(left + first, left + join.symbol, left, here) for left, here in before.items()]
        swaps += [(second + right, join.symbol + right, right, here) for right, here in after.items()]
        for gone, made, neighbour, here in swaps:
            weight = sum(map(self._weights.__getitem__, here))
            self._counts[gone] -= weight
            if join.fits(neighbour):
                self._counts[made] += weight
                found[made] += here
        self._queue_up(found)

    def _replace(self, join: Join, places: Places) -> tuple[dict[str, Places], dict[str, Places], Places]:
        """Merge where a word holds the pair once: the left and the right neighbours, and the words left over.

        Most words are such, and what `joined` would say of them can be added up by neighbour.
        """
        before: defaultdict[str, Places] = defaultdict(_nowhere)
        after: defaultdict[str, Places] = defaultdict(_nowhere)
        repeated = _nowhere()
        words, pair = self._words, join.pair
        for place in dict.fromkeys(places):
            word = words[place]
            at = word.find(pair)
            if at < 0:
                continue
            if word.find(pair, at + 2) >= 0:
                repeated.append(place)
                continue
            words[place] = word.replace(pair, join.symbol)
            if at:
                before[word[at - 1]].append(place)
            if at + 2 < len(word):
                after[word[at + 2]].append(place)
        return before, after, repeated

    def _count(self, progress: Progress) -> dict[str, Places]:
        """Count all pairs; return the words in which each stands."""
        found: defaultdict[str, Places] = defaultdict(_nowhere)
        counts = self._counts
        for place, (word, weight) in enumerate(zip(self._words, self._weights, strict=True)):
            for pair in map(add, word, word[1:]):
                counts[pair] += weight
                found[pair].append(place)
            if place % TOLD_EVERY == 0:
                progress("pairs", place, len(self._words))
        progress("pairs", len(self._words), len(self._words))
        return found

    def _queue_up(self, found: Mapping[str, Places]) -> None:
        """Put pairs in the queue, with the words they were found in."""
        for pair, places in found.items():
            count = self._counts[pair]
            if count > 0:
                heapq.heappush(self._queue, (-count, pair, self._queued, places))
                self._queued += 1
