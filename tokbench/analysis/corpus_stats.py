"""What a corpus holds, whichever tokenizer comes: texts, words, characters, bytes, and a sample of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tokbench.analysis.words import number_of_words
from tokbench.corpus.reading import Corpus
from tokbench.corpus.sampling import Sample
from tokbench.native.word_counter import TextBatch, texts_of

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

    def ground(self, name: str, corpus: Corpus) -> CorpusStats:
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
