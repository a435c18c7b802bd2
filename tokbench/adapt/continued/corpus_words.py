"""The words of a corpus as the model of a tokenizer gets them; added tokens are no part of any."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from tokenizers import Tokenizer, models

from tokbench.adapt.continued.spelled_words import SpelledWords
from tokbench.adapt.continued.word_borders import Borders, cuts_words
from tokbench.corpus.reading import Corpus, CorpusFacts
from tokbench.errors import UsageError
from tokbench.native.word_counter import texts_of
from tokbench.native.word_ids import AddedTokenMatcher
from tokbench.pretrained.train import stored_counts
from tokbench.progress import Progress, silent
from tokbench.training.counting.count_corpus import count_as_found

if TYPE_CHECKING:
    from tokbench.corpus.lines import Sieve
    from tokbench.native.word_counter import TextBatch
    from tokbench.pretrained.folder import TokenizerFolder
    from tokbench.training.word_counts import CountedCorpus

FEW = 32  # strings that are looked for one after the other


def corpus_words(
    tokenizer: Tokenizer,
    texts: Corpus,
    cut: Borders | None,
    *,
    progress: Progress = silent,
) -> tuple[SpelledWords, CountedCorpus, str]:
    """The words between added tokens, what was counted, and the fingerprint of the texts.

    Where the tokenizer cuts no words they are `cut` at its borders.
    """
    blocks = tokenizer if cut is None else _cutting(tokenizer, cut)
    added = {each.content for each in tokenizer.get_added_tokens_decoder().values()}
    parts = WithoutTokens(texts, added) if added else texts
    words, counted, in_bytes = count_as_found(parts, blocks, progress=progress)
    return SpelledWords.of(words, in_bytes=in_bytes), counted, texts.facts.sha256


def _cutting(tokenizer: Tokenizer, cut: Borders) -> Tokenizer:
    """The blocks that make words of texts, and cut them; the tokenizer stays as it is."""
    blocks = Tokenizer(models.WordLevel())
    if tokenizer.normalizer is not None:
        blocks.normalizer = tokenizer.normalizer
    blocks.pre_tokenizer = cut.pre_tokenizer(tokenizer.pre_tokenizer)
    return blocks


def counted_words(folder: TokenizerFolder, source: object) -> tuple[SpelledWords, CountedCorpus, str]:
    """The same of words that were counted before; added tokens that texts held stand in them.

    RecipeError where another normalizer or pre_tokenizer made them, UsageError for a tokenizer without words.
    """
    library = folder.tokenizer
    if not cuts_words(library):
        raise UsageError(
            f"{folder.name} cuts no words, so counted ones are whole lines", fix="name the corpus itself"
        )
    counts = stored_counts(source, lambda: library)
    like = f"tokbench count corpus.txt --like {shlex.quote(folder.name)} -o counts.parquet"
    counts.ensure_made_by(library, fix=f"count with its own blocks: {like}")
    return SpelledWords(counts.words), counts.corpus, counts.fingerprint


class WithoutTokens(Corpus):
    """A corpus whose texts are what stands between these strings; its facts are those of the corpus."""

    def __init__(self, texts: Corpus, strings: Collection[str]) -> None:
        self._inner, self._matcher = texts, AddedTokenMatcher(strings)
        self._few = [each.encode() for each in strings] if len(strings) <= FEW else []

    def __iter__(self) -> Iterator[list[str]]:
        """The parts of all texts, in order."""
        return (texts_of(self._parted(batch)) for batch in self._inner)

    def blocks(self, sieve: Sieve | None = None) -> Iterator[list[str] | bytes]:
        """The same for readers of bytes."""
        return map(self._parted, self._inner.blocks(sieve))

    def whole_texts(self) -> Iterator[list[str] | bytes]:
        """The same of texts that are not cut."""
        return map(self._parted, self._inner.whole_texts())

    @property
    def size(self) -> int | None:
        """That of the corpus."""
        return self._inner.size

    @property
    def facts(self) -> CorpusFacts:
        """Those of the corpus."""
        return self._inner.facts

    def _parted(self, batch: TextBatch) -> list[str] | bytes:
        """The parts of a batch's texts; the batch itself where it holds none of the strings."""
        if isinstance(batch, bytes):
            if self._few and not any(each in batch for each in self._few):
                return batch
            if not self._few and not self._holds(batch.decode()):
                return batch
        return self._parts(texts_of(batch))

    def _holds(self, text: str) -> bool:
        return len(self._matcher.parted(text)) > 1

    def _parts(self, texts: Sequence[str]) -> list[str]:
        return [part for text in texts for part in self._matcher.parted(text)[::2] if part]
