"""Encoding of blocks: the entry points that Python calls with the address of a job (encode_abi.py).

Each different word of a block has a number, in the order in which words are met: spans are looked up in the
table of words, and new words are made into ids once (encode_models.py). A text's ids are then those of its
words' numbers, one after the other. Texts that hold an added token are found beforehand, by the first two
bytes of the tokens, and left out.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tokbench.native.kernels import count_abi, encode_models
from tokbench.native.kernels import encode_abi as abi
from tokbench.native.kernels.count_split import BLANK_BYTE, TextPage, mark, split_strip
from tokbench.native.kernels.count_table import (
    LENGTH,
    NONE,
    ONE,
    SHORT,
    Table,
    has_room,
    insert,
    same_word,
    write_key,
)
from tokbench.native.kernels.count_text import Rewriting, rewrite_text, text_end
from tokbench.native.kernels.encode_models import whole
from tokbench.native.kernels.learn_pairs import as_numbers
from tokbench.native.kernels.simd import (
    Pointer,
    Whole,
    as_bytes,
    as_places,
    as_words,
    equal,
    inner,
    lowest,
    not_inlined,
)


@inner
def number_words(job: Pointer, table: Pointer) -> int:
    """Number the words of a block, strip by strip; 1 when the table lacks room to go on, 0 when done."""
    page = TextPage(
        as_bytes(table[count_abi.TEXT]),
        as_bytes(table[count_abi.LOW]),
        as_bytes(table[count_abi.CLASSES]),
        as_bytes(table[count_abi.FLAGS]),
    )
    spans = as_places(table[count_abi.SPANS])
    while table[count_abi.START] < table[count_abi.END]:
        start, last = table[count_abi.START], table[count_abi.END]
        end = min(last, text_end(page.text, start + count_abi.STRIP, last, table[count_abi.SEPARATOR]) + 1)
        mark(page, start, end)
        found = split_strip(page, spans, table, end)
        if not has_room(table, found, end - start):
            return 1
        _look_up(job, table, page.text, found)
        _close_texts(job, spans, found, end)
        job[abi.WORDS] += found
        table[count_abi.START] = end
    return 0


@inner
def _look_up(job: Pointer, fields: Pointer, text: Pointer, found: int) -> None:
    """Write the numbers of a strip's words."""
    spans, numbers = as_places(fields[count_abi.SPANS]), as_places(job[abi.NUMBERS])
    slots, arena, keys = (
        as_words(fields[count_abi.SLOTS]),
        as_bytes(fields[count_abi.ARENA]),
        as_words(fields[count_abi.KEYS]),
    )
    table = Table(slots, fields[count_abi.SLOT_BITS], arena, keys, fields)
    to = job[abi.WORDS]
    for first in range(0, found, count_abi.BATCH):
        last = min(first + count_abi.BATCH, found)
        for word in range(first, last):
            start = spans[2 * word]
            write_key(table, text, start, spans[2 * word + 1] - start, count_abi.SLOT * (word - first))
        for word in range(first, last):
            numbers[to + word] = _number(job, table, text, spans[2 * word], count_abi.SLOT * (word - first))


@inner
def _number(job: Pointer, table: Table, text: Pointer, start: int, key: int) -> Whole:
    """The word's number; a new one takes the first empty slot and the next number."""
    low, high, length = table.keys[key], table.keys[key + 1], table.keys[key + 2]
    place = table.keys[key + 3]
    last = (ONE << np.uint64(table.bits)) - ONE
    while True:
        slot = count_abi.SLOT * whole(place)
        packed = table.slots[slot + 2]
        if packed == NONE:
            number = table.job[count_abi.USED]
            insert(table, text, start, slot, key)
            table.slots[slot + 3] = np.uint64(number)
            as_places(job[abi.NEW_LENGTHS])[job[abi.NEW]] = whole(length)
            job[abi.NEW] += 1
            return number
        if table.slots[slot] == low and table.slots[slot + 1] == high and packed & LENGTH == length:
            arena = whole(packed >> np.uint64(count_abi.LENGTH_BITS))
            if length <= SHORT or same_word(table, text, start, arena, whole(length)):
                return whole(table.slots[slot + 3])
        place = (place + ONE) & last


@inner
def _close_texts(job: Pointer, spans: Pointer, found: int, end: int) -> None:
    """Note how many words there are up to the end of each text that ends in this strip."""
    ends, word_ends = as_places(job[abi.ENDS]), as_places(job[abi.WORD_ENDS])
    word, number = 0, job[abi.TEXT_AT]
    while number < job[abi.TEXTS] and ends[number + 1] < end:
        while word < found and spans[2 * word] < ends[number + 1]:
            word += 1
        word_ends[number + 1] = job[abi.WORDS] + word
        number += 1
    job[abi.TEXT_AT] = number


