"""Word counts of texts by the compiled loops: texts in blocks, a table a thread, the words in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from queue import SimpleQueue
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from tokbench.corpus.decoding import half_character
from tokbench.corpus.lines import LIMIT, Sieve, Sieved
from tokbench.errors import DataError
from tokbench.native.compiler import Loop, loops
from tokbench.native.kernels import count_abi
from tokbench.progress import Progress, silent

if TYPE_CHECKING:
    from tokbench.native.scanner import Rewriter, Scanner

Numbers = NDArray[np.int64]


def order_words(arena: NDArray[np.uint8], places: Numbers, counts: Numbers) -> Numbers:
    """The numbers of the words, the most frequent first, equally frequent ones by their bytes."""
    return sort_words(arena, places, -counts)[0]


def sort_words(arena: NDArray[np.uint8], places: Numbers, group: Numbers) -> tuple[Numbers, Numbers]:
    """The numbers of the words sorted by group and then by bytes, and groups that only equal words share.

    A radix sort: each round goes by eight bytes, read as one number, and by how many of them the word has;
    only words still tied take part in the next.
    """
    order: Numbers = np.argsort(group, kind="stable")
    group, starts, lengths = group[order], places[:, 0], places[:, 1] - places[:, 0]
    padded = np.append(arena, np.zeros(8, np.uint8))
    numbers = np.ndarray(len(arena) + 1, ">u8", padded, strides=(1,))  # eight bytes from each byte on
    at, begun = np.flatnonzero(_tied(group)), 0
    while len(at):
        left = np.clip(lengths[order[at]] - begun, 0, 9)
        unused = 8 * (8 - np.clip(left, 1, 8)).astype(np.uint64)
        heads = numbers[starts[order[at]] + begun].astype(np.uint64) >> unused << unused
        heads[left == 0] = 0
        sort = np.lexsort((left, heads, group[at]))
        order[at], left, heads, old = order[at][sort], left[sort], heads[sort], group[at][sort]
        new = (np.diff(old) != 0) | (np.diff(heads) != 0) | (np.diff(left) != 0)
        group[at] = np.cumsum(np.append(True, new)) + int(group.max())
        at = at[_tied(group[at]) & (left > 8)]
        begun += 8
    return order, group


def _tied(group: Numbers) -> NDArray[np.bool_]:
    """Which positions share their group with a neighbour."""
    same = group[1:] == group[:-1]
    tied: NDArray[np.bool_] = np.append(same, False) | np.append(False, same)
    return tied


NUL, CR = 0, ord("\r")


def compiled_sieve(*, progress: Progress = silent) -> Sieve:
    """What takes blank lines out of blocks, some ten times as fast as Python; not to be shared by threads."""
    loop = loops("count", progress=progress)["sieve"]
    job = np.zeros(count_abi.FIELDS, np.int64)
    job[count_abi.MOST] = LIMIT
    text, out = _room(0), _room(0)

    def sieve(block: bytes) -> Sieved | None:
        nonlocal text, out
        if NUL in block or CR in block:
            return None
        size = len(block)
        if len(text) < size + count_abi.PADDING:
            text, out = _room(size), _room(size)
            job[count_abi.TEXT], job[count_abi.OUT] = text.ctypes.data, out.ctypes.data
        text[:size] = np.frombuffer(block, np.uint8)
        text[size : size + count_abi.PADDING] = 0
        job[count_abi.END] = size
        if loop(job.ctypes.data):
            return None
        texts, blank = int(job[count_abi.TEXTS]), int(job[count_abi.BLANKS])
        return Sieved(out[: job[count_abi.WRITTEN]].tobytes() if blank else block, texts, blank)

    return sieve


def _room(size: int) -> NDArray[np.uint8]:
    """Bytes for a block of this size and its padding."""
    return np.zeros(size + size // 4 + count_abi.PADDING, np.uint8)


Worker = TypeVar("Worker")
Item = TypeVar("Item")
Result = TypeVar("Result")


def map_threads(
    workers: Sequence[Worker], work: Callable[[Worker, Item], Result], items: Iterable[Item]
) -> Iterator[Result]:
    """What the workers make of these items; few wait, so little is held.

    A single worker, too, has a thread of its own, so that the next item is read meanwhile. On an error or
    Ctrl-C what waits is given up.

    >>> list(map_threads([1, 1], lambda worker, item: worker + item, [1, 2, 3]))
    [2, 3, 4]
    """
    free: SimpleQueue[Worker] = SimpleQueue()
    for worker in workers:
        free.put(worker)

    def take(item: Item) -> Result:
        worker = free.get()
        try:
            return work(worker, item)
        finally:
            free.put(worker)

    pool = ThreadPoolExecutor(len(workers))
    try:
        waiting: deque[Future[Result]] = deque()
        for item in items:
            waiting.append(pool.submit(take, item))
            if len(waiting) > len(workers):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


FIRST_BITS = 14
FIRST_ARENA = 1 << 18


class WordTable:
    """Words and their counts, as large as the different words need; not to be shared by threads."""

    def __init__(self, loops: Mapping[str, Loop]) -> None:
        self._loops = loops
        self.job = np.zeros(count_abi.FIELDS, np.int64)
        self._keys = np.zeros(count_abi.SLOT * count_abi.BATCH, np.uint64)
        self._ones = np.ones(1, np.uint64)
        self._arena = np.zeros(0, np.uint8)
        self._take_slots(FIRST_BITS)
        self._take_arena(FIRST_ARENA)
        self.point(count_abi.KEYS, self._keys)
        self._count_once()

    def __len__(self) -> int:
        """How many different words there are."""
        return int(self.job[count_abi.USED])

    @property
    def total(self) -> int:
        """How many words were counted."""
        return int(self._slots[:, 3].sum())

    def point(self, field: int, array: NDArray[np.generic], offset: int = 0) -> None:
        """Write the address of an array into the job; the caller keeps the array alive."""
        self.job[field] = array.ctypes.data + offset

    def run(self, loop: Loop) -> None:
        """Run a loop on the job to its end, growing the table whenever it says so."""
        while loop(self.job.ctypes.data):
            self._make_room()

    def add(self, other: WordTable) -> None:
        """Count all words of another table as often as it did."""
        places, counts = other.words()
        spans = places.astype(np.int32)
        self.point(count_abi.SPANS, spans)
        self.point(count_abi.WEIGHTS, counts)
        self.job[count_abi.WEIGHT_STEP] = 1
        self.job[[count_abi.TEXT, count_abi.END]] = other._arena.ctypes.data, len(other)
        self.job[count_abi.NEED_BYTES] = other.job[count_abi.ARENA_USED]
        self.run(self._loops["add"])
        self._count_once()

    def words(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Start and end in the arena of every word, (words, 2), and how often it was counted; in no order."""
        used = self._slots[self._slots[:, 2] != 0]
        packed = used[:, 2]
        starts = packed >> np.uint64(count_abi.LENGTH_BITS)
        lengths = packed & np.uint64((1 << count_abi.LENGTH_BITS) - 1)
        return np.stack((starts, starts + lengths), axis=1).astype(np.int64), used[:, 3].astype(np.int64)

    @property
    def arena(self) -> NDArray[np.uint8]:
        """The bytes of all words."""
        return self._arena[: self.job[count_abi.ARENA_USED]]

    def _count_once(self) -> None:
        self.point(count_abi.WEIGHTS, self._ones)
        self.job[count_abi.WEIGHT_STEP] = 0

    def _make_room(self) -> None:
        """What the loop asked for, and twice what there is, so that all growing together costs little."""
        if self.job[count_abi.ARENA_USED] + self.job[count_abi.NEED_BYTES] > self.job[count_abi.ARENA_SIZE]:
            self._take_arena(2 * int(self.job[count_abi.ARENA_SIZE]) + int(self.job[count_abi.NEED_BYTES]))
        words = int(self.job[count_abi.USED] + self.job[count_abi.NEED_WORDS])
        bits = int(self.job[count_abi.SLOT_BITS])
        if 2 * words > 1 << bits:
            self.point(count_abi.OLD_SLOTS, self._slots)
            self.job[count_abi.OLD_BITS] = bits
            old = self._slots  # alive until the words have moved
            self._take_slots((2 * words - 1).bit_length())
            self._loops["grow"](self.job.ctypes.data)
            del old

    def _take_slots(self, bits: int) -> None:
        self._slots = np.zeros((1 << bits, count_abi.SLOT), np.uint64)
        self.point(count_abi.SLOTS, self._slots)
        self.job[count_abi.SLOT_BITS] = bits

    def _take_arena(self, size: int) -> None:
        arena = np.empty(size + count_abi.PADDING, np.uint8)
        used = self.job[count_abi.ARENA_USED]
        arena[:used] = self._arena[:used]
        self._arena = arena
        self.point(count_abi.ARENA, arena)
        self.job[count_abi.ARENA_SIZE] = size


