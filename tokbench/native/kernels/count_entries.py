"""Counting: the entry points that Python calls with the address of a job (count_abi.py).

A block is worked at in strips that fit in the nearest cache: bytes to flags, flags to spans of words, spans
into the table of words. When the table lacks room a loop returns 1, is given more, and goes on where it was.
"""

from __future__ import annotations

from tokbench.native.kernels import count_abi as abi
from tokbench.native.kernels.count_split import BLANK_BYTE, TextPage, mark, split_strip
from tokbench.native.kernels.count_table import Spans, Table, add_spans, has_room, move
from tokbench.native.kernels.count_text import Rewriting, is_utf8, rewrite_text, sieve_lines, text_end
from tokbench.native.kernels.simd import Pointer, Whole, as_bytes, as_places, as_words, inner


def count(job: Pointer) -> int:
    """Count the words of a block, strip by strip; 1 when the table lacks room to go on, 0 when done."""
    page = TextPage(
        as_bytes(job[abi.TEXT]), as_bytes(job[abi.LOW]), as_bytes(job[abi.CLASSES]), as_bytes(job[abi.FLAGS])
    )
    while job[abi.START] < job[abi.END]:
        start, end = job[abi.START], _strip_end(page.text, job)
        mark(page, start, end)
        number = split_strip(page, as_places(job[abi.SPANS]), job, end)
        if not has_room(job, number, end - start):
            return 1
        add_spans(_table(job), page.text, _spans(job, number))
        job[abi.WORDS] += number
        job[abi.START] = end
    return 0


def add(job: Pointer) -> int:
    """Count as many spans as END says, each by its weight; 1 when the table lacks room, 0 when done."""
    if not has_room(job, job[abi.END], job[abi.NEED_BYTES]):
        return 1
    add_spans(_table(job), as_bytes(job[abi.TEXT]), _spans(job, job[abi.END]))
    job[abi.WORDS] += job[abi.END]
    return 0


def grow(job: Pointer) -> int:
    """Move all words from the old slots to the new ones."""
    move(as_words(job[abi.OLD_SLOTS]), job[abi.OLD_BITS], as_words(job[abi.SLOTS]), job[abi.SLOT_BITS])
    return 0


@inner
def _table(job: Pointer) -> Table:
    """The table of this job."""
    return Table(
        as_words(job[abi.SLOTS]), job[abi.SLOT_BITS], as_bytes(job[abi.ARENA]), as_words(job[abi.KEYS]), job
    )


@inner
def _spans(job: Pointer, number: int) -> Spans:
    """The spans of this job."""
    return Spans(as_places(job[abi.SPANS]), number, as_words(job[abi.WEIGHTS]), job[abi.WEIGHT_STEP])


@inner
def _strip_end(text: Pointer, job: Pointer) -> Whole:
    """The end of the first text that ends beyond a strip's size."""
    return min(job[abi.END], text_end(text, job[abi.START] + abi.STRIP, job[abi.END], job[abi.SEPARATOR]) + 1)


def sieve(job: Pointer) -> int:
    """Write the lines of a block that are not blank; 1 when it is no UTF-8 or a line is too long, else 0."""
    text, end = as_bytes(job[abi.TEXT]), job[abi.END]
    if not is_utf8(text, end):
        return 1
    job[abi.TEXTS], job[abi.BLANKS], job[abi.WRITTEN] = sieve_lines(
        text, end, as_bytes(job[abi.OUT]), job[abi.MOST]
    )
    return 1 if job[abi.TEXTS] < 0 else 0


def rewrite(job: Pointer) -> int:
    """Write the new form of every text, and note which have none."""
    text, out, refused = as_bytes(job[abi.TEXT]), as_bytes(job[abi.OUT]), as_places(job[abi.REFUSED])
    low, actions, spellings = (
        as_bytes(job[abi.LOW_MAP]),
        as_bytes(job[abi.ACTIONS]),
        as_bytes(job[abi.SPELLINGS]),
    )
    how = Rewriting(text, out, low, actions, as_places(job[abi.PLACES]), spellings, job[abi.SEPARATOR])
    start, to = job[abi.START], job[abi.START]
    while start < job[abi.END]:
        end = text_end(text, start, job[abi.END], how.separator)
        stop = rewrite_text(how, start, end, to + job[abi.PREFIX])
        if stop < 0:
            refused[2 * job[abi.REFUSALS]], refused[2 * job[abi.REFUSALS] + 1] = start, end
            job[abi.REFUSALS] += 1
        elif stop > to + job[abi.PREFIX]:
            to = _close(out, to, stop, job)
        start = end + 1
    job[abi.WRITTEN] = to
    return 0


@inner
def _close(out: Pointer, begun: Whole, stop: Whole, job: Pointer) -> Whole:
    """End a text, and begin it with the blank it needs: a second one is made an empty text of its own."""
    if job[abi.PREFIX]:
        out[begun] = job[abi.SEPARATOR] if out[begun + 1] == BLANK_BYTE else BLANK_BYTE
    out[stop] = job[abi.SEPARATOR]
    return stop + 1
