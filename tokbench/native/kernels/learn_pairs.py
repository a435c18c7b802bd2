"""Tables of pairs: open addressing, a power of two of slots, at most half of them in use."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.extending import intrinsic

from tokbench.native.kernels.learn_abi import (
    ALONE,
    AT,
    BEGINNING,
    BUDGET,
    CODES,
    DONE,
    EMPTY,
    END,
    FIRST,
    GROW,
    HEADER,
    HEAP_USED,
    HIGH,
    KINDS,
    LAST,
    LENGTH,
    LENGTHS,
    LONGEST,
    LONGEST_BYTES,
    LOW,
    MIDDLE,
    NAMES_BITS,
    NO_TOKEN,
    PAUSED,
    POOL,
    PREFIX,
    RECORDS,
    ROOM,
    SCAN,
    SCANNED,
    SCANNED_BITS,
    SCANNED_USED,
    SPANS,
    SUFFIX,
    SYMBOLS,
    TOKENS,
    UNSEEN,
    WANTED,
    WANTED_SIZE,
    WEIGHTS,
    WIDE,
)
from tokbench.native.kernels.simd import NUMBERS, Node, Pointer, as_bytes, as_places, inner, not_inlined

SPREAD = np.uint64(0x9E3779B97F4A7C15)  # odd and without a pattern: the golden ratio's fraction
WORD = np.uint64(64)
HALF = 32


def _to_numbers(_: Node, address: Node) -> Node:
    """What numba compiles `as_numbers` to."""

    def code(context: Node, builder: Node, signature: Node, args: Node) -> Node:
        return builder.inttoptr(args[0], context.get_value_type(NUMBERS))

    return NUMBERS(types.int64), code


as_numbers: Any = intrinsic(_to_numbers)  # an address as a pointer to int64


@inner
def pair_of(left: int, right: int) -> int:
    """Two symbols as one number; pairs sort like their symbols."""
    return int(np.int64(left) << HALF | np.int64(right))


@inner
def slot_of(table: Pointer, bits: int, width: int, pair: int) -> int:
    """Where this pair is in the table, or where it would go: the first of the slot's `width` numbers."""
    mask = (1 << bits) - 1
    slot = int(np.int64((np.uint64(pair) * SPREAD) >> (WORD - np.uint64(bits))))
    while table[slot * width] != pair and table[slot * width] != EMPTY:
        slot = (slot + 1) & mask
    return slot * width


@inner
def wants(job: Pointer, array: int, size: int) -> int:
    """Ask for room in an array."""
    job[WANTED] = array
    job[WANTED_SIZE] = size
    return GROW


ITEM = 3  # count, pair, entry
ARITY_BITS = 2


@inner
def before(count: int, pair: int, entry: int, heap: Pointer, item: int) -> bool:
    """Whether this comes before an item of the heap."""
    if count != heap[item]:
        return bool(count > heap[item])
    if pair != heap[item + 1]:
        return bool(pair < heap[item + 1])
    return bool(entry < heap[item + 2])


@inner
def write_item(heap: Pointer, number: int, count: int, pair: int, entry: int) -> None:
    """Write an item."""
    heap[number * ITEM] = count
    heap[number * ITEM + 1] = pair
    heap[number * ITEM + 2] = entry


@not_inlined
def push(job: Pointer, heap: Pointer, count: int, pair: int, entry: int) -> None:
    """Add an item; there is room for it."""
    number = job[HEAP_USED]
    job[HEAP_USED] = number + 1
    while number > 0:
        parent = (number - 1) >> ARITY_BITS
        if not before(count, pair, entry, heap, parent * ITEM):
            break
        write_item(heap, number, heap[parent * ITEM], heap[parent * ITEM + 1], heap[parent * ITEM + 2])
        number = parent
    write_item(heap, number, count, pair, entry)


@not_inlined
def replace_top(job: Pointer, heap: Pointer, count: int, pair: int, entry: int) -> None:
    """Put this in the place of the first item, and in order."""
    used, number = job[HEAP_USED], 0
    while (number << ARITY_BITS) + 1 < used:
        best = (number << ARITY_BITS) + 1
        for child in range(best + 1, min(best + 4, used)):
            item = child * ITEM
            if before(heap[item], heap[item + 1], heap[item + 2], heap, best * ITEM):
                best = child
        if before(count, pair, entry, heap, best * ITEM):
            break
        write_item(heap, number, heap[best * ITEM], heap[best * ITEM + 1], heap[best * ITEM + 2])
        number = best
    write_item(heap, number, count, pair, entry)


