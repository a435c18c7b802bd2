"""Learning of merges: the entry points that Python calls with the address of a job, and a merge itself.

The most frequent pair is popped from a heap, of equally frequent ones that with the lowest ids, and joined in
the records of the words it stands in. What that changes on the left and on the right of the new token is
noted by neighbour, then added to the table of pairs and the heap at once. A call stops when its budget is
spent or an array is too small, says so (see learn_abi.py), and the next one goes on where it was.
"""

from __future__ import annotations

from typing import NamedTuple

from tokbench.native.kernels import learn_abi as abi
from tokbench.native.kernels import learn_pairs
from tokbench.native.kernels.learn_pairs import (
    Names,
    as_numbers,
    drop_top,
    join,
    pair_of,
    push,
    replace_top,
    slot_of,
    token_with_text,
    wants,
    weight_of,
)
from tokbench.native.kernels.simd import Pointer, as_bytes, as_places, as_words, inner, not_inlined, prefetch

AHEAD = 12  # records asked for before their turn: fewer wait, more push each other out
HALF, LOW_HALF = 32, 0xFFFFFFFF


class MergeSide(NamedTuple):
    """What a merge changes on one side of its token; learn_abi.py says what the arrays hold."""

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
        as_numbers(job[which + abi.CHANGES]),
        as_places(job[which + abi.LOST]),
        as_places(job[which + abi.GAINED]),
        as_numbers(job[which + abi.EVENTS]),
        as_numbers(job[which + abi.TALLY]),
    )


@not_inlined
def pop(job: Pointer) -> int:
    """Take the most frequent pair off the heap, and say where its places are; JOIN when there is one."""
    heap, table = as_numbers(job[abi.HEAP]), as_numbers(job[abi.PAIRS])
    while job[abi.HEAP_USED]:
        pair, entry = heap[1], heap[2]
        count = table[slot_of(table, job[abi.PAIRS_BITS], 2, pair) + 1]
        if count != heap[0]:
            replace_top(job, heap, count, pair, entry)
            continue
        if count < max(job[abi.THRESHOLD], job[abi.LEAST]):
            break
        drop_top(job, heap)
        entries = as_numbers(job[abi.ENTRIES])
        job[abi.FIRST_SYMBOL], job[abi.SECOND_SYMBOL] = pair >> HALF, pair & LOW_HALF
        job[abi.PLACE] = entries[2 * entry]
        job[abi.PLACES_END] = entries[2 * entry] + entries[2 * entry + 1]
        return abi.JOIN
    return abi.LOWER if job[abi.THRESHOLD] > job[abi.LEAST] else abi.DONE


@not_inlined
def join_words(job: Pointer, budget: int) -> int:
    """Make the merge in the words it may stand in, and note the changes; JOIN when all are done."""
    pool, records, left, right = (
        as_places(job[abi.POOL]),
        as_places(job[abi.RECORDS]),
        side(job, abi.LEFT),
        side(job, abi.RIGHT),
    )
    lengths = as_places(job[abi.LENGTHS])
    new = job[abi.NEW]
    merge = PairMerge(
        job[abi.FIRST_SYMBOL], job[abi.SECOND_SYMBOL], new, lengths, job[abi.LONGEST] - lengths[new]
    )
    place, end = job[abi.PLACE], job[abi.PLACES_END]
    status = abi.JOIN
    while place < end:
        if place + AHEAD < end:
            prefetch(as_words(job[abi.RECORDS]), pool[place + AHEAD] >> 1)
        record = pool[place]
        status = _room_for_events(job, records[record + abi.LENGTH])
        if status != abi.JOIN:
            break
        _join(records, record, merge, left, right)
        place += 1
        if place - job[abi.PLACE] > budget:
            status = abi.PAUSED
            break
    job[abi.PLACE] = place
    return status


@inner
def _room_for_events(job: Pointer, number: int) -> int:
    """JOIN when there is room for so many more events on both sides."""
    for which in (abi.LEFT, abi.RIGHT):
        needed = as_numbers(job[which + abi.TALLY])[abi.EVENT_NUMBER] + number
        if needed > job[which + abi.EVENTS + 1]:
            return wants(job, which + abi.EVENTS, needed)
    return abi.JOIN


@inner
def _join(records: Pointer, record: int, merge: PairMerge, left: MergeSide, right: MergeSide) -> None:
    """Make the merge in one word."""
    start, length = record + abi.HEADER, records[record + abi.LENGTH]
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
    records[record + abi.LENGTH] = to - start


