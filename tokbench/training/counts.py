"""Which words a corpus holds, and how often: all that the learning of pieces needs to know of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class WordCounts:
    """The words of a corpus, as its normalizer and pre-tokenizer leave them.

    counts: word → how often; the most frequent first, equally frequent ones by code point.

    >>> WordCounts.of({"a": 1, "the": 9, "an": 1}).counts
    {'the': 9, 'a': 1, 'an': 1}
    """

    counts: Mapping[str, int]

    @classmethod
    def of(cls, counts: Mapping[str, int]) -> WordCounts:
        """These counts, put in order."""
        return cls(dict(in_order(counts)))

    @cached_property
    def total(self) -> int:
        """How many words the corpus has, repetitions included."""
        return sum(self.counts.values())

    def __len__(self) -> int:
        """How many different words the corpus has."""
        return len(self.counts)


def in_order(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """What was counted: the most frequent first, equally frequent ones by code point."""
    return sorted(counts.items(), key=lambda counted: (-counted[1], counted[0]))


def alphabet(words: WordCounts) -> list[tuple[str, int]]:
    """Every character of these words and how often it occurs, the most frequent first.

    >>> alphabet(WordCounts({"ab": 2, "b": 3}))
    [('b', 5), ('a', 2)]
    """
    characters: Counter[str] = Counter()
    for word, count in words.counts.items():
        for character in word:
            characters[character] += count
    return in_order(characters)
