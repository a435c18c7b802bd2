"""The loops as Python calls them: each takes the address of a job (layout.py) and says how it ended."""

from __future__ import annotations

from tokbench.native.kernels import learn_pairs
from tokbench.native.kernels.learn_abi import (
    AFFIX,
    AGAIN,
    AT,
    BUDGET,
    DONE,
    EMPTY,
    FIRST_SYMBOL,
    FOLD,
    JOIN,
    KINDS,
    LENGTHS,
    LONGEST_BYTES,
    MADE,
    MERGED,
    MERGED_USED,
    NAMES,
    NEW,
    OLD,
    OLD_SIZE,
    PAIRS,
    PAIRS_BITS,
    PAUSED,
    PHASE,
    PLACE,
    POP,
    SCAN,
    SCANNED,
    SCANNED_BITS,
    SECOND_SYMBOL,
    TEXT,
    TEXT_STARTS,
    THRESHOLD,
    TOKENS,
    TOKENS_WANTED,
    UNSEEN,
)
from tokbench.native.kernels.learn_merge import fold, join_words, pop
from tokbench.native.kernels.learn_pairs import (
    Names,
    as_numbers,
    join,
    pair_of,
    slot_of,
    token_with_text,
    wants,
)
from tokbench.native.kernels.simd import Pointer, as_bytes, as_places, inner, not_inlined


def write_words(job: Pointer) -> int:
    """Write the words as records, and enter the texts of the first tokens."""
    if job[AT] == 0:
        names = _names(job)
        for number in range(job[TOKENS]):
            token_with_text(job, names, number)
            size = names.starts[number + 1] - names.starts[number]
            job[LONGEST_BYTES] = max(job[LONGEST_BYTES], size)
    return learn_pairs.write(job)


def scan_pairs(job: Pointer) -> int:
    """Count the pairs in all records."""
    return learn_pairs.scan(job)


def place_pairs(job: Pointer) -> int:
    """Note the records of the pairs that are kept."""
    return learn_pairs.place(job)


def move_scanned(job: Pointer) -> int:
    """Move scanned pairs from an old table to the new one."""
    return _move(as_numbers(job[OLD]), job[OLD_SIZE], as_numbers(job[SCANNED]), job[SCANNED_BITS], SCAN)


def move_pairs(job: Pointer) -> int:
    """Move pairs from an old table, or a list, to the new table."""
    return _move(as_numbers(job[OLD]), job[OLD_SIZE], as_numbers(job[PAIRS]), job[PAIRS_BITS], 2)


@not_inlined
def _move(old: Pointer, size: int, new: Pointer, bits: int, width: int) -> int:
    """Enter pairs in an empty table."""
    for k in range(0, size, width):
        if old[k] != EMPTY:
            slot = slot_of(new, bits, width, old[k])
            for field in range(width):
                new[slot + field] = old[k + field]
    return DONE


def merge_pairs(job: Pointer) -> int:
    """Merge until there are enough tokens, or no pair is frequent enough, or the budget is spent."""
    budget = job[BUDGET]
    while budget > 0:
        if job[PHASE] == POP:
            if job[TOKENS] >= job[TOKENS_WANTED]:
                return DONE
            status = _begin(job)
            if status != JOIN:
                return status
            job[PHASE] = JOIN
        if job[PHASE] == JOIN:
            place = job[PLACE]
            status = join_words(job, budget)
            budget -= job[PLACE] - place
            if status != JOIN:
                return status
            job[PHASE] = FOLD
        status = fold(job)
        if status != POP:
            return status
        job[PHASE] = POP
        budget -= 100  # what a merge costs beside its words
    return PAUSED


@inner
def _names(job: Pointer) -> Names:
    """The tokens of this job."""
    return Names(
        as_bytes(job[TEXT]),
        as_numbers(job[TEXT_STARTS]),
        as_places(job[LENGTHS]),
        as_bytes(job[KINDS]),
        as_places(job[NAMES]),
        as_bytes(job[AFFIX]),
    )


@inner
def _begin(job: Pointer) -> int:
    """Take the next pair and name what it makes; JOIN when there is one."""
    names, merged = _names(job), as_numbers(job[MERGED])
    text = names.starts[job[TOKENS]] + 2 * job[LONGEST_BYTES]
    if text > job[TEXT + 1]:
        return wants(job, TEXT, text)
    if job[MERGED_USED] >= job[MERGED + 1]:
        return wants(job, MERGED, job[MERGED_USED] + 1)
    status = pop(job)
    if status != JOIN:
        return status
    job[NEW] = join(job, names, job[FIRST_SYMBOL], job[SECOND_SYMBOL])
    merged[2 * job[MERGED_USED]] = pair_of(job[FIRST_SYMBOL], job[SECOND_SYMBOL])
    merged[2 * job[MERGED_USED] + 1] = job[TOKENS]
    job[MERGED_USED] += 1
    if names.kinds[job[NEW]] == UNSEEN:
        names.kinds[job[NEW]] = MADE
    elif job[THRESHOLD] > 1:
        return AGAIN
    return JOIN
