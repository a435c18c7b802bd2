"""The end of a merge: what it changed is written to the counts, and the new pairs are queued."""

from __future__ import annotations

from tokbench.training.kernels.memory import Pointer, apart, as_places, inner
from tokbench.training.merging.cells import as_numbers, pair_of, slot_of, wants
from tokbench.training.merging.heap import push
from tokbench.training.merging.joining import HALF, LOW_HALF, Side, side
from tokbench.training.merging.layout import (
    CHANGE,
    EMPTY,
    ENTRIES,
    ENTRIES_USED,
    EVENT_NUMBER,
    FIRST_SYMBOL,
    GAINED_NUMBER,
    HEAP,
    HEAP_USED,
    LATEST,
    LEFT,
    LESS,
    LOST_NUMBER,
    MORE,
    NEW,
    PAIRS,
    PAIRS_BITS,
    PAIRS_USED,
    POOL,
    POOL_USED,
    POP,
    RECORDS_WITH,
    RIGHT,
    SECOND_SYMBOL,
    THRESHOLD,
)


@apart
def fold(job: Pointer) -> int:
    """Write the changes to the counts and queue what is new; POP when the next merge can begin."""
    left, right = side(job, LEFT), side(job, RIGHT)
    gained = left.tally[GAINED_NUMBER] + right.tally[GAINED_NUMBER]
    events = left.tally[EVENT_NUMBER] + right.tally[EVENT_NUMBER]
    if job[PAIRS_USED] + gained > 1 << job[PAIRS_BITS] >> 1:
        return wants(job, PAIRS, job[PAIRS_USED] + gained)
    if job[ENTRIES_USED] + gained > job[ENTRIES + 1]:
        return wants(job, ENTRIES, job[ENTRIES_USED] + gained)
    if job[HEAP_USED] + gained > job[HEAP + 1]:
        return wants(job, HEAP, job[HEAP_USED] + gained)
    if job[POOL_USED] + events > job[POOL + 1]:
        return wants(job, POOL, job[POOL_USED] + events)
    first, second, new = job[FIRST_SYMBOL], job[SECOND_SYMBOL], job[NEW]
    # Additions first: of "aaaa" the same pair is gained and lost, and it is lost only where it was counted.
    _add(job, left, new, True)
    _add(job, right, new, False)
    _subtract(job, left, first, True)
    _subtract(job, right, second, False)
    _queue(job, left, new, True)
    _queue(job, right, new, False)
    return POP


@inner
def _beside(neighbour: int, symbol: int, is_left: bool) -> int:
    """The pair of a symbol and its left or right neighbour."""
    return pair_of(neighbour, symbol) if is_left else pair_of(symbol, neighbour)


@apart
def _add(job: Pointer, side: Side, new: int, is_left: bool) -> None:
    """Count the new pairs that reach the threshold."""
    table, bits = as_numbers(job[PAIRS]), job[PAIRS_BITS]
    for k in range(side.tally[GAINED_NUMBER]):
        neighbour = side.gained[k]
        more = side.changes[CHANGE * neighbour + MORE]
        if more < job[THRESHOLD]:
            continue
        pair = _beside(neighbour, new, is_left)
        slot = slot_of(table, bits, 2, pair)
        if table[slot] == EMPTY:
            table[slot] = pair
            table[slot + 1] = 0
            job[PAIRS_USED] += 1
        table[slot + 1] += more


@apart
def _subtract(job: Pointer, side: Side, symbol: int, is_left: bool) -> None:
    """Count the pairs that are gone, if they are counted at all."""
    table, bits = as_numbers(job[PAIRS]), job[PAIRS_BITS]
    for k in range(side.tally[LOST_NUMBER]):
        cell = CHANGE * side.lost[k]
        slot = slot_of(table, bits, 2, _beside(side.lost[k], symbol, is_left))
        if table[slot] != EMPTY:
            table[slot + 1] -= side.changes[cell + LESS]
        side.changes[cell + LESS] = 0
    side.tally[LOST_NUMBER] = 0


@apart
def _queue(job: Pointer, side: Side, new: int, is_left: bool) -> None:
    """Queue the new pairs that reach the threshold, with their places."""
    table, heap, entries = as_numbers(job[PAIRS]), as_numbers(job[HEAP]), as_numbers(job[ENTRIES])
    for k in range(side.tally[GAINED_NUMBER]):
        cell = CHANGE * side.gained[k]
        more = side.changes[cell + MORE]
        side.changes[cell + MORE] = 0
        side.changes[cell + LATEST] = -1  # from here on: where its next place goes, or nowhere
        if more < job[THRESHOLD]:
            continue
        pair = _beside(side.gained[k], new, is_left)
        count = table[slot_of(table, job[PAIRS_BITS], 2, pair) + 1]
        if count > 0:
            entry, places = job[ENTRIES_USED], side.changes[cell + RECORDS_WITH]
            entries[2 * entry], entries[2 * entry + 1] = job[POOL_USED], places
            side.changes[cell + LATEST] = job[POOL_USED]
            job[POOL_USED] += places
            job[ENTRIES_USED] = entry + 1
            push(job, heap, count, pair, entry)
    side.tally[GAINED_NUMBER] = 0
    _place(job, side)


@apart
def _place(job: Pointer, side: Side) -> None:
    """Write the places of the pairs just queued."""
    pool = as_places(job[POOL])
    for k in range(side.tally[EVENT_NUMBER]):
        cell = CHANGE * (side.events[k] >> HALF)
        to = side.changes[cell + LATEST]
        if to >= 0:
            pool[to] = side.events[k] & LOW_HALF
            side.changes[cell + LATEST] = to + 1
    side.tally[EVENT_NUMBER] = 0