class AddedTokenTable(NamedTuple):
    """What to look for, sorted: the bytes, where each ends, which is the first to begin with two bytes."""

    utf8: Pointer
    ends: Pointer
    number: int
    heads: Pointer
    firsts: Pointer
    first_count: int


@inner
def mark_text_ends(job: Pointer, table: Pointer) -> None:
    """Write down where the texts end; each is followed by the separator."""
    text, ends = as_bytes(table[count_abi.TEXT]), as_places(job[abi.ENDS])
    begin = 0
    for number in range(job[abi.TEXTS]):
        end = text_end(text, begin, table[count_abi.END], table[count_abi.SEPARATOR])
        ends[number + 1] = end
        begin = end + 1


@inner
def find_added_tokens(job: Pointer, table: Pointer) -> None:
    """Note which texts hold a added token, and make them empty."""
    text, ends, states = as_bytes(table[count_abi.TEXT]), as_places(job[abi.ENDS]), as_bytes(job[abi.STATES])
    tokens = AddedTokenTable(
        as_bytes(job[abi.ADDED]),
        as_places(job[abi.ADDED_ENDS]),
        job[abi.ADDED_COUNT],
        as_places(job[abi.HEADS]),
        as_bytes(job[abi.FIRSTS]),
        job[abi.FIRST_COUNT],
    )
    for number in range(job[abi.TEXTS]):
        begin, end = ends[number] + 1, ends[number + 1]
        if states[number] == abi.PLAIN and _has_added_token(tokens, text, begin, end):
            states[number] = abi.MATCHED
            for place in range(begin, end):
                text[place] = table[count_abi.SEPARATOR]


@inner
def _has_added_token(tokens: AddedTokenTable, text: Pointer, begin: int, end: int) -> Whole:
    """Whether a added token stands between begin and end."""
    if tokens.first_count > abi.FEW:
        for place in range(begin, end):  # noqa: SIM110  numba has no any()
            if _is_added_token(tokens, text, place, end):
                return True
        return False
    for place in range(begin, end, 64):
        found = NONE
        for k in range(tokens.first_count):
            found |= equal(text, place, tokens.firsts[k])
        while found != NONE:
            if _is_added_token(tokens, text, place + lowest(found), end):
                return True
            found &= found - ONE
    return False


@inner
def _is_added_token(tokens: AddedTokenTable, text: Pointer, place: int, end: int) -> Whole:
    """Whether a added token begins here and ends before the text does."""
    number = tokens.heads[whole(text[place]) << 8 | whole(text[place + 1])]
    return number != abi.EMPTY and place < end and _is_one_of(tokens, number, text, place, end)


@not_inlined
def _is_one_of(tokens: AddedTokenTable, number: int, text: Pointer, place: int, end: int) -> bool:
    """Whether this added token, or one after it that begins with the same byte, stands here."""
    while number < tokens.number:
        begin = tokens.ends[number]
        size = tokens.ends[number + 1] - begin
        if tokens.utf8[begin] > text[place]:
            return False
        same = place + size <= end
        k = 0
        while same and k < size:
            same = tokens.utf8[begin + k] == text[place + k]
            k += 1
        if same:
            return True
        number += 1
    return False


@inner
def rewrite_texts(job: Pointer, table: Pointer) -> None:
    """Write the new form of every text that is still plain; the others become empty."""
    text, out, ends = (
        as_bytes(table[count_abi.TEXT]),
        as_bytes(table[count_abi.OUT]),
        as_places(job[abi.ENDS]),
    )
    low, actions = as_bytes(table[count_abi.LOW_MAP]), as_bytes(table[count_abi.ACTIONS])
    places, spellings = as_places(table[count_abi.PLACES]), as_bytes(table[count_abi.SPELLINGS])
    states = as_bytes(job[abi.STATES])
    how = Rewriting(text, out, low, actions, places, spellings, table[count_abi.SEPARATOR])
    begin, to = 0, 0
    for number in range(job[abi.TEXTS]):
        end, stop = whole(ends[number + 1]), to
        if states[number] == abi.PLAIN and begin < end:
            stop = _rewritten(how, begin, end, to, table[count_abi.PREFIX])
            if stop < 0:
                states[number], stop = abi.REFUSED, to
        out[stop] = how.separator
        ends[number + 1] = stop
        begin, to = end + 1, stop + 1
    table[count_abi.WRITTEN] = to