@inner
def _change(side: MergeSide, gains: MergeSide, neighbour: int, merge: PairMerge, word: WordRecord) -> None:
    """This neighbour lost a symbol of the pair, and has the new one if the two fit together."""
    cell = abi.CHANGE * neighbour
    if side.changes[cell + abi.LESS] == 0:
        side.lost[side.tally[abi.LOST_NUMBER]] = neighbour
        side.tally[abi.LOST_NUMBER] += 1
    side.changes[cell + abi.LESS] += word.weight
    if merge.lengths[neighbour] >= merge.room:
        return
    if gains.changes[cell + abi.MORE] == 0:
        gains.gained[gains.tally[abi.GAINED_NUMBER]] = neighbour
        gains.tally[abi.GAINED_NUMBER] += 1
        gains.changes[cell + abi.RECORDS_WITH] = 0
        gains.changes[cell + abi.LATEST] = -1
    gains.changes[cell + abi.MORE] += word.weight
    if gains.changes[cell + abi.LATEST] != word.record:
        gains.changes[cell + abi.LATEST] = word.record
        gains.changes[cell + abi.RECORDS_WITH] += 1
        gains.events[gains.tally[abi.EVENT_NUMBER]] = pair_of(neighbour, word.record)
        gains.tally[abi.EVENT_NUMBER] += 1


@not_inlined
def fold(job: Pointer) -> int:
    """Write the changes to the counts and queue what is new; POP when the next merge can begin."""
    left, right = side(job, abi.LEFT), side(job, abi.RIGHT)
    gained = left.tally[abi.GAINED_NUMBER] + right.tally[abi.GAINED_NUMBER]
    events = left.tally[abi.EVENT_NUMBER] + right.tally[abi.EVENT_NUMBER]
    if job[abi.PAIRS_USED] + gained > 1 << job[abi.PAIRS_BITS] >> 1:
        return wants(job, abi.PAIRS, job[abi.PAIRS_USED] + gained)
    if job[abi.ENTRIES_USED] + gained > job[abi.ENTRIES + 1]:
        return wants(job, abi.ENTRIES, job[abi.ENTRIES_USED] + gained)
    if job[abi.HEAP_USED] + gained > job[abi.HEAP + 1]:
        return wants(job, abi.HEAP, job[abi.HEAP_USED] + gained)
    if job[abi.POOL_USED] + events > job[abi.POOL + 1]:
        return wants(job, abi.POOL, job[abi.POOL_USED] + events)
    first, second, new = job[abi.FIRST_SYMBOL], job[abi.SECOND_SYMBOL], job[abi.NEW]
    # Additions first: of "aaaa" the same pair is gained and lost, and it is lost only where it was counted.
    _add(job, left, new, True)
    _add(job, right, new, False)
    _subtract(job, left, first, True)
    _subtract(job, right, second, False)
    _queue(job, left, new, True)
    _queue(job, right, new, False)
    return abi.POP


@inner
def _beside(neighbour: int, symbol: int, is_left: bool) -> int:
    """The pair of a symbol and its left or right neighbour."""
    return pair_of(neighbour, symbol) if is_left else pair_of(symbol, neighbour)


@not_inlined
def _add(job: Pointer, side: MergeSide, new: int, is_left: bool) -> None:
    """Count the new pairs that reach the threshold."""
    table, bits = as_numbers(job[abi.PAIRS]), job[abi.PAIRS_BITS]
    for k in range(side.tally[abi.GAINED_NUMBER]):
        neighbour = side.gained[k]
        more = side.changes[abi.CHANGE * neighbour + abi.MORE]
        if more < job[abi.THRESHOLD]:
            continue
        pair = _beside(neighbour, new, is_left)
        slot = slot_of(table, bits, 2, pair)
        if table[slot] == abi.EMPTY:
            table[slot] = pair
            table[slot + 1] = 0
            job[abi.PAIRS_USED] += 1
        table[slot + 1] += more


@not_inlined
def _subtract(job: Pointer, side: MergeSide, symbol: int, is_left: bool) -> None:
    """Count the pairs that are gone, if they are counted at all."""
    table, bits = as_numbers(job[abi.PAIRS]), job[abi.PAIRS_BITS]
    for k in range(side.tally[abi.LOST_NUMBER]):
        cell = abi.CHANGE * side.lost[k]
        slot = slot_of(table, bits, 2, _beside(side.lost[k], symbol, is_left))
        if table[slot] != abi.EMPTY:
            table[slot + 1] -= side.changes[cell + abi.LESS]
        side.changes[cell + abi.LESS] = 0
    side.tally[abi.LOST_NUMBER] = 0


@not_inlined
def _queue(job: Pointer, side: MergeSide, new: int, is_left: bool) -> None:
    """Queue the new pairs that reach the threshold, with their places."""
    table, heap, entries = as_numbers(job[abi.PAIRS]), as_numbers(job[abi.HEAP]), as_numbers(job[abi.ENTRIES])
    for k in range(side.tally[abi.GAINED_NUMBER]):
        cell = abi.CHANGE * side.gained[k]
        more = side.changes[cell + abi.MORE]
        side.changes[cell + abi.MORE] = 0
        side.changes[cell + abi.LATEST] = -1  # from here on: where its next place goes, or nowhere
        if more < job[abi.THRESHOLD]:
            continue
        pair = _beside(side.gained[k], new, is_left)
        count = table[slot_of(table, job[abi.PAIRS_BITS], 2, pair) + 1]
        if count > 0:
            entry, places = job[abi.ENTRIES_USED], side.changes[cell + abi.RECORDS_WITH]
            entries[2 * entry], entries[2 * entry + 1] = job[abi.POOL_USED], places
            side.changes[cell + abi.LATEST] = job[abi.POOL_USED]
            job[abi.POOL_USED] += places
            job[abi.ENTRIES_USED] = entry + 1
            push(job, heap, count, pair, entry)
    side.tally[abi.GAINED_NUMBER] = 0
    _place(job, side)