BLOCK = 1 << 20  # bytes for one call of a loop, which Ctrl-C has to wait for
LONGEST = 1 << count_abi.LENGTH_BITS  # bytes of a word
LINE_FEED = b"\n"
NO_TEXT = b"\xff"  # a byte that UTF-8 never has


@dataclass(frozen=True)
class TextBlock:
    """Texts in UTF-8, each followed by the separator, which none of them holds."""

    utf8: bytes
    separator: bytes = LINE_FEED


TextBatch = list[str] | bytes  # texts, or their UTF-8 with a line feed after each


def texts_of(batch: TextBatch) -> list[str]:
    r"""The texts of a batch, whichever form it has.

    >>> texts_of(b"one\ntwo\n")
    ['one', 'two']
    """
    if not isinstance(batch, bytes):
        return batch
    return batch.decode().removesuffix("\n").split("\n") if batch else []


def text_blocks_of(batches: Iterable[TextBatch], *, longest: int | None = LONGEST) -> Iterator[TextBlock]:
    """Batches cut into blocks of about a MiB; a longer text is a block, DataError if beyond `longest`."""
    for batch in batches:
        if isinstance(batch, bytes):
            yield from _cut(TextBlock(batch if batch.endswith(LINE_FEED) else batch + LINE_FEED), longest)
        elif batch:
            yield from _cut(_joined(batch), longest)


