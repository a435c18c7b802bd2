"""Words of a block to numbers: each different word has one, in the order in which they are met."""

from __future__ import annotations

import numpy as np

from tokbench.training.kernels import layout as at
from tokbench.training.kernels.marking import Page, mark, mark_gpt2
from tokbench.training.kernels.memory import Pointer, Whole, as_bytes, as_places, as_words, inner
from tokbench.training.kernels.patterns import split_pattern
from tokbench.training.kernels.rewriting import text_end
from tokbench.training.kernels.splitting import split_gpt2, split_runs
from tokbench.training.kernels.tallying import LENGTH, NONE, ONE, SHORT, Table, insert, same, write_key
from tokbench.training.lookup.layout import ENDS, NEW, NEW_LENGTHS, NUMBERS, TEXT_AT, TEXTS, WORD_ENDS, WORDS
from tokbench.training.lookup.trie import whole


@inner
def number_words(job: Pointer, table: Pointer) -> int:
    """Number the words of a block, strip by strip; 1 when the table lacks room to go on, 0 when done."""
    page = Page(
        as_bytes(table[at.TEXT]),
        as_bytes(table[at.LOW]),
        as_bytes(table[at.CLASSES]),
        as_bytes(table[at.FLAGS]),
    )
    spans = as_places(table[at.SPANS])
    while table[at.START] < table[at.END]:
        start, last = table[at.START], table[at.END]
        end = min(last, text_end(page.text, start + at.STRIP, last, table[at.SEPARATOR]) + 1)
        mark(page, start, end)
        found = _split(page, spans, table, end)
        if not _has_room(table, found, end - start):
            return 1
        _look_up(job, table, page.text, found)
        _close_texts(job, spans, found, end)
        job[WORDS] += found
        table[at.START] = end
    return 0


@inner
def _split(page: Page, spans: Pointer, table: Pointer, end: int) -> int:
    """Write the spans of a strip's words; how many."""
    if table[at.KIND] == at.GPT2:
        mark_gpt2(page, table[at.START], end)
        return split_gpt2(page, spans, table[at.START], end)
    if table[at.KIND] == at.RUNS:
        return split_runs(page, spans, table[at.START], end)
    return split_pattern(page, spans, table, end)


@inner
def _has_room(table: Pointer, words: int, utf8_bytes: int) -> Whole:
    """Whether so many words would leave half of the slots free and fit in the arena; the job then says so."""
    table[at.NEED_WORDS], table[at.NEED_BYTES] = words, utf8_bytes
    slots = table[at.USED] + words <= 1 << table[at.SLOT_BITS] >> 1
    return slots and table[at.ARENA_USED] + utf8_bytes <= table[at.ARENA_SIZE]


@inner
def _look_up(job: Pointer, fields: Pointer, text: Pointer, found: int) -> None:
    """Write the numbers of a strip's words."""
    spans, numbers = as_places(fields[at.SPANS]), as_places(job[NUMBERS])
    slots, arena, keys = as_words(fields[at.SLOTS]), as_bytes(fields[at.ARENA]), as_words(fields[at.KEYS])
    table = Table(slots, fields[at.SLOT_BITS], arena, keys, fields)
    to = job[WORDS]
    for first in range(0, found, at.BATCH):
        last = min(first + at.BATCH, found)
        for word in range(first, last):
            start = spans[2 * word]
            write_key(table, text, start, spans[2 * word + 1] - start, at.SLOT * (word - first))
        for word in range(first, last):
            numbers[to + word] = _number(job, table, text, spans[2 * word], at.SLOT * (word - first))


@inner
def _number(job: Pointer, table: Table, text: Pointer, start: int, key: int) -> Whole:
    """The word's number; a new one takes the first empty slot and the next number."""
    low, high, length = table.keys[key], table.keys[key + 1], table.keys[key + 2]
    place = table.keys[key + 3]
    last = (ONE << np.uint64(table.bits)) - ONE
    while True:
        slot = at.SLOT * whole(place)
        packed = table.slots[slot + 2]
        if packed == NONE:
            number = table.job[at.USED]
            insert(table, text, start, slot, key)
            table.slots[slot + 3] = np.uint64(number)
            as_places(job[NEW_LENGTHS])[job[NEW]] = whole(length)
            job[NEW] += 1
            return number
        if table.slots[slot] == low and table.slots[slot + 1] == high and packed & LENGTH == length:
            arena = whole(packed >> np.uint64(at.LENGTH_BITS))
            if length <= SHORT or same(table, text, start, arena, whole(length)):
                return whole(table.slots[slot + 3])
        place = (place + ONE) & last


@inner
def _close_texts(job: Pointer, spans: Pointer, found: int, end: int) -> None:
    """Note how many words there are up to the end of each text that ends in this strip."""
    ends, word_ends = as_places(job[ENDS]), as_places(job[WORD_ENDS])
    word, number = 0, job[TEXT_AT]
    while number < job[TEXTS] and ends[number + 1] < end:
        while word < found and spans[2 * word] < ends[number + 1]:
            word += 1
        word_ends[number + 1] = job[WORDS] + word
        number += 1
    job[TEXT_AT] = number