@not_inlined
def _place(job: Pointer, side: MergeSide) -> None:
    """Write the places of the pairs just queued."""
    pool = as_places(job[abi.POOL])
    for k in range(side.tally[abi.EVENT_NUMBER]):
        cell = abi.CHANGE * (side.events[k] >> HALF)
        to = side.changes[cell + abi.LATEST]
        if to >= 0:
            pool[to] = side.events[k] & LOW_HALF
            side.changes[cell + abi.LATEST] = to + 1
    side.tally[abi.EVENT_NUMBER] = 0


def write_words(job: Pointer) -> int:
    """Write the words as records, and enter the texts of the first tokens."""
    if job[abi.AT] == 0:
        names = _names(job)
        for number in range(job[abi.TOKENS]):
            token_with_text(job, names, number)
            size = names.starts[number + 1] - names.starts[number]
            job[abi.LONGEST_BYTES] = max(job[abi.LONGEST_BYTES], size)
    return learn_pairs.write(job)


def scan_pairs(job: Pointer) -> int:
    """Count the pairs in all records."""
    return learn_pairs.scan(job)


def place_pairs(job: Pointer) -> int:
    """Note the records of the pairs that are kept."""
    return learn_pairs.place(job)


def move_scanned(job: Pointer) -> int:
    """Move scanned pairs from an old table to the new one."""
    return _move(
        as_numbers(job[abi.OLD]),
        job[abi.OLD_SIZE],
        as_numbers(job[abi.SCANNED]),
        job[abi.SCANNED_BITS],
        abi.SCAN,
    )


def move_pairs(job: Pointer) -> int:
    """Move pairs from an old table, or a list, to the new table."""
    return _move(
        as_numbers(job[abi.OLD]), job[abi.OLD_SIZE], as_numbers(job[abi.PAIRS]), job[abi.PAIRS_BITS], 2
    )


@not_inlined
def _move(old: Pointer, size: int, new: Pointer, bits: int, width: int) -> int:
    """Enter pairs in an empty table."""
    for k in range(0, size, width):
        if old[k] != abi.EMPTY:
            slot = slot_of(new, bits, width, old[k])
            for field in range(width):
                new[slot + field] = old[k + field]
    return abi.DONE


def merge_pairs(job: Pointer) -> int:
    """Merge until there are enough tokens, or no pair is frequent enough, or the budget is spent."""
    budget = job[abi.BUDGET]
    while budget > 0:
        if job[abi.PHASE] == abi.POP:
            if job[abi.TOKENS] >= job[abi.TOKENS_WANTED]:
                return abi.DONE
            status = _begin(job)
            if status != abi.JOIN:
                return status
            job[abi.PHASE] = abi.JOIN
        if job[abi.PHASE] == abi.JOIN:
            place = job[abi.PLACE]
            status = join_words(job, budget)
            budget -= job[abi.PLACE] - place
            if status != abi.JOIN:
                return status
            job[abi.PHASE] = abi.FOLD
        status = fold(job)
        if status != abi.POP:
            return status
        job[abi.PHASE] = abi.POP
        budget -= 100  # what a merge costs beside its words
    return abi.PAUSED


@inner
def _names(job: Pointer) -> Names:
    """The tokens of this job."""
    return Names(
        as_bytes(job[abi.TEXT]),
        as_numbers(job[abi.TEXT_STARTS]),
        as_places(job[abi.LENGTHS]),
        as_bytes(job[abi.KINDS]),
        as_places(job[abi.NAMES]),
        as_bytes(job[abi.AFFIX]),
    )


@inner
def _begin(job: Pointer) -> int:
    """Take the next pair and name what it makes; JOIN when there is one."""
    names, merged = _names(job), as_numbers(job[abi.MERGED])
    text = names.starts[job[abi.TOKENS]] + 2 * job[abi.LONGEST_BYTES]
    if text > job[abi.TEXT + 1]:
        return wants(job, abi.TEXT, text)
    if job[abi.MERGED_USED] >= job[abi.MERGED + 1]:
        return wants(job, abi.MERGED, job[abi.MERGED_USED] + 1)
    status = pop(job)
    if status != abi.JOIN:
        return status
    job[abi.NEW] = join(job, names, job[abi.FIRST_SYMBOL], job[abi.SECOND_SYMBOL])
    merged[2 * job[abi.MERGED_USED]] = pair_of(job[abi.FIRST_SYMBOL], job[abi.SECOND_SYMBOL])
    merged[2 * job[abi.MERGED_USED] + 1] = job[abi.TOKENS]
    job[abi.MERGED_USED] += 1
    if names.kinds[job[abi.NEW]] == abi.UNSEEN:
        names.kinds[job[abi.NEW]] = abi.MADE
    elif job[abi.THRESHOLD] > 1:
        return abi.AGAIN
    return abi.JOIN
