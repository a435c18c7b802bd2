"""A trie of tokens by their bytes, its edges in a table; and what all loops of models share."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tokbench.native.kernels.encode_abi import (
    ACCEPTS,
    ARENA,
    BEGIN,
    BYTE_IDS,
    COUNT,
    COUNT_BITS,
    EDGE_BITS,
    EDGES,
    EMPTY,
    ID_PLACES,
    IDS,
    IDS_USED,
    INNER_ROOT,
    LATER,
    LATER_COUNT,
    LENGTHS,
    LONGEST,
    MERGE_COUNT,
    MERGES,
    MOST_CHARACTERS,
    NO_NODE,
    NO_TOKEN,
    NODES,
    NUMBER,
    PAIR_BITS,
    PAIRS,
    RANKS,
    TOKEN_COUNT,
    TOKEN_ENDS,
    TOKEN_IDS,
    TOKENS,
    UNKNOWN,
    WHOLE,
)
from tokbench.native.kernels.learn_pairs import as_numbers, pair_of, slot_of
from tokbench.native.kernels.simd import Pointer, Whole, Word, as_bytes, as_places, as_words, inner

BYTE_BITS = 8
whole: Any = np.int64  # a number as numba counts with it, of which mypy need not know


class Trie(NamedTuple):
    """Edges from a node and a byte to a node, and the token that ends at each node."""

    edges: Pointer
    bits: int
    accepts: Pointer


@inner
def trie_of(job: Pointer) -> Trie:
    """The trie of this job."""
    return Trie(as_numbers(job[EDGES]), job[EDGE_BITS], as_places(job[ACCEPTS]))


@inner
def build_trie(job: Pointer) -> None:
    """Put all tokens into an empty trie."""
    trie, utf8, ends = trie_of(job), as_bytes(job[TOKENS]), as_places(job[TOKEN_ENDS])
    ids = as_places(job[TOKEN_IDS])
    nodes, begin = whole(1), whole(0)
    for token in range(job[TOKEN_COUNT]):
        node, end = whole(BEGIN), whole(ends[token])
        for k in range(begin, end):
            edge = node << BYTE_BITS | whole(utf8[k])
            slot = slot_of(trie.edges, trie.bits, 2, edge)
            if trie.edges[slot] == EMPTY:
                trie.edges[slot], trie.edges[slot + 1] = edge, nodes
                nodes += 1
            node = trie.edges[slot + 1]
        if end > begin:
            trie.accepts[node] = ids[token]
        begin = end
    job[NODES] = nodes


@inner
def next_node(trie: Trie, node: int, byte: int) -> Whole:
    """The node after this one, or NO_NODE."""
    slot = slot_of(trie.edges, trie.bits, 2, whole(node) << BYTE_BITS | whole(byte))
    return whole(NO_NODE) if trie.edges[slot] == EMPTY else trie.edges[slot + 1]


@inner
def token_of(trie: Trie, text: Pointer, begin: int, length: int) -> Whole:
    """The token that all of these bytes are, or NO_TOKEN."""
    node = whole(BEGIN)
    for k in range(length):
        if node != NO_NODE:
            node = next_node(trie, node, text[begin + k])
    return whole(NO_TOKEN) if node == NO_NODE else whole(trie.accepts[node])


@inner
def leave(job: Pointer, word: int) -> None:
    """Leave a word to others."""
    as_places(job[LATER])[job[LATER_COUNT]] = word
    job[LATER_COUNT] += 1


@inner
def place_of(begin: int, number: int) -> Word:
    """Where the ids of a word are, as one number."""
    return np.uint64(begin) << np.uint64(COUNT_BITS) | np.uint64(number)


NOT_MERGED = 1 << 62
ID_BITS, ID = 32, (1 << 32) - 1


class MergeTables(NamedTuple):
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
    how = MergeTables(
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
def _ids_of(how: MergeTables, begin: int, length: int, to: int) -> Whole:
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
def _merge(how: MergeTables, to: int, place: int, number: int) -> None:
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
def _rank(how: MergeTables, at: int) -> Whole:
    """Rank and result of the pair that begins here as one number, NOT_MERGED when it has none."""
    slot = slot_of(how.pairs, how.bits, 2, pair_of(how.ids[at], how.ids[at + 1]))
    return NOT_MERGED if how.pairs[slot] == EMPTY else how.pairs[slot + 1]


CONTINUED, LEAD = 0xC0, 0x80  # a byte of UTF-8 that continues a character is LEAD under the mask CONTINUED


@inner
def cut_all(job: Pointer) -> None:
    """Write the ids of all new words; an unknown one is left to others if no token stands for it."""
    arena, lengths, ids = as_bytes(job[ARENA]), as_places(job[LENGTHS]), as_places(job[IDS])
    trie, places = trie_of(job), as_words(job[ID_PLACES])
    begin, to = whole(0), job[IDS_USED]
    for word in range(job[COUNT]):
        end, number = begin + whole(lengths[word]), whole(0)
        if _characters(arena, begin, end) <= job[MOST_CHARACTERS]:
            number = _pieces(job, trie, begin, end, to)
        if number == 0:
            ids[to], number = job[UNKNOWN], 1
        if number == 1 and ids[to] == NO_TOKEN:
            leave(job, word)
        else:
            places[job[NUMBER] + word] = place_of(to, number)
            to += number
        begin = end
    job[IDS_USED] = to


@inner
def _characters(text: Pointer, begin: int, end: int) -> Whole:
    """How many characters these bytes are."""
    number = whole(0)
    for k in range(begin, end):
        number += (text[k] & CONTINUED) != LEAD
    return number


@inner
def _pieces(job: Pointer, trie: Trie, begin: int, end: int, to: int) -> Whole:
    """Write the ids of a word's pieces; how many, 0 if it cannot be cut into tokens."""
    arena, ids = as_bytes(job[ARENA]), as_places(job[IDS])
    number, start, root = whole(0), begin, whole(BEGIN)
    while start < end:
        token, stop, node, k = whole(NO_TOKEN), start, root, start
        while k < end and node != NO_NODE:
            node = next_node(trie, node, arena[k])
            k += 1
            if node != NO_NODE and trie.accepts[node] != NO_TOKEN:
                token, stop = whole(trie.accepts[node]), k
        if token == NO_TOKEN:
            return whole(0)
        ids[to + number] = token
        number += 1
        start, root = stop, job[INNER_ROOT]
    return number
