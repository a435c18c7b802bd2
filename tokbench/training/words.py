"""Count the words of texts with the library's own normalizer and pre-tokenizer."""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.trainers import WordLevelTrainer

from tokbench.progress import Progress, silent
from tokbench.training import library
from tokbench.training.counts import WordCounts


def count_words(
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
    return WordCounts.of(library.tally(counting, trainer, batches, progress=progress))
