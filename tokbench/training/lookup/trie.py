"""A trie of tokens by their bytes, its edges in a table; and what all loops of models share."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tokbench.training.kernels.memory import Pointer, Whole, Word, as_bytes, as_places, inner
from tokbench.training.lookup.layout import (
    ACCEPTS,
    BEGIN,
    COUNT_BITS,
    EDGE_BITS,
    EDGES,
    EMPTY,
    LATER,
    LATER_COUNT,
    NO_NODE,
    NO_TOKEN,
    NODES,
    TOKEN_COUNT,
    TOKEN_ENDS,
    TOKEN_IDS,
    TOKENS,
)
from tokbench.training.merging.cells import as_numbers, slot_of

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
def plant(job: Pointer) -> None:
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
def follow(trie: Trie, node: int, byte: int) -> Whole:
    """The node after this one, or NO_NODE."""
    slot = slot_of(trie.edges, trie.bits, 2, whole(node) << BYTE_BITS | whole(byte))
    return whole(NO_NODE) if trie.edges[slot] == EMPTY else trie.edges[slot + 1]


@inner
def token_of(trie: Trie, text: Pointer, begin: int, length: int) -> Whole:
    """The token that all of these bytes are, or NO_TOKEN."""
    node = whole(BEGIN)
    for k in range(length):
        if node != NO_NODE:
            node = follow(trie, node, text[begin + k])
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
