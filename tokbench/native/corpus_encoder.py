"""Texts to ids in one thread: words by a table that is filled as they come, the rest by the library.

A text beyond a MiB is cut where nothing reaches across, so that its length costs no memory but that of its
ids. Such a place is a blank between two letters or numbers that the normalizer leaves letters or numbers
beside it (BertNormalizer puts spaces around a Chinese character, and a split takes them all as one word):
every split that is served ends a word before it and begins one with it, and no added token holds a blank or
takes those beside it (else the text is not cut).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from tokbench.errors import DataError
from tokbench.native.kernels import encode_abi
from tokbench.native.ragged import Ragged, concatenated, interleaved, ragged, starts_of
from tokbench.native.scanner import LETTER, NUMBER, Rewriter, Scanner, character_flags
from tokbench.native.word_counter import BLOCK, LONGEST, TextBatch, TextBlock, text_blocks_of
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
PART, TOKEN, BEFORE, AFTER = range(4)  # what a text with added tokens is made of
LONGEST_FOR_LIBRARY = 1 << 24  # characters of a text: the library takes some 150 bytes for each


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

    @cached_property
    def bare(self) -> CompiledPipeline:
        """The same with nothing around texts."""
        nothing = np.zeros(0, np.int32)
        return replace(self, around=FramingIds(nothing, nothing), special=False)

    @cached_property
    def cuts(self) -> bool:
        """Whether a text may be cut before a blank: no added token holds one, or takes those beside it."""
        added = self.tokenizer.get_added_tokens_decoder().values()
        if not self.scanner.cuts or any(token.lstrip or token.rstrip for token in added):
            return False
        return not any(" " in string for string in self.raw.strings | self.normalized.strings)

    @cached_property
    def added_ids(self) -> Mapping[str, int]:
        """Added tokens by content where a text that holds some is what is between them, each for itself.

        None where one takes the spaces beside it, hangs on what is there, or is sought in normalized texts;
        nor where the first part of a text is not as the others.
        """
        added = self.tokenizer.get_added_tokens_decoder()
        plain = not any(
            each.normalized or each.lstrip or each.rstrip or each.single_word for each in added.values()
        )
        if not plain or self.scanner.split.counts_from_start:
            return {}
        return {each.content: number for number, each in added.items()}

    @cached_property
    def stays_wordish(self) -> Callable[[str], bool]:
        """Whether a character is a letter or number, and begins and ends with one when it is normalized."""
        normalizer = self.scanner.normalizer

        @cache
        def stays(character: str) -> bool:
            after = normalizer.normalize_str(character) if normalizer else character
            return _is_wordish(character) and bool(after) and _is_wordish(after[0], after[-1])

        return stays


class CompiledEncoder:
    """Texts to ids; not to be shared by threads."""

    def __init__(
        self,
        pipeline: CompiledPipeline,
        lookup: Mapping[str, Loop],
        *,
        most_words: int = MOST_WORDS,
        piece: int = BLOCK,
    ) -> None:
        self._pipeline = pipeline
        self._lookup = lookup
        self._most_words, self._piece = most_words, piece
        self._model = WordModel(pipeline.tokenizer, pipeline.scanner.split, lookup)
        self._forget()

    def encode(self, batch: TextBatch) -> Ragged:
        """The ids of these texts."""
        blocks = text_blocks_of([batch] if batch else [], longest=None)
        return concatenated([self._ids(block, self._pipeline) for block in blocks])

    def _forget(self) -> None:
        """Begin with an empty table."""
        self._numbering, self._known = WordIndexer(self._pipeline.scanner, self._lookup), WordIds()

    def _ids(self, block: TextBlock, pipeline: CompiledPipeline) -> Ragged:
        """The ids of a block's texts; a long text is a block of its own."""
        if len(block.utf8) <= self._piece or block.utf8.count(block.separator) > 1:
            return self._block(block, pipeline, pipeline.steps)
        bare, parts = pipeline.bare, [pipeline.around.before.astype(np.uint32)]
        size = self._piece if pipeline.cuts else len(block.utf8)
        for piece in cut_text(block.utf8[:-1], size, pipeline.stays_wordish):
            if len(piece) >= LONGEST:
                return by_library(pipeline.tokenizer, [block.utf8[:-1].decode()], special=pipeline.special)
            part = TextBlock(piece + block.separator, block.separator)
            parts.append(self._block(part, bare, bare.steps).ids)
        whole = np.concatenate([*parts, pipeline.around.after.astype(np.uint32)])
        return Ragged(whole, starts_of([len(whole)]))

    def _block(
        self, block: TextBlock, pipeline: CompiledPipeline, steps: Sequence[AddedTokenMatcher | Rewriter]
    ) -> Ragged:
        """The ids of a block's texts after these steps."""
        if len(self._numbering.table) > self._most_words:
            self._forget()
        read = self._numbering.read(block, steps)
        try:
            self._model.add(read.new, self._known)
        except BaseException:
            self._forget()  # words without ids must not stay
            raise
        ids, counts = self._numbering.write(self._known, pipeline.around)
        plain = Ragged(ids, starts_of(counts))
        return self._with_others(plain, block, read, pipeline) if read.states.any() else plain

    def _with_others(
        self, plain: Ragged, block: TextBlock, read: IndexedBlock, pipeline: CompiledPipeline
    ) -> Ragged:
        """The ids of the plain texts, with those of the others among them."""
        owners = read.states.copy()
        refused = {
            number: self._normalized(_text(block, read, number))
            for number in _having(owners, encode_abi.REFUSED)
        }
        for number, text in refused.items():
            if pipeline.normalized.among(text):
                owners[number] = encode_abi.MATCHED
        matched = [_text(block, read, number) for number in _having(owners, encode_abi.MATCHED)]
        rest = [refused[number] for number in _having(owners, encode_abi.REFUSED)]
        steps = pipeline.scanner.steps[1:]
        parts = {
            encode_abi.PLAIN: Ragged(plain.ids, starts_of(plain.lengths[owners == encode_abi.PLAIN])),
            encode_abi.MATCHED: self._matched(matched, pipeline),
            encode_abi.REFUSED: concatenated(
                [self._block(each, pipeline, steps) for each in text_blocks_of([rest])]
            ),
        }
        return interleaved(owners, parts)

    def _matched(self, texts: list[str], pipeline: CompiledPipeline) -> Ragged:
        """The ids of texts that hold added tokens: by the library, or those of their parts joined."""
        ids = pipeline.added_ids
        if not texts or not ids or pipeline.tokenizer.encode_special_tokens:
            return by_library(pipeline.tokenizer, texts, special=pipeline.special)
        rows = [pipeline.raw.parted(text) for text in texts]
        parts = [part for row in rows for part in row[::2]]
        found = [[ids[token]] for row in rows for token in row[1::2]]
        bare, around = pipeline.bare, pipeline.around
        blocks = text_blocks_of([parts], longest=None)
        owners = [each for row in rows for each in (BEFORE, *[PART, TOKEN] * (len(row) // 2), PART, AFTER)]
        whole = interleaved(
            np.array(owners, np.uint8),
            {
                PART: concatenated([self._ids(block, bare) for block in blocks]),
                TOKEN: ragged(found, np.uint32),
                BEFORE: ragged([around.before.tolist()] * len(rows), np.uint32),
                AFTER: ragged([around.after.tolist()] * len(rows), np.uint32),
            },
        )
        sizes = np.fromiter((len(row) + 2 for row in rows), np.int64, len(rows))
        return Ragged(whole.ids, whole.starts[starts_of(sizes)])

    def _normalized(self, text: str) -> str:
        """The text as the library normalizes it."""
        normalizer = self._pipeline.scanner.normalizer
        assert normalizer
        normalized: str = normalizer.normalize_str(text)
        return normalized


def cut_text(utf8: bytes, size: int, wordish: Callable[[str], bool] = str.isalnum) -> Iterator[bytes]:
    r"""A text in pieces of about so many bytes, cut before blanks between two characters of words.

    >>> [*cut_text(b"one two, three four", 6)]
    [b'one', b' two, three', b' four']
    """
    start = 0
    while len(utf8) - start > size:
        at = utf8.rfind(b" ", start + 1, start + size)
        while at > 0 and not _is_between(utf8, at, wordish):
            at = utf8.rfind(b" ", start + 1, at)
        if at < 0:  # none in reach: the next one there is
            at = utf8.find(b" ", start + size)
            while at > 0 and not _is_between(utf8, at, wordish):
                at = utf8.find(b" ", at + 1)
        if at < 0:
            break
        yield utf8[start:at]
        start = at
    yield utf8[start:]


def _is_between(utf8: bytes, at: int, wordish: Callable[[str], bool]) -> bool:
    """Whether such a character stands on both sides of this byte."""
    before, after = (
        part.decode(errors="ignore") for part in (utf8[max(0, at - 4) : at], utf8[at + 1 : at + 5])
    )
    return bool(before and after) and wordish(before[-1]) and wordish(after[0])


def _is_wordish(*characters: str) -> bool:
    """Whether each of these characters is a letter or a number to the splits."""
    return all(character_flags()[ord(each)] & (LETTER | NUMBER) for each in characters)


def by_library(tokenizer: Tokenizer, texts: list[str], *, special: bool) -> Ragged:
    """The ids of these texts, by the library; its truncation and padding must be off.

    DataError for a text that the library would need more than some 2.5 GB for.
    """
    longest = max(map(len, texts), default=0)
    if longest > LONGEST_FOR_LIBRARY:
        raise DataError(
            f"a text of {longest:,} characters is too long for the tokenizers library, which must encode it",
            fix=f"cut it into several lines of at most {LONGEST_FOR_LIBRARY:,} characters",
        )
    encoded = tokenizer.encode_batch_fast(texts, add_special_tokens=special)
    return ragged([each.ids for each in encoded], np.uint32)


def _text(block: TextBlock, read: IndexedBlock, number: int) -> str:
    """A text of a block as it was before any step."""
    return block.utf8[read.ends[number] + 1 : read.ends[number + 1]].decode()


def _having(owners: NDArray[np.uint8], owner: int) -> list[int]:
    """The numbers of the texts that are its."""
    numbers: list[int] = np.flatnonzero(owners == owner).tolist()
    return numbers
