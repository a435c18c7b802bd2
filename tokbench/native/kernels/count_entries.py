"""The loops as Python calls them: each takes the address of a job, which layout.py describes."""

from __future__ import annotations

from tokbench.native.kernels.count_abi import (
    ACTIONS,
    ARENA,
    ARENA_SIZE,
    ARENA_USED,
    BLANKS,
    CLASSES,
    END,
    FLAGS,
    GPT2,
    KEYS,
    KIND,
    LOW,
    LOW_MAP,
    MOST,
    NEED_BYTES,
    NEED_WORDS,
    OLD_BITS,
    OLD_SLOTS,
    OUT,
    PLACES,
    PREFIX,
    REFUSALS,
    REFUSED,
    RUNS,
    SEPARATOR,
    SLOT_BITS,
    SLOTS,
    SPANS,
    SPELLINGS,
    START,
    STRIP,
    TEXT,
    TEXTS,
    USED,
    WEIGHT_STEP,
    WEIGHTS,
    WORDS,
    WRITTEN,
)
from tokbench.native.kernels.count_split import (
    BLANK_BYTE,
    TextPage,
    mark,
    mark_gpt2,
    split_gpt2,
    split_pattern,
    split_runs,
)
from tokbench.native.kernels.count_table import Spans, Table, add_spans, move
from tokbench.native.kernels.count_text import Rewriting, is_utf8, rewrite_text, sieve_lines, text_end
from tokbench.native.kernels.simd import Pointer, Whole, as_bytes, as_places, as_words, inner


def count(job: Pointer) -> int:
    """Count the words of a block, strip by strip; 1 when the table lacks room to go on, 0 when done."""
    page = TextPage(as_bytes(job[TEXT]), as_bytes(job[LOW]), as_bytes(job[CLASSES]), as_bytes(job[FLAGS]))
    while job[START] < job[END]:
        start, end = job[START], _strip_end(page.text, job)
        mark(page, start, end)
        number = _split(page, as_places(job[SPANS]), job, end)
        if not _has_room(job, number, end - start):
            return 1
        add_spans(_table(job), page.text, _spans(job, number))
        job[WORDS] += number
        job[START] = end
    return 0


def add(job: Pointer) -> int:
    """Count as many spans as END says, each by its weight; 1 when the table lacks room, 0 when done."""
    if not _has_room(job, job[END], job[NEED_BYTES]):
        return 1
    add_spans(_table(job), as_bytes(job[TEXT]), _spans(job, job[END]))
    job[WORDS] += job[END]
    return 0


def grow(job: Pointer) -> int:
    """Move all words from the old slots to the new ones."""
    move(as_words(job[OLD_SLOTS]), job[OLD_BITS], as_words(job[SLOTS]), job[SLOT_BITS])
    return 0


@inner
def _table(job: Pointer) -> Table:
    """The table of this job."""
    return Table(as_words(job[SLOTS]), job[SLOT_BITS], as_bytes(job[ARENA]), as_words(job[KEYS]), job)


@inner
def _spans(job: Pointer, number: int) -> Spans:
    """The spans of this job."""
    return Spans(as_places(job[SPANS]), number, as_words(job[WEIGHTS]), job[WEIGHT_STEP])


@inner
def _has_room(job: Pointer, words: int, utf8_bytes: int) -> Whole:
    """Whether so many words would leave half of the slots free and fit in the arena; the job then says so."""
    job[NEED_WORDS], job[NEED_BYTES] = words, utf8_bytes
    slots = job[USED] + words <= 1 << job[SLOT_BITS] >> 1
    return slots and job[ARENA_USED] + utf8_bytes <= job[ARENA_SIZE]


@inner
def _strip_end(text: Pointer, job: Pointer) -> Whole:
    """The end of the first text that ends beyond a strip's size."""
    return min(job[END], text_end(text, job[START] + STRIP, job[END], job[SEPARATOR]) + 1)


@inner
def _split(page: TextPage, spans: Pointer, job: Pointer, end: int) -> int:
    """Write the spans of a strip's words; how many."""
    if job[KIND] == GPT2:
        mark_gpt2(page, job[START], end)
        return split_gpt2(page, spans, job[START], end)
    if job[KIND] == RUNS:
        return split_runs(page, spans, job[START], end)
    return split_pattern(page, spans, job, end)


def sieve(job: Pointer) -> int:
    """Write the lines of a block that are not blank; 1 when it is no UTF-8 or a line is too long, else 0."""
    text, end = as_bytes(job[TEXT]), job[END]
    if not is_utf8(text, end):
        return 1
    job[TEXTS], job[BLANKS], job[WRITTEN] = sieve_lines(text, end, as_bytes(job[OUT]), job[MOST])
    return 1 if job[TEXTS] < 0 else 0


def rewrite(job: Pointer) -> int:
    """Write the new form of every text, and note which have none."""
    text, out, refused = as_bytes(job[TEXT]), as_bytes(job[OUT]), as_places(job[REFUSED])
    low, actions, spellings = as_bytes(job[LOW_MAP]), as_bytes(job[ACTIONS]), as_bytes(job[SPELLINGS])
    how = Rewriting(text, out, low, actions, as_places(job[PLACES]), spellings, job[SEPARATOR])
    start, to = job[START], job[START]
    while start < job[END]:
        end = text_end(text, start, job[END], how.separator)
        stop = rewrite_text(how, start, end, to + job[PREFIX])
        if stop < 0:
            refused[2 * job[REFUSALS]], refused[2 * job[REFUSALS] + 1] = start, end
            job[REFUSALS] += 1
        elif stop > to + job[PREFIX]:
            to = _close(out, to, stop, job)
        start = end + 1
    job[WRITTEN] = to
    return 0


@inner
def _close(out: Pointer, begun: Whole, stop: Whole, job: Pointer) -> Whole:
    """End a text, and begin it with the blank it needs: a second one is made an empty text of its own."""
    if job[PREFIX]:
        out[begun] = job[SEPARATOR] if out[begun + 1] == BLANK_BYTE else BLANK_BYTE
    out[stop] = job[SEPARATOR]
    return stop + 1
