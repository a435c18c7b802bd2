"""Ids of a word by BPE or WordPiece, with the tables they need.

BPE looks up the rank of every two neighbours in a table of merges and merges the lowest until none is left.
WordPiece walks a trie of tokens by their bytes, its edges in a table of open addressing, takes the longest
token, and goes on behind it. Words that are too long, or have no ids here, are left to the library.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tokbench.native.kernels import encode_abi as abi
from tokbench.native.kernels.count_split import code_point
from tokbench.native.kernels.learn_pairs import as_numbers, pair_of, slot_of
from tokbench.native.kernels.simd import Pointer, Whole, Word, as_bytes, as_places, as_words, inner

BYTE_BITS = 8
CONTINUED, LEAD = 0xC0, 0x80  # a byte of UTF-8 that continues a character is LEAD under the mask CONTINUED
whole: Any = np.int64  # a number as numba counts with it, of which mypy need not know


class Trie(NamedTuple):
    """Edges from a node and a byte to a node, and the token that ends at each node."""

    edges: Pointer
    bits: int
    accepts: Pointer


@inner
def trie_of(job: Pointer) -> Trie:
    """The trie of this job."""
    return Trie(as_numbers(job[abi.EDGES]), job[abi.EDGE_BITS], as_places(job[abi.ACCEPTS]))


@inner
def build_trie(job: Pointer) -> None:
    """Put all tokens into an empty trie."""
    trie, utf8, ends = trie_of(job), as_bytes(job[abi.TOKENS]), as_places(job[abi.TOKEN_ENDS])
    ids = as_places(job[abi.TOKEN_IDS])
    nodes, begin = whole(1), whole(0)
    for token in range(job[abi.TOKEN_COUNT]):
        node, end = whole(abi.BEGIN), whole(ends[token])
        for k in range(begin, end):
            edge = node << BYTE_BITS | whole(utf8[k])
            slot = slot_of(trie.edges, trie.bits, 2, edge)
            if trie.edges[slot] == abi.EMPTY:
                trie.edges[slot], trie.edges[slot + 1] = edge, nodes
                nodes += 1
            node = trie.edges[slot + 1]
        if end > begin:
            trie.accepts[node] = ids[token]
        begin = end
    job[abi.NODES] = nodes


@inner
def next_node(trie: Trie, node: int, byte: int) -> Whole:
    """The node after this one, or NO_NODE."""
    slot = slot_of(trie.edges, trie.bits, 2, whole(node) << BYTE_BITS | whole(byte))
    return whole(abi.NO_NODE) if trie.edges[slot] == abi.EMPTY else trie.edges[slot + 1]


@inner
def token_of(trie: Trie, text: Pointer, begin: int, length: int) -> Whole:
    """The token that all of these bytes are, or NO_TOKEN."""
    node = whole(abi.BEGIN)
    for k in range(length):
        if node != abi.NO_NODE:
            node = next_node(trie, node, text[begin + k])
    return whole(abi.NO_TOKEN) if node == abi.NO_NODE else whole(trie.accepts[node])


@inner
def leave(job: Pointer, word: int) -> None:
    """Leave a word to others."""
    as_places(job[abi.LATER])[job[abi.LATER_COUNT]] = word
    job[abi.LATER_COUNT] += 1


@inner
def place_of(begin: int, number: int) -> Word:
    """Where the ids of a word are, as one number."""
    return np.uint64(begin) << np.uint64(abi.COUNT_BITS) | np.uint64(number)


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
    characters: Pointer
    by_characters: bool


@inner
def enter_merges(job: Pointer) -> None:
    """Fill the empty table of pairs: MERGES holds left, right and result of each, in the order of ranks."""
    merges, pairs = as_places(job[abi.MERGES]), as_numbers(job[abi.PAIRS])
    for rank in range(job[abi.MERGE_COUNT]):
        pair = pair_of(merges[3 * rank], merges[3 * rank + 1])
        slot = slot_of(pairs, job[abi.PAIR_BITS], 2, pair)
        pairs[slot] = pair
        pairs[slot + 1] = whole(rank) << ID_BITS | merges[3 * rank + 2]


@inner
def merge_all(job: Pointer) -> None:
    """Write the ids of all new words but the very long ones."""
    how = MergeTables(
        as_numbers(job[abi.PAIRS]),
        job[abi.PAIR_BITS],
        as_places(job[abi.BYTE_IDS]),
        trie_of(job),
        as_bytes(job[abi.ARENA]),
        as_places(job[abi.IDS]),
        as_numbers(job[abi.RANKS]),
        as_places(job[abi.CHARACTERS]),
        job[abi.CHARACTERS] != 0,
    )
    lengths, places, begin, to = (
        as_places(job[abi.LENGTHS]),
        as_words(job[abi.ID_PLACES]),
        whole(0),
        job[abi.IDS_USED],
    )
    for word in range(job[abi.COUNT]):
        length = whole(lengths[word])
        if length > abi.LONGEST:
            leave(job, word)
        else:
            token = token_of(how.trie, how.arena, begin, length) if job[abi.WHOLE] else whole(abi.NO_TOKEN)
            number = whole(1)
            if token == abi.NO_TOKEN:
                number = _ids_of(how, begin, length, to)
            else:
                how.ids[to] = token
            if number == 0:
                leave(job, word)
            else:
                places[job[abi.NUMBER] + word] = place_of(to, number)
                to += number
        begin += length
    job[abi.IDS_USED] = to


@inner
def _ids_of(how: MergeTables, begin: int, length: int, to: int) -> Whole:
    """Write the ids of one word; how many, 0 if some part of it has none."""
    number = (
        _characters_of(how, begin, length, to) if how.by_characters else _bytes_of(how, begin, length, to)
    )
    for k in range(number - 1):
        how.ranks[k] = _rank(how, to + k)
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
def _bytes_of(how: MergeTables, begin: int, length: int, to: int) -> Whole:
    """Write the ids of a word's bytes; how many, 0 if one has none."""
    known = whole(0)
    for k in range(length):
        how.ids[to + k] = how.byte_ids[how.arena[begin + k]]
        known += how.ids[to + k] != abi.NO_TOKEN
    return whole(length) if known == length else whole(0)


