"""BPE of new words: the pair that was learned first is merged first, of equal ones the leftmost."""

from __future__ import annotations

from typing import NamedTuple

from tokbench.training.kernels.memory import Pointer, Whole, as_bytes, as_places, as_words, inner
from tokbench.training.lookup.layout import (
    ARENA,
    BYTE_IDS,
    COUNT,
    EMPTY,
    ID_PLACES,
    IDS,
    IDS_USED,
    LENGTHS,
    LONGEST,
    MERGE_COUNT,
    MERGES,
    NO_TOKEN,
    NUMBER,
    PAIR_BITS,
    PAIRS,
    RANKS,
    WHOLE,
)
from tokbench.training.lookup.trie import Trie, leave, place_of, token_of, trie_of, whole
from tokbench.training.merging.cells import as_numbers, pair_of, slot_of

NOT_MERGED = 1 << 62
ID_BITS, ID = 32, (1 << 32) - 1


class Merging(NamedTuple):
    """What BPE goes by: pair → rank and id, ids of bytes, whole tokens; where it reads and writes."""

    pairs: Pointer
    bits: int
    byte_ids: Pointer
    trie: Trie
    arena: Pointer
    ids: Pointer
    ranks: Pointer


@inner
def enter_merges(job: Pointer) -> None:
    """Fill the empty table of pairs: MERGES holds left, right and result of each, in the order of ranks."""
    merges, pairs = as_places(job[MERGES]), as_numbers(job[PAIRS])
    for rank in range(job[MERGE_COUNT]):
        pair = pair_of(merges[3 * rank], merges[3 * rank + 1])
        slot = slot_of(pairs, job[PAIR_BITS], 2, pair)
        pairs[slot] = pair
        pairs[slot + 1] = whole(rank) << ID_BITS | merges[3 * rank + 2]


@inner
def merge_all(job: Pointer) -> None:
    """Write the ids of all new words but the very long ones."""
    how = Merging(
        as_numbers(job[PAIRS]),
        job[PAIR_BITS],
        as_places(job[BYTE_IDS]),
        trie_of(job),
        as_bytes(job[ARENA]),
        as_places(job[IDS]),
        as_numbers(job[RANKS]),
    )
    lengths, places, begin, to = as_places(job[LENGTHS]), as_words(job[ID_PLACES]), whole(0), job[IDS_USED]
    for word in range(job[COUNT]):
        length = whole(lengths[word])
        if length > LONGEST:
            leave(job, word)
        else:
            token = token_of(how.trie, how.arena, begin, length) if job[WHOLE] else whole(NO_TOKEN)
            number = whole(1)
            if token == NO_TOKEN:
                number = _ids_of(how, begin, length, to)
            else:
                how.ids[to] = token
            places[job[NUMBER] + word] = place_of(to, number)
            to += number
        begin += length
    job[IDS_USED] = to


@inner
def _ids_of(how: Merging, begin: int, length: int, to: int) -> Whole:
    """Write the ids of one word; how many."""
    for k in range(length):
        how.ids[to + k] = how.byte_ids[how.arena[begin + k]]
    for k in range(length - 1):
        how.ranks[k] = _rank(how, to + k)
    number = length
    while number > 1:
        best, place = NOT_MERGED, 0
        for k in range(number - 1):
            if how.ranks[k] < best:
                best, place = how.ranks[k], k
        if best == NOT_MERGED:
            break
        number -= 1
        _merge(how, to, place, number)
    return number


@inner
def _merge(how: Merging, to: int, place: int, number: int) -> None:
    """Put one id in the place of two; there are `number` then."""
    how.ids[to + place] = how.ranks[place] & ID
    for k in range(place + 1, number):
        how.ids[to + k] = how.ids[to + k + 1]
        how.ranks[k - 1] = how.ranks[k]
    if place > 0:
        how.ranks[place - 1] = _rank(how, to + place - 1)
    if place < number - 1:
        how.ranks[place] = _rank(how, to + place)


@inner
def _rank(how: Merging, at: int) -> Whole:
    """Rank and result of the pair that begins here as one number, NOT_MERGED when it has none."""
    slot = slot_of(how.pairs, how.bits, 2, pair_of(how.ids[at], how.ids[at + 1]))
    return NOT_MERGED if how.pairs[slot] == EMPTY else how.pairs[slot + 1]
