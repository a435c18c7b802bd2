"""Which words a corpus holds, and how often: all that the learning of pieces needs to know of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.trainers import WordLevelTrainer

from tokbench.progress import Progress, silent
from tokbench.training import library


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
        return cls(dict(by_count(counts)))

    @cached_property
    def total(self) -> int:
        """How many words the corpus has, repetitions included."""
        return sum(self.counts.values())

    def __len__(self) -> int:
        """How many different words the corpus has."""
        return len(self.counts)


def by_count(counts: Mapping[str, int]) -> list[tuple[str, int]]:
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
    return by_count(characters)


def library_counts(
    tokenizer: Tokenizer, batches: Iterable[list[str]], *, progress: Progress = silent
) -> WordCounts:
    """The words that this normalizer and this pre_tokenizer make of these texts; the model plays no part.

    Counted by the trainer with the least to do after counting: WordLevel's, asked for a vocabulary of one.
    """
    counting = Tokenizer(WordLevel())
    if tokenizer.normalizer is not None:
        counting.normalizer = tokenizer.normalizer
    if tokenizer.pre_tokenizer is not None:
        counting.pre_tokenizer = tokenizer.pre_tokenizer
    trainer = WordLevelTrainer(vocab_size=1, show_progress=False)
    return WordCounts.of(library.count_in_worker(counting, trainer, batches, progress=progress))