@not_inlined
def drop_top(job: Pointer, heap: Pointer) -> None:
    """Remove the first item."""
    job[HEAP_USED] -= 1
    last = job[HEAP_USED] * ITEM
    if job[HEAP_USED]:
        replace_top(job, heap, heap[last], heap[last + 1], heap[last + 2])


OFFSET, PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)  # FNV-1a, 64 bits


class Names(NamedTuple):
    """Texts of tokens, by id and back; affix: the prefix's bytes, then the suffix's."""

    text: Pointer
    starts: Pointer
    lengths: Pointer
    kinds: Pointer
    table: Pointer
    affix: Pointer


@inner
def bytes_equal(text: Pointer, start: int, other: Pointer, begin: int, size: int) -> bool:
    """Whether two stretches of bytes are equal."""
    for k in range(size):  # noqa: SIM110 (numba has no all())
        if text[start + k] != other[begin + k]:
            return False
    return True


@not_inlined
def join(job: Pointer, names: Names, left: int, right: int) -> int:
    """The id of the token that these two make; it is new when it is as high as TOKENS was."""
    number = job[TOKENS]
    start = names.starts[number]
    end = _copy(names, left, 0, start)
    skipped, prefix = 0, job[PREFIX]
    size = names.starts[right + 1] - names.starts[right]
    if size >= prefix and bytes_equal(names.text, names.starts[right], names.affix, 0, prefix):
        skipped = prefix
    end = _copy(names, right, skipped, end)
    names.starts[number + 1] = end
    found = token_with_text(job, names, number)
    if found == number:
        names.lengths[number] = _length(job, names, start, end)
        names.kinds[number] = UNSEEN
        job[LONGEST_BYTES] = max(job[LONGEST_BYTES], end - start)
        job[TOKENS] = number + 1
    return found


@not_inlined
def _copy(names: Names, token: int, skipped: int, to: int) -> int:
    """Write a token's bytes, without the first ones, from `to` on; return where they end."""
    for k in range(names.starts[token] + skipped, names.starts[token + 1]):
        names.text[to] = names.text[k]
        to += 1
    return to


@not_inlined
def token_with_text(job: Pointer, names: Names, number: int) -> int:
    """The token with the text of this one: itself, then put in the table, or one that was there before."""
    start, size = names.starts[number], names.starts[number + 1] - names.starts[number]
    value = OFFSET
    for k in range(start, start + size):
        value = (value ^ np.uint64(names.text[k])) * PRIME
    bits = job[NAMES_BITS]
    slot = int(np.int64((value * SPREAD) >> (WORD - np.uint64(bits))))
    while names.table[slot] != EMPTY:
        other = int(names.table[slot])
        begin = names.starts[other]
        if names.starts[other + 1] - begin == size and bytes_equal(
            names.text, begin, names.text, start, size
        ):
            return other
        slot = (slot + 1) & ((1 << bits) - 1)
    names.table[slot] = number
    return number


@not_inlined
def _length(job: Pointer, names: Names, start: int, end: int) -> int:
    """The characters of a text, its marks not counted."""
    prefix, suffix = job[PREFIX], job[SUFFIX]
    if end - start >= prefix and bytes_equal(names.text, start, names.affix, 0, prefix):
        start += prefix
    if end - start >= suffix and bytes_equal(names.text, end - suffix, names.affix, prefix, suffix):
        end -= suffix
    characters = 0
    for k in range(start, end):
        if names.text[k] & 0xC0 != 0x80:
            characters += 1
    return characters


LOW_HALF = 0xFFFFFFFF


@inner
def weight_of(records: Pointer, record: int) -> int:
    """How often the word of this record occurs."""
    return int(np.int64(records[record + HIGH]) << 32 | np.int64(records[record + LOW]) & LOW_HALF)