@inner
def _rewritten(how: Rewriting, begin: int, end: int, to: int, prefix: int) -> Whole:
    """Write one text; return where it ends, or -1 if it refuses.

    A separator in it parts words that a step before has cut: each part is written for itself.
    """
    start, at = whole(begin), whole(to)
    while start < end and at >= 0:
        last = text_end(how.text, start, end, how.separator)
        at = _part(how, start, last, at, prefix)
        if at >= 0 and last < end:
            how.out[at] = how.separator
            at += 1
        start = last + 1
    return at


@inner
def _part(how: Rewriting, begin: int, end: int, to: int, prefix: int) -> Whole:
    """Write what no separator parts, with a blank before it if it needs one; where that ends, or -1."""
    room = min(prefix, 1)
    stop = rewrite_text(how, begin, end, to + room)
    if stop == to + room:
        return to
    if room and stop > 0:  # a second blank is made an empty text of its own
        spare = prefix == count_abi.NEEDED and how.out[to + 1] == BLANK_BYTE
        how.out[to] = how.separator if spare else BLANK_BYTE
    return stop


LOW_BITS = np.uint64((1 << abi.COUNT_BITS) - 1)


@inner
def write_ids(job: Pointer) -> int:
    """Write the ids of all plain texts; 1 when there is no room for the next one, 0 when done."""
    states, counts = as_bytes(job[abi.STATES]), as_places(job[abi.COUNTS])
    while job[abi.TEXT_AT] < job[abi.TEXTS]:
        text, begin = job[abi.TEXT_AT], job[abi.WRITTEN]
        if states[text] == abi.PLAIN:
            end = _write_text(job, text)
            if end < 0:
                return 1
            job[abi.WRITTEN] = end
        counts[text] = job[abi.WRITTEN] - begin
        job[abi.TEXT_AT] = text + 1
    return 0


@inner
def _write_text(job: Pointer, text: int) -> Whole:
    """Write the ids of one text; where they end, or -1 if they do not fit."""
    out, to, room = (
        as_places(job[abi.OUT]),
        job[abi.WRITTEN],
        job[abi.OUT_SIZE] - abi.SLACK - job[abi.AFTER_COUNT],
    )
    numbers, places, pool = as_places(job[abi.NUMBERS]), as_words(job[abi.PLACES]), as_places(job[abi.POOL])
    word_ends, before, after = (
        as_places(job[abi.WORD_ENDS]),
        as_places(job[abi.BEFORE]),
        as_places(job[abi.AFTER]),
    )
    if to + job[abi.BEFORE_COUNT] > room:
        return -1
    for k in range(job[abi.BEFORE_COUNT]):
        out[to + k] = before[k]
    to += job[abi.BEFORE_COUNT]
    for word in range(word_ends[text], word_ends[text + 1]):
        packed = places[numbers[word]]
        place, number = whole(packed >> np.uint64(abi.COUNT_BITS)), whole(packed & LOW_BITS)
        if to + number > room:
            return -1
        for k in range(abi.SLACK):  # mostly enough, and without a branch
            out[to + k] = pool[place + k]
        for k in range(abi.SLACK, number):
            out[to + k] = pool[place + k]
        to += number
    for k in range(job[abi.AFTER_COUNT]):
        out[to + k] = after[k]
    to += job[abi.AFTER_COUNT]
    return to


def part(job: Pointer) -> int:
    """Write down where the texts of a block end."""
    mark_text_ends(job, as_numbers(job[abi.TABLE]))
    return 0


def search(job: Pointer) -> int:
    """Note which texts hold a token that is matched whole."""
    find_added_tokens(job, as_numbers(job[abi.TABLE]))
    return 0


def rewrite(job: Pointer) -> int:
    """Write the new form of every text."""
    rewrite_texts(job, as_numbers(job[abi.TABLE]))
    return 0


def number(job: Pointer) -> int:
    """Number the words of a block; 1 when the table lacks room to go on, 0 when done."""
    return number_words(job, as_numbers(job[abi.TABLE]))


def write(job: Pointer) -> int:
    """Write the ids of a block; 1 when there is no room for them, 0 when done."""
    return write_ids(job)


def enter(job: Pointer) -> int:
    """Fill the table of merges."""
    encode_models.enter_merges(job)
    return 0


def plant(job: Pointer) -> int:
    """Fill the trie of tokens."""
    encode_models.build_trie(job)
    return 0


def merge(job: Pointer) -> int:
    """Make ids of new words by BPE."""
    encode_models.merge_all(job)
    return 0


def cut(job: Pointer) -> int:
    """Make ids of new words by WordPiece."""
    encode_models.cut_all(job)
    return 0
