"""WordPiece of new words: the longest token the rest begins with, again and again, or one unknown token."""

from __future__ import annotations

from tokbench.training.kernels.memory import Pointer, Whole, as_bytes, as_places, as_words, inner
from tokbench.training.lookup.layout import (
    ARENA,
    BEGIN,
    COUNT,
    ID_PLACES,
    IDS,
    IDS_USED,
    INNER_ROOT,
    LENGTHS,
    MOST_CHARACTERS,
    NO_NODE,
    NO_TOKEN,
    NUMBER,
    UNKNOWN,
)
from tokbench.training.lookup.trie import Trie, follow, leave, place_of, trie_of, whole

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
            node = follow(trie, node, arena[k])
            k += 1
            if node != NO_NODE and trie.accepts[node] != NO_TOKEN:
                token, stop = whole(trie.accepts[node]), k
        if token == NO_TOKEN:
            return whole(0)
        ids[to + number] = token
        number += 1
        start, root = stop, job[INNER_ROOT]
    return number