@not_inlined
def write(job: Pointer) -> int:
    """Write words with two symbols or more as records; AT counts words, END numbers in RECORDS."""
    spans, weights, records = as_numbers(job[SPANS]), as_numbers(job[WEIGHTS]), as_places(job[RECORDS])
    spent = 0
    while job[AT] < job[WEIGHTS + 1]:
        word, record = job[AT], job[END]
        start, end = spans[2 * word], spans[2 * word + 1]
        spent += end - start
        length = _write(job, start, end, record + HEADER)
        if length > 1 and weights[word] > 0:
            records[record + ROOM] = length
            records[record + LENGTH] = length
            records[record + LOW] = np.int32(weights[word] & LOW_HALF)
            records[record + HIGH] = np.int32(weights[word] >> 32)
            job[END] = record + HEADER + length
        job[AT] = word + 1
        if spent > job[BUDGET]:
            return PAUSED
    return DONE


@not_inlined
def _write(job: Pointer, start: int, end: int, to: int) -> int:
    """Write the symbols of a word; how many there are, for a character without a token is left out."""
    records, symbols = as_places(job[RECORDS]), as_places(job[SYMBOLS])
    narrow, wide = as_bytes(job[CODES]), as_places(job[CODES])
    length = 0
    for k in range(start, end):
        place = MIDDLE
        if k == start:
            place = ALONE if k + 1 == end else BEGINNING
        elif k + 1 == end:
            place = LAST
        code = np.int64(wide[k]) if job[WIDE] else np.int64(narrow[k])
        symbol = symbols[code * 4 + place]
        if symbol != NO_TOKEN:
            records[to + length] = symbol
            length += 1
    return length


@not_inlined
def scan(job: Pointer) -> int:
    """Count all pairs in the records, and the records that each is in."""
    records, bits = as_places(job[RECORDS]), job[SCANNED_BITS]
    spent = 0
    while job[AT] < job[END]:
        record = job[AT]
        length = records[record + LENGTH]
        if job[SCANNED_USED] + length > 1 << bits >> 1:
            return wants(job, SCANNED, job[SCANNED_USED] + length)
        _scan(job, records, record)
        job[AT] = record + HEADER + records[record + ROOM]
        spent += length + HEADER
        if spent > job[BUDGET]:
            return PAUSED
    return DONE


@inner
def _scan(job: Pointer, records: Pointer, record: int) -> None:
    """Count the pairs in one record."""
    table, bits, weight = as_numbers(job[SCANNED]), job[SCANNED_BITS], weight_of(records, record)
    lengths, kinds, longest = as_places(job[LENGTHS]), as_bytes(job[KINDS]), job[LONGEST]
    used = 0
    for k in range(record + HEADER, record + HEADER + records[record + LENGTH] - 1):
        left, right = records[k], records[k + 1]
        begun = kinds[left] == FIRST and kinds[right] == FIRST  # those count whatever their length
        if not begun and lengths[left] + lengths[right] >= longest:
            continue
        pair = pair_of(left, right)
        slot = slot_of(table, bits, SCAN, pair)
        if table[slot] == EMPTY:
            table[slot] = pair
            table[slot + 1] = 0
            table[slot + 2] = 0
            table[slot + 3] = -1
            used += 1
        table[slot + 1] += weight
        if table[slot + 3] != record:
            table[slot + 3] = record
            table[slot + 2] += 1
    job[SCANNED_USED] += used


@not_inlined
def place(job: Pointer) -> int:
    """Write each record in the pool, once for every pair in it that is kept."""
    records, table, bits = as_places(job[RECORDS]), as_numbers(job[SCANNED]), job[SCANNED_BITS]
    pool = as_places(job[POOL])
    spent = 0
    while job[AT] < job[END]:
        record = job[AT]
        length = records[record + LENGTH]
        for k in range(record + HEADER, record + HEADER + length - 1):
            slot = slot_of(table, bits, SCAN, pair_of(records[k], records[k + 1]))
            if table[slot] != EMPTY and table[slot + 2] >= 0 and table[slot + 3] != record:
                table[slot + 3] = record
                pool[table[slot + 2]] = record
                table[slot + 2] += 1
        job[AT] = record + HEADER + records[record + ROOM]
        spent += length + HEADER
        if spent > job[BUDGET]:
            return PAUSED
    return DONE
