"""What a corpus holds, whichever tokenizer comes: texts, words, characters, bytes, and a sample of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import regex
from numpy.typing import NDArray

from tokbench.corpus.sampling import Sample
from tokbench.native.word_counter import TextBatch, texts_of

if TYPE_CHECKING:
    from tokbench.corpus.reading import Corpus

# Default word boundaries of UAX #29 (regex's WORD flag); of what lies between two of them a word is what
# holds a letter or a number, possibly after connectors such as the underscore. The standard leaves Thai,
# Chinese and Japanese to dictionaries; here each of their ideographs, and each of hiragana, is a word.
# Where a text or a line begins with marks, the standard has them stand alone and regex does not everywhere:
# they go with the word that follows.
_BEGIN = r"\b[\p{WB=Extend}\p{WB=Format}\p{WB=ZWJ}]*+\p{WB=ExtendNumLet}*+[\p{Alphabetic}\p{N}]"
BEGINS = regex.compile(_BEGIN, regex.WORD)
WHOLE = regex.compile(_BEGIN + r".*?\b", regex.WORD | regex.DOTALL)


def number_of_words(text: str) -> int:
    """How many words a text has.

    >>> number_of_words("It can't cost 3.14, 한국어를 said.")
    6
    """
    return sum(1 for _ in BEGINS.finditer(text))


def words(text: str) -> list[str]:
    """The words of a text.

    >>> words("x-y can't _a")
    ['x', 'y', "can't", '_a']
    """
    return [found.group() for found in WHOLE.finditer(text)]


def continued(text: str, spans: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """How many words of a text have two tokens or more, and how many words there are.

    spans: of each token, the characters of the text it stands for. A token belongs to the word that holds
    its last character, so that "␣the" belongs to "the"; one that is only part of a character holds that.

    >>> continued("the harbour", [(0, 3), (3, 7), (7, 11)])
    (1, 2)
    """
    found = [match.span() for match in WHOLE.finditer(text)]
    if not found or not spans:
        return 0, len(found)
    begins, ends = np.array(found).T
    starts, stops = np.array(spans).T
    tokens = _tokens_in(begins, ends, np.maximum(stops, starts + 1) - 1)
    return int(np.count_nonzero(tokens > 1)), len(found)


def _tokens_in(
    begins: NDArray[np.int64], ends: NDArray[np.int64], lasts: NDArray[np.int64]
) -> NDArray[np.int64]:
    """How many tokens have their last character in each word."""
    which = np.searchsorted(begins, lasts, side="right") - 1
    inside = (which >= 0) & (lasts < ends[which])
    return np.bincount(which[inside], minlength=len(begins))


BATCH = 1 << 20  # characters
PROBE = 1 << 18  # characters of the texts that are looked at closely: some 2,000 lines


@dataclass(frozen=True, kw_only=True)
class CorpusStats:
    """A corpus in numbers: a text beyond 65,536 characters counts as its pieces; words as in words.py.

    texts_in_all: those the sources hold, of which `texts` were taken when a sample was asked for.
    """

    name: str
    sources: tuple[str, ...]
    texts: int
    texts_in_all: int
    words: int
    characters: int
    utf8_bytes: int


class StatsCollector:
    """Counts what passes, and keeps a few texts to be looked at closely."""

    def __init__(self, seed: int) -> None:
        self._closer = Sample(seed, characters=PROBE)
        self.texts = self.words = self.characters = self.utf8_bytes = 0

    def add(self, batch: TextBatch) -> None:
        """Count the texts of this batch."""
        texts = texts_of(batch)
        whole = batch.decode() if isinstance(batch, bytes) else "\n".join(texts) + "\n"
        utf8 = batch if isinstance(batch, bytes) else whole.encode()
        self.texts += len(texts)
        self.words += number_of_words(whole)
        self.characters += len(whole) - len(texts)
        self.utf8_bytes += len(utf8) - len(texts)
        self._closer.add(texts)

    def closer(self) -> list[str]:
        """The texts kept."""
        return self._closer.texts()

    def stats(self, name: str, corpus: Corpus) -> CorpusStats:
        """What was counted, as the facts of this corpus."""
        return CorpusStats(
            name=name,
            sources=corpus.facts.sources,
            texts=self.texts,
            texts_in_all=max(self.texts, corpus.facts.texts),
            words=self.words,
            characters=self.characters,
            utf8_bytes=self.utf8_bytes,
        )


def sample_batches(corpus: Corpus, *, sample: int | None, seed: int) -> Iterable[TextBatch]:
    """The corpus in batches, or so many texts of it, drawn by the seed."""
    return corpus.blocks() if sample is None else _sampled(corpus, sample, seed)


def _sampled(corpus: Corpus, sample: int, seed: int) -> Iterator[TextBatch]:
    kept = Sample(seed, texts=sample)
    for batch in corpus:
        kept.add(batch)
    texts: list[str] = []
    size = 0
    for text in kept.texts():
        texts.append(text)
        size += len(text)
        if size >= BATCH:
            yield texts
            texts, size = [], 0
    if texts:
        yield texts
