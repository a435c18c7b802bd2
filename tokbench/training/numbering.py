"""A block of texts to the numbers of its words, and those to ids, by the compiled loops of lookup/."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tokbench.training.counting import LINE_FEED, NO_TEXT, Block
from tokbench.training.kernels import layout as at
from tokbench.training.lookup import layout as of
from tokbench.training.machine import COUNTING, Kernels, Loop, loops
from tokbench.training.needles import Needles
from tokbench.training.pipelines import Scanner
from tokbench.training.rewriters import Rewriter
from tokbench.training.wordids import Around, NewWords, WordIds
from tokbench.training.wordtable import WordTable

Kind = TypeVar("Kind", bound=np.generic)
LOOKUP = Kernels(
    "tokbench.training.lookup.entries",
    ("part", "search", "rewrite", "number", "write", "enter", "plant", "merge", "cut"),
    ("lookup/*.py", "kernels/*.py", "merging/cells.py", "merging/layout.py", "compiling.py"),
)


@dataclass(frozen=True, eq=False)
class Numbered:
    """What became of a block: the words it was the first to have, and what is known of its texts.

    states: PLAIN, or why a text has no words here (lookup/layout.py); ends: where the texts end in the block,
    the first of these numbers excepted.
    """

    new: NewWords
    states: NDArray[np.uint8]
    ends: NDArray[np.int32]


class Numbering:
    """Different words, numbered as they come, and the buffers for a block; each thread has its own."""

    def __init__(self, scanner: Scanner, lookup: Mapping[str, Loop]) -> None:
        self._scanner = scanner
        self._loops = lookup
        self.table = WordTable(loops(COUNTING))
        self._job = np.zeros(of.BLOCK_FIELDS, np.int64)
        self._low = {each: _low(scanner.flags, each[0]) for each in (LINE_FEED, NO_TEXT)}
        self._texts = [np.zeros(0, np.uint8) for _ in range(2)]  # what is read, and what is written
        self._flags = self._states = np.zeros(0, np.uint8)
        self._spans = self._numbers = self._lengths = self._out = np.zeros(0, np.int32)
        self._ends = self._word_ends = self._counts = np.zeros(0, np.int32)
        self.table.job[[at.KIND, at.DIGITS]] = scanner.split.kind, scanner.split.digits
        self.table.point(at.CLASSES, scanner.flags)

    def read(self, block: Block, steps: Sequence[Needles | Rewriter]) -> Numbered:
        """Number the words of the block after these steps; texts that a step sorts out have none."""
        known, before = len(self.table), int(self.table.job[at.ARENA_USED])
        size = self._load(block)
        self._run("part")
        ends = self._ends.copy()
        for step in steps:
            if isinstance(step, Needles):
                step.point(self._job)
                self._run("search")
            else:
                size = self._rewrite(step, size)
        self._scan(block.separator, size)
        lengths = self._lengths[: self._job[of.NEW]]
        return Numbered(NewWords(known, self.table.arena[before:], lengths), self._states.copy(), ends)

    def write(self, ids: WordIds, around: Around) -> tuple[NDArray[np.uint32], NDArray[np.int32]]:
        """The ids of the plain texts of the block read last, and how many each text has."""
        job = self._job
        words, each = int(job[of.WORDS]), len(around.before) + len(around.after)
        self._room_for_ids(2 * words + each * len(self._states) + of.SLACK)
        self._counts = np.zeros(len(self._states), np.int32)
        for field, array in (
            (of.PLACES, ids.places),
            (of.POOL, ids.pool),
            (of.BEFORE, around.before),
            (of.AFTER, around.after),
            (of.COUNTS, self._counts),
        ):
            job[field] = array.ctypes.data
        job[[of.BEFORE_COUNT, of.AFTER_COUNT]] = len(around.before), len(around.after)
        job[[of.TEXT_AT, of.WRITTEN]] = 0, 0
        while self._loops["write"](job.ctypes.data):
            self._room_for_ids(2 * len(self._out) + at.CODE_POINTS)
        return self._out[: job[of.WRITTEN]].view(np.uint32).copy(), self._counts

    def _run(self, name: str) -> None:
        """Run a loop to its end; the table grows whenever it says so."""
        loop = self._loops[name]
        self.table.run(lambda _: loop(self._job.ctypes.data))

    def _load(self, block: Block) -> int:
        """Put the block into the buffers; return its size."""
        job, table, size = self._job, self.table, len(block.utf8)
        self._texts[0] = _room(self._texts[0], size + 3 * at.PADDING)
        self._texts[0][at.PADDING : at.PADDING + size] = np.frombuffer(block.utf8, np.uint8)
        texts = block.utf8.count(block.separator)
        self._states = np.zeros(texts, np.uint8)
        self._ends, self._word_ends = np.full(texts + 1, -1, np.int32), np.zeros(texts + 1, np.int32)
        for field, array in (
            (of.TABLE, table.job),
            (of.ENDS, self._ends),
            (of.STATES, self._states),
            (of.WORD_ENDS, self._word_ends),
        ):
            job[field] = array.ctypes.data
        job[[of.TEXTS, of.TEXT_AT, of.WORDS, of.NEW]] = texts, 0, 0, 0
        table.point(at.TEXT, self._texts[0], at.PADDING)
        table.job[[at.START, at.END, at.SEPARATOR]] = 0, size, block.separator[0]
        return size

    def _rewrite(self, step: Rewriter, size: int) -> int:
        """Rewrite the buffer; return its new size."""
        job, table = self.table.job, self.table
        grown = int(step.growth * size) + size * step.prefix
        self._texts[1] = _room(self._texts[1], grown + 3 * at.PADDING)
        table.point(at.OUT, self._texts[1], at.PADDING)
        for field, array in (
            (at.LOW_MAP, step.low),
            (at.ACTIONS, step.actions),
            (at.PLACES, step.places),
            (at.SPELLINGS, step.spellings),
        ):
            table.point(field, array)
        job[[at.END, at.PREFIX]] = size, step.prefix
        self._run("rewrite")
        self._texts.reverse()
        table.point(at.TEXT, self._texts[0], at.PADDING)
        return int(job[at.WRITTEN])

    def _scan(self, separator: bytes, size: int) -> None:
        """Number the words in the buffer."""
        table, text = self.table, self._texts[0]
        text[: at.PADDING] = text[at.PADDING + size : 2 * at.PADDING + size] = separator[0]
        self._flags = _room(self._flags, len(text))
        self._flags[: at.PADDING] = at.BORDER
        self._spans = _room(self._spans, 2 * size + 2)
        self._numbers, self._lengths = _room(self._numbers, size + 1), _room(self._lengths, size + 1)
        table.point(at.FLAGS, self._flags, at.PADDING)
        table.point(at.LOW, self._low[separator])
        table.point(at.SPANS, self._spans)
        self._job[of.NUMBERS] = self._numbers.ctypes.data
        self._job[of.NEW_LENGTHS] = self._lengths.ctypes.data
        table.job[[at.START, at.END]] = 0, size
        self._run("number")

    def _room_for_ids(self, size: int) -> None:
        """Room for so many ids; those that are written stay."""
        if len(self._out) < size:
            written, self._out = self._out[: self._job[of.WRITTEN]], np.empty(size, np.int32)
            self._out[: len(written)] = written
        self._job[of.OUT], self._job[of.OUT_SIZE] = self._out.ctypes.data, len(self._out)


def _room(buffer: NDArray[Kind], size: int) -> NDArray[Kind]:
    """This buffer, or a larger one if it is too small; of which only what is used takes memory."""
    return buffer if len(buffer) >= size else np.empty(size + size // 4, buffer.dtype)


def _low(flags: NDArray[np.uint8], separator: int) -> NDArray[np.uint8]:
    """The flags of bytes that are characters or separators."""
    low = flags[:256].copy()
    low[128:] = 0
    low[[separator, NO_TEXT[0]]] = at.BORDER
    return low
