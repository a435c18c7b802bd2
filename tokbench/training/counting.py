"""Blocks of texts through the compiled loops: prepared, rewritten where a step asks for it, counted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tokbench.errors import DataProblem
from tokbench.training.kernels import layout as at
from tokbench.training.machine import Loop
from tokbench.training.pipelines import Scanner
from tokbench.training.rewriters import Rewriter
from tokbench.training.wordtable import WordTable

BLOCK = 1 << 20  # bytes for one call of a loop, which Ctrl-C has to wait for
LONGEST = 1 << at.LENGTH_BITS  # bytes of a word
LINE_FEED = b"\n"
NO_TEXT = b"\xff"  # a byte that UTF-8 never has


@dataclass(frozen=True)
class Block:
    """Texts in UTF-8, each followed by the separator, which none of them holds."""

    utf8: bytes
    separator: bytes = LINE_FEED


def blocks(batches: Iterable[list[str] | bytes]) -> Iterator[Block]:
    """Batches cut into blocks of about a MiB; one that is bytes has a line feed after each text."""
    for batch in batches:
        if isinstance(batch, bytes):
            yield from _cut(Block(batch if batch.endswith(LINE_FEED) else batch + LINE_FEED))
        elif batch:
            yield from _cut(_joined(batch))


def _joined(texts: list[str]) -> Block:
    """These texts as one block."""
    whole = "\n".join(texts)
    try:
        if whole.count("\n") == len(texts) - 1:
            return Block(whole.encode() + LINE_FEED)
        return Block(NO_TEXT.join([text.encode() for text in texts]) + NO_TEXT, NO_TEXT)
    except UnicodeEncodeError as error:
        near = error.object[max(0, error.start - 20) : error.end + 20]
        raise DataProblem(
            f"a text holds half a character (a lone surrogate) near {near!r}",
            fix="write the corpus anew as UTF-8; in JSON, \\ud83d needs its second half",
        ) from error


def _cut(block: Block) -> Iterator[Block]:
    """The block in parts of about a MiB, each of whole texts."""
    start, size = 0, len(block.utf8)
    while start < size:
        end = block.utf8.rfind(block.separator, start, start + BLOCK) + 1
        if end <= start:
            end = block.utf8.find(block.separator, start) + 1
        if end - start > LONGEST:
            raise DataProblem(
                f"a text of {end - start:,} bytes is too long", fix="cut it: open_corpus does that by itself"
            )
        yield block if end - start == size else Block(block.utf8[start:end], block.separator)
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
        self.table.job[[at.KIND, at.DIGITS]] = scanner.split.kind, scanner.split.digits
        self.table.point(at.CLASSES, scanner.flags)

    def count(self, block: Block) -> int:
        """Count the block's words; return its size."""
        self._steps(block, self._scanner.steps, first=self._scanner.normalizer is not None)
        return len(block.utf8)

    def _steps(self, block: Block, steps: tuple[Rewriter, ...], *, first: bool = False) -> None:
        """Take the block through these steps, then count; texts that the first one refuses come after."""
        size = self._load(block)
        refused = b""
        for number, step in enumerate(steps):
            spans, size = self._rewrite(step, size)
            if number == 0 and first and len(spans):
                refused = self._normalized(block, spans)
        self._scan(block.separator, size)
        if refused:
            self._steps(Block(refused, block.separator), steps[1:])

    def _normalized(self, block: Block, spans: NDArray[np.int32]) -> bytes:
        """The texts at these places, as the library normalizes them."""
        normalizer = self._scanner.normalizer
        assert normalizer
        texts = [block.utf8[start:end].decode() for start, end in spans.tolist()]
        done = [normalizer.normalize_str(text).encode() for text in texts]
        return block.separator.join(done) + block.separator

    def _load(self, block: Block) -> int:
        """Put the block into the buffer; return its size."""
        size = len(block.utf8)
        text = self._buffer(0, size)
        text[at.PADDING : at.PADDING + size] = np.frombuffer(block.utf8, np.uint8)
        self.table.job[at.SEPARATOR] = block.separator[0]
        return size

    def _rewrite(self, step: Rewriter, size: int) -> tuple[NDArray[np.int32], int]:
        """Rewrite the buffer; the places of texts that were refused, and the new size."""
        job, table = self.table.job, self.table
        out = self._buffer(1, int(step.growth * size) + size * step.prefix)
        table.point(at.TEXT, self._texts[0], at.PADDING)
        table.point(at.OUT, out, at.PADDING)
        for field, array in (
            (at.LOW_MAP, step.low),
            (at.ACTIONS, step.actions),
            (at.PLACES, step.places),
            (at.SPELLINGS, step.spellings),
            (at.REFUSED, self._spans_for(size)),
        ):
            table.point(field, array)
        job[[at.START, at.END, at.PREFIX, at.REFUSALS]] = 0, size, step.prefix, 0
        table.run(self._loops["rewrite"])
        self._texts.reverse()
        return self._spans[: 2 * job[at.REFUSALS]].reshape(-1, 2).copy(), int(job[at.WRITTEN])

    def _scan(self, separator: bytes, size: int) -> None:
        """Count the words in the buffer."""
        table, text = self.table, self._texts[0]
        text[: at.PADDING] = text[at.PADDING + size : 2 * at.PADDING + size] = separator[0]
        if len(self._flags) < len(text):
            self._flags = np.empty(len(text), np.uint8)
        self._flags[: at.PADDING] = at.BORDER
        table.point(at.TEXT, text, at.PADDING)
        table.point(at.FLAGS, self._flags, at.PADDING)
        table.point(at.LOW, self._low[separator])
        table.point(at.SPANS, self._spans_for(size))
        table.job[[at.START, at.END]] = 0, size
        table.run(self._loops["count"])

    def _buffer(self, which: int, size: int) -> NDArray[np.uint8]:
        """The text buffer, large enough for this and its padding."""
        if len(self._texts[which]) < size + 3 * at.PADDING:
            self._texts[which] = np.empty(size + size // 4 + 3 * at.PADDING, np.uint8)
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
    low[[separator, NO_TEXT[0]]] = at.BORDER
    return low
