"""Spans to counts: words as byte slices in a table of open addressing, without a string being made.

A slot holds the first 16 bytes of a word, so that only longer ones are compared in the arena; these have two
hashes in their place. Slots are asked for a batch of words ahead, or most of the time would be waiting.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tokbench.native.kernels import count_abi as abi
from tokbench.native.kernels.simd import Pointer, Whole, Word, inner, load64, not_inlined, prefetch

NONE, ONE = np.uint64(0), np.uint64(1)
ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
# Odd numbers without a pattern: the golden ratio's fraction, and the multiplier of PCG64's generator.
SPREAD, MIX = np.uint64(0x9E3779B97F4A7C15), np.uint64(0x5851F42D4C957F2D)
LENGTH, SHORT = np.uint64((1 << abi.LENGTH_BITS) - 1), np.uint64(16)
HALF, THIRD, MOST = np.uint64(32), np.uint64(29), np.uint64(64)


class Table(NamedTuple):
    """The words counted so far. keys: room for a batch; job: where the two sizes that grow are kept."""

    slots: Pointer
    bits: int
    arena: Pointer
    keys: Pointer
    job: Pointer


class Spans(NamedTuple):
    """Words as start and end in a text, and what each counts: the weight at its number times `step`."""

    places: Pointer
    number: int
    weights: Pointer
    step: int


@inner
def add_spans(table: Table, text: Pointer, spans: Spans) -> None:
    """Count each of these spans as often as its weight says; there must be room for all of them."""
    for first in range(0, spans.number, abi.BATCH):
        last = min(first + abi.BATCH, spans.number)
        for word in range(first, last):
            start = spans.places[2 * word]
            write_key(table, text, start, spans.places[2 * word + 1] - start, abi.SLOT * (word - first))
        for word in range(first, last):
            weight = spans.weights[word * spans.step]
            _add(table, text, spans.places[2 * word], weight, abi.SLOT * (word - first))


@inner
def write_key(table: Table, text: Pointer, start: int, length: int, key: int) -> None:
    """Work out what identifies a word and where its slot should be, and ask for that slot."""
    if length <= 16:
        low = load64(text, start) & _first(min(length, 8))
        high = load64(text, start + 8) & _first(max(length, 8) - 8)
    else:
        low, high = _hashes(text, start, length)
    slot = home(low, high, table.bits)
    table.keys[key], table.keys[key + 1], table.keys[key + 2] = low, high, np.uint64(length)
    table.keys[key + 3] = slot
    prefetch(table.slots, abi.SLOT * np.int64(slot))


@inner
def _first(number: int) -> Word:
    """A mask of this many bytes, 0 to 8; in two steps, since a shift by 64 is undefined."""
    shift = np.uint64(32 - 4 * number)
    return ALL >> shift >> shift


@not_inlined
def _hashes(text: Pointer, start: int, length: int) -> tuple[Word, Word]:
    """Two numbers from all bytes of a word longer than 16."""
    last = start + length - 8
    low, high = load64(text, last), load64(text, start)
    for at in range(start + 8, last, 8):
        part = load64(text, at)
        low = ((low ^ low >> THIRD) * MIX) ^ part
        high = (high ^ high >> HALF) * SPREAD + part
    return low, high


@inner
def home(low: Word, high: Word, bits: int) -> Word:
    """The slot where the search for a word begins, in a table of two to the power of `bits`."""
    mixed = low ^ high * MIX
    return (mixed ^ mixed >> HALF) * SPREAD >> (MOST - np.uint64(bits))


@inner
def _add(table: Table, text: Pointer, start: int, weight: Word, key: int) -> None:
    """Find the word's slot and add to its count; take the first empty one when it has none yet."""
    low, high, length = table.keys[key], table.keys[key + 1], table.keys[key + 2]
    at = table.keys[key + 3]
    last = (ONE << np.uint64(table.bits)) - ONE
    while True:
        slot = abi.SLOT * np.int64(at)
        place = table.slots[slot + 2]
        if place == NONE:
            insert(table, text, start, slot, key)
            table.slots[slot + 3] = weight
            return
        if table.slots[slot] == low and table.slots[slot + 1] == high and place & LENGTH == length:
            arena = np.int64(place >> np.uint64(abi.LENGTH_BITS))
            if length <= SHORT or same_word(table, text, start, arena, np.int64(length)):
                table.slots[slot + 3] += weight
                return
        at = (at + ONE) & last


@not_inlined
def insert(table: Table, text: Pointer, start: int, slot: Whole, key: int) -> None:
    """Write a new word into the arena and its slot, the count excepted."""
    arena, length = table.job[abi.ARENA_USED], np.int64(table.keys[key + 2])
    for k in range(length):
        table.arena[arena + k] = text[start + k]
    table.slots[slot], table.slots[slot + 1] = table.keys[key], table.keys[key + 1]
    table.slots[slot + 2] = np.uint64(arena) << np.uint64(abi.LENGTH_BITS) | np.uint64(length)
    table.job[abi.ARENA_USED] = arena + length
    table.job[abi.USED] += 1


@not_inlined
def same_word(table: Table, text: Pointer, start: int, place: Whole, length: Whole) -> bool:
    """Whether a word in the arena is this one of more than 16 bytes."""
    last = length - 8
    for k in range(0, last, 8):
        if load64(table.arena, place + k) != load64(text, start + k):
            return False
    equal: bool = load64(table.arena, place + last) == load64(text, start + last)
    return equal


@not_inlined
def move(slots: Pointer, old_bits: int, larger: Pointer, bits: int) -> None:
    """Put every slot in use into a larger, empty table."""
    last = (ONE << np.uint64(bits)) - ONE
    for old in range(0, abi.SLOT << old_bits, abi.SLOT):
        if slots[old + 2] != NONE:
            at = home(slots[old], slots[old + 1], bits)
            while larger[abi.SLOT * np.int64(at) + 2] != NONE:
                at = (at + ONE) & last
            for k in range(abi.SLOT):
                larger[abi.SLOT * np.int64(at) + k] = slots[old + k]


@inner
def has_room(job: Pointer, words: int, utf8_bytes: int) -> Whole:
    """Whether so many words would leave half of the slots free and fit in the arena; the job then says so."""
    job[abi.NEED_WORDS], job[abi.NEED_BYTES] = words, utf8_bytes
    slots = job[abi.USED] + words <= 1 << job[abi.SLOT_BITS] >> 1
    return slots and job[abi.ARENA_USED] + utf8_bytes <= job[abi.ARENA_SIZE]
