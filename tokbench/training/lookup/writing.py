"""Numbers of words to ids, text by text, with the ids that a post-processor puts around each."""

from __future__ import annotations

import numpy as np

from tokbench.training.kernels.memory import Pointer, Whole, as_bytes, as_places, as_words, inner
from tokbench.training.lookup.layout import (
    AFTER,
    AFTER_COUNT,
    BEFORE,
    BEFORE_COUNT,
    COUNT_BITS,
    COUNTS,
    NUMBERS,
    OUT,
    OUT_SIZE,
    PLACES,
    PLAIN,
    POOL,
    SLACK,
    STATES,
    TEXT_AT,
    TEXTS,
    WORD_ENDS,
    WRITTEN,
)
from tokbench.training.lookup.trie import whole

LOW_BITS = np.uint64((1 << COUNT_BITS) - 1)


@inner
def write_ids(job: Pointer) -> int:
    """Write the ids of all plain texts; 1 when there is no room for the next one, 0 when done."""
    states, counts = as_bytes(job[STATES]), as_places(job[COUNTS])
    while job[TEXT_AT] < job[TEXTS]:
        text, begin = job[TEXT_AT], job[WRITTEN]
        if states[text] == PLAIN:
            end = _write_text(job, text)
            if end < 0:
                return 1
            job[WRITTEN] = end
        counts[text] = job[WRITTEN] - begin
        job[TEXT_AT] = text + 1
    return 0


@inner
def _write_text(job: Pointer, text: int) -> Whole:
    """Write the ids of one text; where they end, or -1 if they do not fit."""
    out, to, room = as_places(job[OUT]), job[WRITTEN], job[OUT_SIZE] - SLACK - job[AFTER_COUNT]
    numbers, places, pool = as_places(job[NUMBERS]), as_words(job[PLACES]), as_places(job[POOL])
    word_ends, before, after = as_places(job[WORD_ENDS]), as_places(job[BEFORE]), as_places(job[AFTER])
    if to + job[BEFORE_COUNT] > room:
        return -1
    for k in range(job[BEFORE_COUNT]):
        out[to + k] = before[k]
    to += job[BEFORE_COUNT]
    for word in range(word_ends[text], word_ends[text + 1]):
        packed = places[numbers[word]]
        place, number = whole(packed >> np.uint64(COUNT_BITS)), whole(packed & LOW_BITS)
        if to + number > room:
            return -1
        for k in range(SLACK):  # mostly enough, and without a branch
            out[to + k] = pool[place + k]
        for k in range(SLACK, number):
            out[to + k] = pool[place + k]
        to += number
    for k in range(job[AFTER_COUNT]):
        out[to + k] = after[k]
    to += job[AFTER_COUNT]
    return to
