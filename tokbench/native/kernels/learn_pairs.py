"""Pairs of symbols: their counts in a table, their order in a heap, and the texts of the tokens they make.

The table is one of open addressing, with a power of two of slots, at most half of them in use; the heap has
four children a node, its first item the most frequent pair, of equals the one with the lowest ids.
Words are records of symbols, which a scan reads once to count pairs and once more to note where they stand.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.extending import intrinsic

from tokbench.native.kernels import learn_abi as abi
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
    while table[slot * width] != pair and table[slot * width] != abi.EMPTY:
        slot = (slot + 1) & mask
    return slot * width


@inner
def wants(job: Pointer, array: int, size: int) -> int:
    """Ask for room in an array."""
    job[abi.WANTED] = array
    job[abi.WANTED_SIZE] = size
    return abi.GROW


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
    number = job[abi.HEAP_USED]
    job[abi.HEAP_USED] = number + 1
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
    used, number = job[abi.HEAP_USED], 0
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
    job[abi.HEAP_USED] -= 1
    last = job[abi.HEAP_USED] * ITEM
    if job[abi.HEAP_USED]:
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
    number = job[abi.TOKENS]
    start = names.starts[number]
    end = _copy(names, left, 0, start)
    skipped, prefix = 0, job[abi.PREFIX]
    size = names.starts[right + 1] - names.starts[right]
    if size >= prefix and bytes_equal(names.text, names.starts[right], names.affix, 0, prefix):
        skipped = prefix
    end = _copy(names, right, skipped, end)
    names.starts[number + 1] = end
    found = token_with_text(job, names, number)
    if found == number:
        names.lengths[number] = _length(job, names, start, end)
        names.kinds[number] = abi.UNSEEN
        job[abi.LONGEST_BYTES] = max(job[abi.LONGEST_BYTES], end - start)
        job[abi.TOKENS] = number + 1
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
    bits = job[abi.NAMES_BITS]
    slot = int(np.int64((value * SPREAD) >> (WORD - np.uint64(bits))))
    while names.table[slot] != abi.EMPTY:
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
    prefix, suffix = job[abi.PREFIX], job[abi.SUFFIX]
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
    return int(np.int64(records[record + abi.HIGH]) << 32 | np.int64(records[record + abi.LOW]) & LOW_HALF)


@not_inlined
def write(job: Pointer) -> int:
    """Write words with two symbols or more as records; AT counts words, END numbers in RECORDS."""
    spans, weights, records = (
        as_numbers(job[abi.SPANS]),
        as_numbers(job[abi.WEIGHTS]),
        as_places(job[abi.RECORDS]),
    )
    spent = 0
    while job[abi.AT] < job[abi.WEIGHTS + 1]:
        word, record = job[abi.AT], job[abi.END]
        start, end = spans[2 * word], spans[2 * word + 1]
        spent += end - start
        length = _write(job, start, end, record + abi.HEADER)
        if length > 1 and weights[word] > 0:
            records[record + abi.ROOM] = length
            records[record + abi.LENGTH] = length
            records[record + abi.LOW] = np.int32(weights[word] & LOW_HALF)
            records[record + abi.HIGH] = np.int32(weights[word] >> 32)
            job[abi.END] = record + abi.HEADER + length
        job[abi.AT] = word + 1
        if spent > job[abi.BUDGET]:
            return abi.PAUSED
    return abi.DONE


@not_inlined
def _write(job: Pointer, start: int, end: int, to: int) -> int:
    """Write the symbols of a word; how many there are, for a character without a token is left out."""
    records, symbols = as_places(job[abi.RECORDS]), as_places(job[abi.SYMBOLS])
    narrow, wide = as_bytes(job[abi.CODES]), as_places(job[abi.CODES])
    length = 0
    for k in range(start, end):
        place = abi.MIDDLE
        if k == start:
            place = abi.ALONE if k + 1 == end else abi.BEGINNING
        elif k + 1 == end:
            place = abi.LAST
        code = np.int64(wide[k]) if job[abi.WIDE] else np.int64(narrow[k])
        symbol = symbols[code * 4 + place]
        if symbol != abi.NO_TOKEN:
            records[to + length] = symbol
            length += 1
    return length


@not_inlined
def scan(job: Pointer) -> int:
    """Count all pairs in the records, and the records that each is in."""
    records, bits = as_places(job[abi.RECORDS]), job[abi.SCANNED_BITS]
    spent = 0
    while job[abi.AT] < job[abi.END]:
        record = job[abi.AT]
        length = records[record + abi.LENGTH]
        if job[abi.SCANNED_USED] + length > 1 << bits >> 1:
            return wants(job, abi.SCANNED, job[abi.SCANNED_USED] + length)
        _scan(job, records, record)
        job[abi.AT] = record + abi.HEADER + records[record + abi.ROOM]
        spent += length + abi.HEADER
        if spent > job[abi.BUDGET]:
            return abi.PAUSED
    return abi.DONE


@inner
def _scan(job: Pointer, records: Pointer, record: int) -> None:
    """Count the pairs in one record."""
    table, bits, weight = as_numbers(job[abi.SCANNED]), job[abi.SCANNED_BITS], weight_of(records, record)
    lengths, kinds, longest = as_places(job[abi.LENGTHS]), as_bytes(job[abi.KINDS]), job[abi.LONGEST]
    used = 0
    for k in range(record + abi.HEADER, record + abi.HEADER + records[record + abi.LENGTH] - 1):
        left, right = records[k], records[k + 1]
        begun = kinds[left] == abi.FIRST and kinds[right] == abi.FIRST  # those count whatever their length
        if not begun and lengths[left] + lengths[right] >= longest:
            continue
        pair = pair_of(left, right)
        slot = slot_of(table, bits, abi.SCAN, pair)
        if table[slot] == abi.EMPTY:
            table[slot] = pair
            table[slot + 1] = 0
            table[slot + 2] = 0
            table[slot + 3] = -1
            used += 1
        table[slot + 1] += weight
        if table[slot + 3] != record:
            table[slot + 3] = record
            table[slot + 2] += 1
    job[abi.SCANNED_USED] += used


@not_inlined
def place(job: Pointer) -> int:
    """Write each record in the pool, once for every pair in it that is kept."""
    records, table, bits = as_places(job[abi.RECORDS]), as_numbers(job[abi.SCANNED]), job[abi.SCANNED_BITS]
    pool = as_places(job[abi.POOL])
    spent = 0
    while job[abi.AT] < job[abi.END]:
        record = job[abi.AT]
        length = records[record + abi.LENGTH]
        for k in range(record + abi.HEADER, record + abi.HEADER + length - 1):
            slot = slot_of(table, bits, abi.SCAN, pair_of(records[k], records[k + 1]))
            if table[slot] != abi.EMPTY and table[slot + 2] >= 0 and table[slot + 3] != record:
                table[slot + 3] = record
                pool[table[slot + 2]] = record
                table[slot + 2] += 1
        job[abi.AT] = record + abi.HEADER + records[record + abi.ROOM]
        spent += length + abi.HEADER
        if spent > job[abi.BUDGET]:
            return abi.PAUSED
    return abi.DONE