@inner
def _characters_of(how: MergeTables, begin: int, length: int, to: int) -> Whole:
    """Write the ids of a word's characters, or of the bytes of one without an id; how many, 0 if none has."""
    at, number = whole(begin), whole(0)
    while at < begin + length:
        code, size = (np.int64(how.arena[at]), 1) if how.arena[at] < LEAD else code_point(how.arena, at)
        how.ids[to + number] = how.characters[code]
        more = whole(1)
        if how.characters[code] == abi.NO_TOKEN:
            more = _bytes_of(how, at, size, to + number)
            if more == 0:
                return whole(0)
        number += more
        at += size
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
    return NOT_MERGED if how.pairs[slot] == abi.EMPTY else how.pairs[slot + 1]


@inner
def cut_all(job: Pointer) -> None:
    """Write the ids of all new words; an unknown one is left to others if no token stands for it."""
    arena, lengths, ids = as_bytes(job[abi.ARENA]), as_places(job[abi.LENGTHS]), as_places(job[abi.IDS])
    trie, places = trie_of(job), as_words(job[abi.ID_PLACES])
    begin, to = whole(0), job[abi.IDS_USED]
    for word in range(job[abi.COUNT]):
        end, number = begin + whole(lengths[word]), whole(0)
        if _characters(arena, begin, end) <= job[abi.MOST_CHARACTERS]:
            number = _pieces(job, trie, begin, end, to)
        if number == 0:
            ids[to], number = job[abi.UNKNOWN], 1
        if number == 1 and ids[to] == abi.NO_TOKEN:
            leave(job, word)
        else:
            places[job[abi.NUMBER] + word] = place_of(to, number)
            to += number
        begin = end
    job[abi.IDS_USED] = to


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
    arena, ids = as_bytes(job[abi.ARENA]), as_places(job[abi.IDS])
    number, start, root = whole(0), begin, whole(abi.BEGIN)
    while start < end:
        token, stop, node, k = whole(abi.NO_TOKEN), start, root, start
        while k < end and node != abi.NO_NODE:
            node = next_node(trie, node, arena[k])
            k += 1
            if node != abi.NO_NODE and trie.accepts[node] != abi.NO_TOKEN:
                token, stop = whole(trie.accepts[node]), k
        if token == abi.NO_TOKEN:
            return whole(0)
        ids[to + number] = token
        number += 1
        start, root = stop, job[abi.INNER_ROOT]
    return number
