"""Texts to ids in one thread: words by a table that is filled as they come, the rest by the library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from tokbench.native.kernels import encode_abi
from tokbench.native.ragged import Ragged, concatenated, interleaved, ragged, starts_of
from tokbench.native.scanner import Rewriter, Scanner
from tokbench.native.word_counter import TextBatch, TextBlock, text_blocks_of
from tokbench.native.word_ids import (
    AddedTokenMatcher,
    FramingIds,
    IndexedBlock,
    WordIds,
    WordIndexer,
    WordModel,
)

if TYPE_CHECKING:
    from tokbench.native.compiler import Loop

MOST_WORDS = 3 << 18  # different words that are remembered: some 100 MB; then all are forgotten


@dataclass(frozen=True, eq=False)
class CompiledPipeline:
    """What a compiled encoder stands in for.

    raw and normalized: what makes a text the library's, as it is written and once it is normalized.
    """

    tokenizer: Tokenizer
    scanner: Scanner
    raw: AddedTokenMatcher
    normalized: AddedTokenMatcher
    around: FramingIds
    special: bool

    @property
    def steps(self) -> tuple[AddedTokenMatcher | Rewriter, ...]:
        """What a text goes through before it is split."""
        first = int(self.scanner.normalizer is not None)
        steps: list[AddedTokenMatcher | Rewriter] = list(self.scanner.steps)
        steps[first:first] = [self.normalized]
        return tuple(step for step in (self.raw, *steps) if isinstance(step, Rewriter) or step.strings)


class CompiledEncoder:
    """Texts to ids; not to be shared by threads."""

    def __init__(
        self, pipeline: CompiledPipeline, lookup: Mapping[str, Loop], *, most_words: int = MOST_WORDS
    ) -> None:
        self._pipeline = pipeline
        self._lookup = lookup
        self._most_words = most_words
        self._model = WordModel(pipeline.tokenizer, pipeline.scanner.split, lookup)
        self._forget()

    def encode(self, batch: TextBatch) -> Ragged:
        """The ids of these texts."""
        whole = [batch] if batch else []
        return concatenated([self._block(block, self._pipeline.steps) for block in text_blocks_of(whole)])

    def _forget(self) -> None:
        """Begin with an empty table."""
        self._numbering, self._ids = WordIndexer(self._pipeline.scanner, self._lookup), WordIds()

    def _block(self, block: TextBlock, steps: Sequence[AddedTokenMatcher | Rewriter]) -> Ragged:
        """The ids of a block's texts."""
        if len(self._numbering.table) > self._most_words:
            self._forget()
        read = self._numbering.read(block, steps)
        try:
            self._model.add(read.new, self._ids)
        except BaseException:
            self._forget()  # words without ids must not stay
            raise
        ids, counts = self._numbering.write(self._ids, self._pipeline.around)
        plain = Ragged(ids, starts_of(counts))
        return self._with_others(plain, block, read) if read.states.any() else plain

    def _with_others(self, plain: Ragged, block: TextBlock, read: IndexedBlock) -> Ragged:
        """The ids of the plain texts, with those of the others among them."""
        owners = read.states.copy()
        refused = {
            number: self._normalized(_text(block, read, number))
            for number in _having(owners, encode_abi.REFUSED)
        }
        for number, text in refused.items():
            if self._pipeline.normalized.among(text):
                owners[number] = encode_abi.MATCHED
        matched = [_text(block, read, number) for number in _having(owners, encode_abi.MATCHED)]
        rest = [refused[number] for number in _having(owners, encode_abi.REFUSED)]
        steps = self._pipeline.scanner.steps[1:]
        parts = {
            encode_abi.PLAIN: Ragged(plain.ids, starts_of(plain.lengths[owners == encode_abi.PLAIN])),
            encode_abi.MATCHED: by_library(self._pipeline.tokenizer, matched, special=self._pipeline.special),
            encode_abi.REFUSED: concatenated([self._block(each, steps) for each in text_blocks_of([rest])]),
        }
        return interleaved(owners, parts)

    def _normalized(self, text: str) -> str:
        """The text as the library normalizes it."""
        normalizer = self._pipeline.scanner.normalizer
        assert normalizer
        normalized: str = normalizer.normalize_str(text)
        return normalized


def by_library(tokenizer: Tokenizer, texts: list[str], *, special: bool) -> Ragged:
    """The ids of these texts, by the library; its truncation and padding must be off."""
    encoded = tokenizer.encode_batch_fast(texts, add_special_tokens=special)
    return ragged([each.ids for each in encoded], np.uint32)


def _text(block: TextBlock, read: IndexedBlock, number: int) -> str:
    """A text of a block as it was before any step."""
    return block.utf8[read.ends[number] + 1 : read.ends[number + 1]].decode()


def _having(owners: NDArray[np.uint8], owner: int) -> list[int]:
    """The numbers of the texts that are its."""
    numbers: list[int] = np.flatnonzero(owners == owner).tolist()
    return numbers
