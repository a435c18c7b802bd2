"""Words to records, and records to pairs: done before merging, and pairs again when the threshold falls."""

from __future__ import annotations

import numpy as np

from tokbench.training.kernels.memory import Pointer, apart, as_bytes, as_places, inner
from tokbench.training.merging.cells import as_numbers, pair_of, slot_of, wants
from tokbench.training.merging.layout import (
    ALONE,
    AT,
    BEGINNING,
    BUDGET,
    CODES,
    DONE,
    EMPTY,
    END,
    FIRST,
    HEADER,
    HIGH,
    KINDS,
    LAST,
    LENGTH,
    LENGTHS,
    LONGEST,
    LOW,
    MIDDLE,
    NO_TOKEN,
    PAUSED,
    POOL,
    RECORDS,
    ROOM,
    SCAN,
    SCANNED,
    SCANNED_BITS,
    SCANNED_USED,
    SPANS,
    SYMBOLS,
    WEIGHTS,
    WIDE,
)

LOW_HALF = 0xFFFFFFFF


@inner
def weight_of(records: Pointer, record: int) -> int:
    """How often the word of this record occurs."""
    return int(np.int64(records[record + HIGH]) << 32 | np.int64(records[record + LOW]) & LOW_HALF)


@apart
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


@apart
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


@apart
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


@apart
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
