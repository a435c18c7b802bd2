"""One merge: take the most frequent pair, join it in its words, and note what that changes around it."""

from __future__ import annotations

from typing import NamedTuple

from tokbench.native.kernels.learn_abi import (
    CHANGE,
    CHANGES,
    DONE,
    EMPTY,
    ENTRIES,
    ENTRIES_USED,
    EVENT_NUMBER,
    EVENTS,
    FIRST_SYMBOL,
    GAINED,
    GAINED_NUMBER,
    HEADER,
    HEAP,
    HEAP_USED,
    JOIN,
    LATEST,
    LEAST,
    LEFT,
    LENGTH,
    LENGTHS,
    LESS,
    LONGEST,
    LOST,
    LOST_NUMBER,
    LOWER,
    MORE,
    NEW,
    PAIRS,
    PAIRS_BITS,
    PAIRS_USED,
    PAUSED,
    PLACE,
    PLACES_END,
    POOL,
    POOL_USED,
    POP,
    RECORDS,
    RECORDS_WITH,
    RIGHT,
    SECOND_SYMBOL,
    TALLY,
    THRESHOLD,
)
from tokbench.native.kernels.learn_pairs import (
    as_numbers,
    drop_top,
    pair_of,
    push,
    replace_top,
    slot_of,
    wants,
    weight_of,
)
from tokbench.native.kernels.simd import Pointer, as_places, as_words, inner, not_inlined, prefetch

AHEAD = 12  # records asked for before their turn: fewer wait, more push each other out
HALF, LOW_HALF = 32, 0xFFFFFFFF


class MergeSide(NamedTuple):
    """What a merge changes on one side of its token; layout.py says what the arrays hold."""

    changes: Pointer
    lost: Pointer
    gained: Pointer
    events: Pointer
    tally: Pointer


class PairMerge(NamedTuple):
    """A pair of symbols, what it becomes, and how long a neighbour must stay below to be paired with it."""

    first: int
    second: int
    new: int
    lengths: Pointer
    room: int


class WordRecord(NamedTuple):
    """Where a word's record begins, and how often the word occurs."""

    record: int
    weight: int


@inner
def side(job: Pointer, which: int) -> MergeSide:
    """The left or the right side."""
    return MergeSide(
        as_numbers(job[which + CHANGES]),
        as_places(job[which + LOST]),
        as_places(job[which + GAINED]),
        as_numbers(job[which + EVENTS]),
        as_numbers(job[which + TALLY]),
    )


@not_inlined
def pop(job: Pointer) -> int:
    """Take the most frequent pair off the heap, and say where its places are; JOIN when there is one."""
    heap, table = as_numbers(job[HEAP]), as_numbers(job[PAIRS])
    while job[HEAP_USED]:
        pair, entry = heap[1], heap[2]
        count = table[slot_of(table, job[PAIRS_BITS], 2, pair) + 1]
        if count != heap[0]:
            replace_top(job, heap, count, pair, entry)
            continue
        if count < max(job[THRESHOLD], job[LEAST]):
            break
        drop_top(job, heap)
        entries = as_numbers(job[ENTRIES])
        job[FIRST_SYMBOL], job[SECOND_SYMBOL] = pair >> HALF, pair & LOW_HALF
        job[PLACE] = entries[2 * entry]
        job[PLACES_END] = entries[2 * entry] + entries[2 * entry + 1]
        return JOIN
    return LOWER if job[THRESHOLD] > job[LEAST] else DONE


@not_inlined
def join_words(job: Pointer, budget: int) -> int:
    """Make the merge in the words it may stand in, and note the changes; JOIN when all are done."""
    pool, records, left, right = (
        as_places(job[POOL]),
        as_places(job[RECORDS]),
        side(job, LEFT),
        side(job, RIGHT),
    )
    lengths = as_places(job[LENGTHS])
    new = job[NEW]
    merge = PairMerge(job[FIRST_SYMBOL], job[SECOND_SYMBOL], new, lengths, job[LONGEST] - lengths[new])
    place, end = job[PLACE], job[PLACES_END]
    status = JOIN
    while place < end:
        if place + AHEAD < end:
            prefetch(as_words(job[RECORDS]), pool[place + AHEAD] >> 1)
        record = pool[place]
        status = _room_for_events(job, records[record + LENGTH])
        if status != JOIN:
            break
        _join(records, record, merge, left, right)
        place += 1
        if place - job[PLACE] > budget:
            status = PAUSED
            break
    job[PLACE] = place
    return status


