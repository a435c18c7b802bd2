"""BPE from word counts in machine code: what merges.py learns, to the last merge, some forty times as fast.

A pair below a threshold has no entry, no place and no count: most pairs are so rare that they never get their
turn. When the best pair falls below it, it is lowered and the words, shorter by then, are scanned again. That
is exact as long as every token is made once. Where one is made by a second route (in no corpus seen, in tests
often) the library's order depends on the rare pairs too, and learning begins anew without a threshold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tokbench.errors import RecipeProblem
from tokbench.progress import Progress, silent
from tokbench.training.counts import WordCounts
from tokbench.training.learner_job import Job
from tokbench.training.learner_words import WordArrays, first_tokens, of_counts
from tokbench.training.merges import Merges
from tokbench.training.merging import layout as at
from tokbench.training.symbols import MOST_TOKENS, Affixes

UNLIMITED = 1 << 62
STEP = 8  # the threshold falls to an eighth: fewer scans, more pairs


@dataclass(frozen=True, eq=False)
class Learning:
    """All that was learned; every smaller vocabulary can be cut from it.

    tokens: in id order; begun: how many there were before the first merge.
    steps: of each merge the ids of its two tokens, and how many tokens there were then; one may come twice.
    """

    tokens: list[str]
    begun: int
    steps: NDArray[np.int64]

    def merges(self, vocab_size: int | None = None) -> Merges:
        """What learning this size gives; of a pair merged twice the later rank counts."""
        steps, size = self.steps, len(self.tokens)
        if vocab_size is not None:
            size = max(vocab_size, self.begun)
            steps = steps[: np.searchsorted(steps[:, 2], size) + 1 if size > self.begun else 0]
        tokens = self.tokens[:size]
        lefts, rights = (map(tokens.__getitem__, ids[::-1].tolist()) for ids in (steps[:, 0], steps[:, 1]))
        later_first = dict.fromkeys(zip(lefts, rights, strict=True))
        return Merges(dict(zip(tokens, range(size), strict=False)), list(later_first)[::-1])


def learn(
    words: WordCounts | WordArrays,
    *,
    vocab_size: int,
    special_tokens: Sequence[str] = (),
    min_frequency: int = 0,
    limit_alphabet: int | None = None,
    initial_alphabet: Sequence[str] = (),
    continuing_subword_prefix: str = "",
    end_of_word_suffix: str = "",
    max_token_length: int | None = None,
    progress: Progress = silent,
) -> Learning:
    """Merge the most frequent pair until the vocabulary is full or no pair is frequent enough.

    The counts of all words together must stay below 2 ** 63.
    """
    if vocab_size > MOST_TOKENS:
        raise RecipeProblem(f"vocab_size {vocab_size} is too large", fix=f"ask for at most {MOST_TOKENS}")
    arrays = of_counts(words) if isinstance(words, WordCounts) else words
    affixes = Affixes(continuing_subword_prefix, end_of_word_suffix)
    begun = first_tokens(
        arrays,
        special_tokens=special_tokens,
        initial_alphabet=initial_alphabet,
        limit_alphabet=limit_alphabet,
        affixes=affixes,
    )
    least = max(1, min_frequency)
    for threshold in (first_threshold(arrays.counts, vocab_size, least), 1):
        job = Job(arrays, begun, affixes, vocab_size=vocab_size, progress=progress)
        job[at.LEAST] = least
        job[at.LONGEST] = UNLIMITED if max_token_length is None else max_token_length
        if _merged(job, threshold):
            break
    progress("merges", job[at.TOKENS], job[at.TOKENS])
    return Learning(job.tokens(), len(begun.vocab), job.merged())


def first_threshold(counts: NDArray[np.int64], vocab_size: int, least: int) -> int:
    """A guess at the count of the last pair merged, rather too low: too high costs a second scan.

    Most merges complete a frequent word, so it is near the count of the word whose rank is the size
    asked for: 0.8 to 3.5 times that was seen for English and Korean at 8k, 32k and 64k.
    """
    if not 0 < vocab_size < len(counts):
        return least
    return max(least, int(np.partition(counts, -vocab_size)[-vocab_size]) // 2)


def _merged(job: Job, threshold: int) -> bool:
    """Merge to the end; False when that needs the pairs below the threshold."""
    status = at.LOWER
    while status == at.LOWER:
        job[at.THRESHOLD] = threshold
        job.scan()
        status = job.merge()
        threshold = max(job[at.LEAST], threshold // STEP)
    return status == at.DONE
