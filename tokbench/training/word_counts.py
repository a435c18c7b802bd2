"""Which words a corpus holds, and how often: all that the learning of pieces needs to know of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.trainers import WordLevelTrainer

from tokbench.errors import RecipeError
from tokbench.progress import Progress, silent
from tokbench.training import library


@dataclass(frozen=True)
class PipelineRecord:
    """What made words of texts: the JSON of normalizer and pre_tokenizer, "null" where there is none."""

    normalizer: str
    pre_tokenizer: str

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> PipelineRecord:
        """The pipeline of a tokenizer; its model plays no part."""
        return cls(_json(tokenizer.normalizer), _json(tokenizer.pre_tokenizer))


@dataclass(frozen=True)
class CountedCorpus:
    """What was counted: names of sources without folders, texts, blank ones left out, bytes of the others."""

    sources: tuple[str, ...]
    texts: int
    blank: int
    utf8_bytes: int


@dataclass(frozen=True, repr=False)
class WordCounts:
    """The words of a corpus, as its normalizer and pre-tokenizer leave them.

    counts: word → how often; the most frequent first, equally frequent ones by code point. Where count_words
    made them: pipeline, the blocks; corpus, what was counted; min_count, words rarer than this are missing.
    `train` takes them in the place of a corpus, and refuses a recipe of other blocks.

    >>> words = WordCounts.of({"a": 1, "the": 9, "an": 1})
    >>> words.counts
    {'the': 9, 'a': 1, 'an': 1}
    >>> words, words.total
    (WordCounts(3 words, 11 with repetitions), 11)
    """

    counts: Mapping[str, int]
    pipeline: PipelineRecord | None = field(default=None, compare=False)
    corpus: CountedCorpus | None = field(default=None, compare=False)
    min_count: int = field(default=1, compare=False)

    @classmethod
    def of(cls, counts: Mapping[str, int]) -> WordCounts:
        """These counts, put in order."""
        return cls(dict(by_count(counts)))

    def __repr__(self) -> str:
        return f"WordCounts({len(self):,} words, {self.total:,} with repetitions)"

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
    tokenizer: Tokenizer,
    batches: Iterable[list[str]],
    *,
    threads: int | None = None,
    progress: Progress = silent,
) -> WordCounts:
    """The words that this normalizer and this pre_tokenizer make of these texts; the model plays no part.

    Counted by the trainer with the least to do after counting: WordLevel's, asked for a vocabulary of one.
    """
    counting, trainer = counting_pipeline(tokenizer)
    return WordCounts.of(
        library.count_in_worker(counting, trainer, batches, threads=threads, progress=progress)
    )


def counting_pipeline(tokenizer: Tokenizer) -> tuple[Tokenizer, WordLevelTrainer]:
    """These blocks without their model, and the trainer that is given the words they make."""
    counting = Tokenizer(WordLevel())
    if tokenizer.normalizer is not None:
        counting.normalizer = tokenizer.normalizer
    if tokenizer.pre_tokenizer is not None:
        counting.pre_tokenizer = tokenizer.pre_tokenizer
    return counting, WordLevelTrainer(vocab_size=1, show_progress=False)


def _json(block: Any) -> str:  # noqa: ANN401  (a Normalizer or a PreTokenizer)
    """A block's JSON in one fixed spelling; those written in Python have none."""
    try:
        state = "null" if block is None else block.__getstate__()
    except Exception as error:  # the library raises nothing narrower
        raise RecipeError(
            f"a block of this pipeline cannot be written as JSON: {error}",
            fix="use the library's own blocks instead of custom ones",
        ) from error
    return json.dumps(json.loads(state), ensure_ascii=False, sort_keys=True)