def _joined(texts: list[str]) -> TextBlock:
    """These texts as one block."""
    whole = "\n".join(texts)
    try:
        if whole.count("\n") == len(texts) - 1:
            return TextBlock(whole.encode() + LINE_FEED)
        return TextBlock(NO_TEXT.join([text.encode() for text in texts]) + NO_TEXT, NO_TEXT)
    except UnicodeEncodeError as error:
        raise half_character(error) from error


def _cut(block: TextBlock, longest: int | None) -> Iterator[TextBlock]:
    """The block in parts of about a MiB, each of whole texts."""
    start, size = 0, len(block.utf8)
    while start < size:
        end = block.utf8.rfind(block.separator, start, start + BLOCK) + 1
        if end <= start:
            end = block.utf8.find(block.separator, start) + 1
        if longest is not None and end - start > longest:
            raise DataError(
                f"a text of {end - start:,} bytes is too long", fix="cut it: open_corpus does that by itself"
            )
        yield block if end - start == size else TextBlock(block.utf8[start:end], block.separator)
        start = end


class Counter:
    """A word table and the buffers to fill it; each thread has its own."""

    def __init__(self, scanner: Scanner, loops: Mapping[str, Loop]) -> None:
        self._scanner = scanner
        self._loops = loops
        self.table = WordTable(loops)
        self._low = {each: _low(scanner.flags, each[0]) for each in (LINE_FEED, NO_TEXT)}
        self._texts = [np.zeros(0, np.uint8) for _ in range(2)]  # what is read, and what is written
        self._flags = np.zeros(0, np.uint8)
        self._spans = np.zeros(0, np.int32)
        self.table.job[[count_abi.KIND, count_abi.DIGITS]] = scanner.split.kind, scanner.split.digits
        self.table.point(count_abi.CLASSES, scanner.flags)

    def count(self, block: TextBlock) -> int:
        """Count the block's words; return its size."""
        self._steps(block, self._scanner.steps, first=self._scanner.normalizer is not None)
        return len(block.utf8)

    def _steps(self, block: TextBlock, steps: tuple[Rewriter, ...], *, first: bool = False) -> None:
        """Take the block through these steps, then count; texts that the first one refuses come after."""
        size = self._load(block)
        refused = b""
        for number, step in enumerate(steps):
            spans, size = self._rewrite(step, size)
            if number == 0 and first and len(spans):
                refused = self._normalized(block, spans)
        self._scan(block.separator, size)
        if refused:
            self._steps(TextBlock(refused, block.separator), steps[1:])

    def _normalized(self, block: TextBlock, spans: NDArray[np.int32]) -> bytes:
        """The texts at these places, as the library normalizes them."""
        normalizer = self._scanner.normalizer
        assert normalizer
        texts = [block.utf8[start:end].decode() for start, end in spans.tolist()]
        done = [normalizer.normalize_str(text).encode() for text in texts]
        return block.separator.join(done) + block.separator

    def _load(self, block: TextBlock) -> int:
        """Put the block into the buffer; return its size."""
        size = len(block.utf8)
        text = self._buffer(0, size)
        text[count_abi.PADDING : count_abi.PADDING + size] = np.frombuffer(block.utf8, np.uint8)
        self.table.job[count_abi.SEPARATOR] = block.separator[0]
        return size

    def _rewrite(self, step: Rewriter, size: int) -> tuple[NDArray[np.int32], int]:
        """Rewrite the buffer; the places of texts that were refused, and the new size."""
        job, table = self.table.job, self.table
        out = self._buffer(1, int(step.growth * size) + size * step.prefix)
        table.point(count_abi.TEXT, self._texts[0], count_abi.PADDING)
        table.point(count_abi.OUT, out, count_abi.PADDING)
        for field, array in (
            (count_abi.LOW_MAP, step.low),
            (count_abi.ACTIONS, step.actions),
            (count_abi.PLACES, step.places),
            (count_abi.SPELLINGS, step.spellings),
            (count_abi.REFUSED, self._spans_for(size)),
        ):
            table.point(field, array)
        job[[count_abi.START, count_abi.END, count_abi.PREFIX, count_abi.REFUSALS]] = 0, size, step.prefix, 0
        table.run(self._loops["rewrite"])
        self._texts.reverse()
        return self._spans[: 2 * job[count_abi.REFUSALS]].reshape(-1, 2).copy(), int(job[count_abi.WRITTEN])

    def _scan(self, separator: bytes, size: int) -> None:
        """Count the words in the buffer."""
        table, text = self.table, self._texts[0]
        text[: count_abi.PADDING] = text[count_abi.PADDING + size : 2 * count_abi.PADDING + size] = separator[
            0
        ]
        if len(self._flags) < len(text):
            self._flags = np.empty(len(text), np.uint8)
        self._flags[: count_abi.PADDING] = count_abi.BORDER
        table.point(count_abi.TEXT, text, count_abi.PADDING)
        table.point(count_abi.FLAGS, self._flags, count_abi.PADDING)
        table.point(count_abi.LOW, self._low[separator])
        table.point(count_abi.SPANS, self._spans_for(size))
        table.job[[count_abi.START, count_abi.END]] = 0, size
        table.run(self._loops["count"])

    def _buffer(self, which: int, size: int) -> NDArray[np.uint8]:
        """The text buffer, large enough for this and its padding."""
        if len(self._texts[which]) < size + 3 * count_abi.PADDING:
            self._texts[which] = np.empty(size + size // 4 + 3 * count_abi.PADDING, np.uint8)
        return self._texts[which]

    def _spans_for(self, size: int) -> NDArray[np.int32]:
        """Room for a span a byte, of which only what is used takes memory."""
        if len(self._spans) < 2 * size + 2:
            self._spans = np.empty(2 * size + size // 2 + 2, np.int32)
        return self._spans


def _low(flags: NDArray[np.uint8], separator: int) -> NDArray[np.uint8]:
    """The flags of bytes that are characters or separators."""
    low = flags[:256].copy()
    low[128:] = 0
    low[[separator, NO_TEXT[0]]] = count_abi.BORDER
    return low


@dataclass(frozen=True)
class CompiledCounts:
    """The words of a corpus as bytes, the most frequent first, equally frequent ones by their bytes.

    arena: the bytes of all words; places: start and end of each in it, (words, 2); counts: how often each
    occurs, (words,). bytewise: whether ByteLevel spells the words; blank: what a blank in a word stands for.
    """

    arena: NDArray[np.uint8]
    places: NDArray[np.int64]
    counts: NDArray[np.int64]
    bytewise: bool
    blank: str

    def __len__(self) -> int:
        """How many different words there are."""
        return len(self.counts)


def compiled_counts(table: WordTable, scanner: Scanner) -> CompiledCounts:
    """The words of a table, in no order."""
    return CompiledCounts(table.arena, *table.words(), scanner.split.bytewise, scanner.split.blank)


def count_words_compiled(
    batches: Iterable[TextBatch],
    scanner: Scanner,
    *,
    threads: int = 2,
    in_order: bool = True,
    progress: Progress = silent,
) -> CompiledCounts:
    """The words of these texts and their counts; the same whatever the batches and the threads.

    Without `in_order` the words come as the table holds them, with two threads otherwise each time: for those
    to whom the order is nothing, since to sort 400,000 Korean words takes as long as to count them.

    A batch is a list of texts, or UTF-8 with a line feed after each text. Texts are counted as they come: to
    leave out blank ones and to cut long ones is the reader's business.
    """
    compiled = loops("count", progress=progress)
    counters = [Counter(scanner, compiled) for _ in range(threads)]
    done = 0
    for size in map_threads(counters, Counter.count, text_blocks_of(batches)):
        done += size
        progress("count", done, None)
    first, *others = (counter.table for counter in counters)
    for other in others:
        first.add(other)
    found = compiled_counts(first, scanner)
    if not in_order:
        return found
    order = order_words(found.arena, found.places, found.counts)
    return replace(found, places=found.places[order], counts=found.counts[order])