@inner
def _room_for_events(job: Pointer, number: int) -> int:
    """JOIN when there is room for so many more events on both sides."""
    for which in (LEFT, RIGHT):
        needed = as_numbers(job[which + TALLY])[EVENT_NUMBER] + number
        if needed > job[which + EVENTS + 1]:
            return wants(job, which + EVENTS, needed)
    return JOIN


@inner
def _join(records: Pointer, record: int, merge: PairMerge, left: MergeSide, right: MergeSide) -> None:
    """Make the merge in one word."""
    start, length = record + HEADER, records[record + LENGTH]
    end = start + length
    at = start
    while at + 1 < end and not (records[at] == merge.first and records[at + 1] == merge.second):
        at += 1
    if at + 1 >= end:
        return
    word, to = WordRecord(record, weight_of(records, record)), at
    while at < end:
        if not (records[at] == merge.first and at + 1 < end and records[at + 1] == merge.second):
            records[to] = records[at]
            to += 1
            at += 1
            continue
        if to > start:
            _change(left, left, records[to - 1], merge, word)
        records[to] = merge.new
        to += 1
        at += 2
        if at < end:
            # The new token beside itself is one pair, whichever of the two was there before.
            _change(right, left if records[at] == merge.new else right, records[at], merge, word)
    records[record + LENGTH] = to - start


@inner
def _change(side: MergeSide, gains: MergeSide, neighbour: int, merge: PairMerge, word: WordRecord) -> None:
    """This neighbour lost a symbol of the pair, and has the new one if the two fit together."""
    cell = CHANGE * neighbour
    if side.changes[cell + LESS] == 0:
        side.lost[side.tally[LOST_NUMBER]] = neighbour
        side.tally[LOST_NUMBER] += 1
    side.changes[cell + LESS] += word.weight
    if merge.lengths[neighbour] >= merge.room:
        return
    if gains.changes[cell + MORE] == 0:
        gains.gained[gains.tally[GAINED_NUMBER]] = neighbour
        gains.tally[GAINED_NUMBER] += 1
        gains.changes[cell + RECORDS_WITH] = 0
        gains.changes[cell + LATEST] = -1
    gains.changes[cell + MORE] += word.weight
    if gains.changes[cell + LATEST] != word.record:
        gains.changes[cell + LATEST] = word.record
        gains.changes[cell + RECORDS_WITH] += 1
        gains.events[gains.tally[EVENT_NUMBER]] = pair_of(neighbour, word.record)
        gains.tally[EVENT_NUMBER] += 1


@not_inlined
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


@not_inlined
def _add(job: Pointer, side: MergeSide, new: int, is_left: bool) -> None:
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


@not_inlined
def _subtract(job: Pointer, side: MergeSide, symbol: int, is_left: bool) -> None:
    """Count the pairs that are gone, if they are counted at all."""
    table, bits = as_numbers(job[PAIRS]), job[PAIRS_BITS]
    for k in range(side.tally[LOST_NUMBER]):
        cell = CHANGE * side.lost[k]
        slot = slot_of(table, bits, 2, _beside(side.lost[k], symbol, is_left))
        if table[slot] != EMPTY:
            table[slot + 1] -= side.changes[cell + LESS]
        side.changes[cell + LESS] = 0
    side.tally[LOST_NUMBER] = 0


@not_inlined
def _queue(job: Pointer, side: MergeSide, new: int, is_left: bool) -> None:
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


@not_inlined
def _place(job: Pointer, side: MergeSide) -> None:
    """Write the places of the pairs just queued."""
    pool = as_places(job[POOL])
    for k in range(side.tally[EVENT_NUMBER]):
        cell = CHANGE * (side.events[k] >> HALF)
        to = side.changes[cell + LATEST]
        if to >= 0:
            pool[to] = side.events[k] & LOW_HALF
            side.changes[cell + LATEST] = to + 1
    side.tally[EVENT_NUMBER] = 0
