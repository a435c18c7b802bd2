"""BPE from word counts in machine code: what bpe.py learns, to the last merge, some forty times as fast.

A pair below a threshold has no entry, no place and no count: most pairs are so rare that they never get their
turn. When the best pair falls below it, it is lowered and the words, shorter by then, are scanned again. That
is exact as long as every token is made once. Where one is made by a second route (in no corpus seen, in tests
often) the library's order depends on the rare pairs too, and learning begins anew without a threshold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tokbench.errors import DataError, RecipeError, ResourceError
from tokbench.native.byte_alphabet import byte_characters
from tokbench.native.compiler import loops
from tokbench.native.kernels import learn_abi
from tokbench.native.ragged import Ragged, starts_of
from tokbench.progress import Progress, silent
from tokbench.training.bpe import MOST_TOKENS, Affixes, Merges, kept_alphabet
from tokbench.training.word_counts import WordCounts

PLACES = ("alone", "first", "middle", "last")  # in the order of kernels/learn_abi.py
Codes = NDArray[np.uint8] | NDArray[np.uint32]


@dataclass(frozen=True, eq=False)
class WordArrays:
    """Words as numbers in a row.

    codes: the characters of all words; spelled: what a code is written as, when it is no code point.
    places: start and end of each word in codes, (words, 2); counts: how often each word occurs, (words,).
    """

    codes: Codes
    places: NDArray[np.int64]
    counts: NDArray[np.int64]
    spelled: Sequence[str] = ()

    def character(self, code: int) -> str:
        """What this code stands for."""
        return self.spelled[code] if self.spelled else chr(code)


def arrays_of_counts(words: WordCounts) -> WordArrays:
    """Words counted in Python."""
    codes = np.frombuffer("".join(words.counts).encode("utf-32-le", "surrogatepass"), np.uint32)
    ends = np.cumsum(np.fromiter(map(len, words.counts), np.int64, len(words.counts)))
    places = np.stack([np.concatenate([[0], ends])[:-1], ends], axis=1)
    try:
        counts = np.fromiter(words.counts.values(), np.int64, len(words.counts))
    except OverflowError as error:
        raise DataError("a word occurs more often than 63 bits can say", fix="divide all counts") from error
    return WordArrays(codes, places.astype(np.int64), counts)


def arrays_of_bytes(
    arena: NDArray[np.uint8],
    places: NDArray[np.int64],
    counts: NDArray[np.int64],
    *,
    bytewise: bool = False,
    blank: str = " ",
) -> WordArrays:
    """Words in an arena of UTF-8; bytewise: written as ByteLevel does; blank: what U+0020 is written as."""
    if bytewise:
        return WordArrays(arena, places, counts, byte_characters())
    codes = np.frombuffer(arena.tobytes().decode().encode("utf-32-le"), np.uint32)
    # How many characters begin before each byte: the words' places, told in characters.
    before = np.concatenate([[0], np.cumsum(arena & 0xC0 != 0x80)])
    if blank != " ":
        codes = np.where(codes == ord(" "), np.uint32(ord(blank)), codes)
    return WordArrays(codes, before[places].astype(np.int64), counts)


@dataclass(frozen=True, eq=False)
class FirstTokens:
    """The first vocabulary, and the id of each code alone, first, in the middle and last in a word, or -1."""

    vocab: dict[str, int]
    symbols: NDArray[np.int32]


def first_tokens(
    words: WordArrays,
    *,
    special_tokens: Sequence[str],
    initial_alphabet: Sequence[str],
    limit_alphabet: int | None,
    affixes: Affixes,
) -> FirstTokens:
    """The special tokens, the alphabet, and the alphabet with affixes, as bpe.initial_vocab has them."""
    seen = _codes_by_place(words)
    characters = {code: words.character(code) for code in np.flatnonzero(seen.any(axis=1)).tolist()}
    weights = _weights(words) if limit_alphabet is not None else dict.fromkeys(characters, 1)
    alphabet = WordCounts({character: weights[code] for code, character in characters.items()})
    kept = kept_alphabet(alphabet, initial=initial_alphabet, limit=limit_alphabet)
    vocab: dict[str, int] = {}
    for token in (*special_tokens, *kept):
        vocab.setdefault(token, len(vocab))
    pieces = {
        (code, number): affixes.mark(character, place)
        for code, character in characters.items()
        for number, place in enumerate(PLACES)
        if seen[code, number] and character in vocab
    }
    for piece in sorted(set(pieces.values()).difference(vocab)):
        vocab[piece] = len(vocab)
    symbols = np.full(seen.shape, -1, np.int32)
    for where, piece in pieces.items():
        symbols[where] = vocab[piece]
    return FirstTokens(vocab, symbols)


def _codes_by_place(words: WordArrays) -> NDArray[np.bool_]:
    """Which codes are alone, first, in the middle and last in some word."""
    starts, ends = words.places.T
    lengths = ends - starts
    alone, several, long = starts[lengths == 1], lengths > 1, lengths > 2
    steps = np.zeros(len(words.codes) + 1, np.int8)
    steps[starts[long] + 1] = 1
    steps[ends[long] - 1] = -1
    inside = np.cumsum(steps[:-1], dtype=np.int8).view(bool)
    seen = np.zeros((len(PLACES), _highest(words) + 1), bool)
    for number, at in enumerate((alone, starts[several], inside, ends[several] - 1)):
        seen[number][words.codes[at]] = True
    return seen.T


def _weights(words: WordArrays) -> dict[int, int]:
    """How often each code occurs."""
    steps = np.zeros(len(words.codes) + 1, np.int64)
    np.add.at(steps, words.places[:, 0], words.counts)
    np.subtract.at(steps, words.places[:, 1], words.counts)
    weights = np.zeros(_highest(words) + 1, np.int64)
    np.add.at(weights, words.codes, np.cumsum(steps[:-1]))
    return dict(enumerate(weights.tolist()))


def _highest(words: WordArrays) -> int:
    """The highest code."""
    return int(words.codes.max()) if len(words.codes) else 0


BUDGET = 1 << 20  # symbols, or places of merged pairs, that a call works at: some 50 ms
SMALLEST = 1 << 10
MOST_NUMBERS = (1 << 31) - 1  # in RECORDS: a place is written in 32 bits
WIDTHS = {
    learn_abi.SCANNED: learn_abi.SCAN,
    learn_abi.PAIRS: 2,
    learn_abi.HEAP: 3,
    learn_abi.ENTRIES: 2,
    learn_abi.MERGED: 2,
}  # numbers in an item
TABLES = {
    learn_abi.SCANNED: (learn_abi.SCANNED_BITS, "move_scanned"),
    learn_abi.PAIRS: (learn_abi.PAIRS_BITS, "move_pairs"),
}


class LearnJob:
    """The words, tokens and pairs of one learning; job[field] are the scalars of kernels/learn_abi.py."""

    def __init__(
        self, words: WordArrays, begun: FirstTokens, affixes: Affixes, *, vocab_size: int, progress: Progress
    ) -> None:
        self._progress = progress
        self._asked = vocab_size
        self._loops = loops("learn", progress=progress)
        self._job = np.zeros(learn_abi.FIELDS, np.int64)
        self._arrays: dict[int, NDArray[Any]] = {}
        self[learn_abi.BUDGET], self[learn_abi.PHASE] = BUDGET, learn_abi.POP
        self[learn_abi.TOKENS] = len(begun.vocab)
        # Every merge removes a symbol, so there are no more tokens than this, whatever was asked for.
        self[learn_abi.TOKENS_WANTED] = min(vocab_size, len(begun.vocab) + len(words.codes))
        self._take_tokens(list(begun.vocab), affixes)
        self._array(learn_abi.KINDS, np.uint8, max(self[learn_abi.TOKENS_WANTED], self[learn_abi.TOKENS]) + 1)
        self._arrays[learn_abi.KINDS][begun.symbols[begun.symbols >= 0]] = learn_abi.FIRST
        self._write(words, begun)

    def __getitem__(self, field: int) -> int:
        """A scalar."""
        return int(self._job[field])

    def __setitem__(self, field: int, value: int) -> None:
        """Set a scalar."""
        self._job[field] = value

    def tokens(self) -> list[str]:
        """The tokens in id order."""
        bounds = self._arrays[learn_abi.TEXT_STARTS][: self[learn_abi.TOKENS] + 1].tolist()
        utf8 = self._arrays[learn_abi.TEXT][: bounds[-1]].tobytes()
        return [utf8[start:end].decode("utf-8", "surrogatepass") for start, end in pairwise(bounds)]

    def merged(self) -> NDArray[np.int64]:
        """Of each merge: the two ids, and how many tokens there were after it."""
        number = self[learn_abi.MERGED_USED]
        pairs, grown = self._arrays[learn_abi.MERGED][: 2 * number].reshape(number, 2).astype(np.int64).T
        return np.stack([pairs >> 32, pairs & 0xFFFFFFFF, grown], axis=1)

    def words(self, given: WordArrays) -> Ragged | None:
        """The symbols left of each word of several characters; None where some character has no token."""
        sizes = given.places[:, 1] - given.places[:, 0]
        rooms = sizes[(sizes > 1) & (given.counts > 0)]
        begins = np.cumsum(rooms + learn_abi.HEADER) - rooms
        if self[learn_abi.END] != rooms.sum() + learn_abi.HEADER * len(rooms):
            return None
        records = self._arrays[learn_abi.RECORDS]
        lengths = records[begins - learn_abi.HEADER + learn_abi.LENGTH].astype(np.int64)
        starts = starts_of(lengths)
        return Ragged(records[np.arange(starts[-1]) + np.repeat(begins - starts[:-1], lengths)], starts)

    def scan(self) -> None:
        """Find the pairs that reach the threshold, their counts and their places, and queue them."""
        self._array(learn_abi.SCANNED, np.int64, SMALLEST, learn_abi.EMPTY)
        self[learn_abi.SCANNED_BITS] = SMALLEST.bit_length() - 1
        self[learn_abi.SCANNED_USED] = 0
        self._over_words("scan_pairs", 0)
        scanned = self._arrays[learn_abi.SCANNED].reshape(-1, learn_abi.SCAN)
        kept = (scanned[:, 0] != learn_abi.EMPTY) & (scanned[:, 1] >= self[learn_abi.THRESHOLD])
        pairs, counts, places = scanned[kept, :3].T
        behind = np.cumsum(places)
        scanned[:, 2] = -1
        scanned[kept, 2] = behind - places
        scanned[:, 3] = -1
        self._array(learn_abi.POOL, np.int32, int(places.sum()) * 3 // 2)
        self[learn_abi.POOL_USED] = int(places.sum())
        self._over_words("place_pairs", self[learn_abi.END])
        del self._arrays[learn_abi.SCANNED]
        self._queue(pairs, counts, np.stack([behind - places, places], axis=1))

    def merge(self) -> int:
        """Merge until the loops return what is not for us to answer: DONE, LOWER or AGAIN."""
        while True:
            status = self._run("merge_pairs")
            if status != learn_abi.PAUSED:
                return status
            self._progress("merges", self[learn_abi.TOKENS], self._asked)

    def _queue(self, pairs: NDArray[np.int64], counts: NDArray[np.int64], entries: NDArray[np.int64]) -> None:
        """Begin a table and a heap with these pairs; a sorted list is a heap."""
        order = np.lexsort((pairs, -counts))
        number = len(pairs)
        self._array(learn_abi.HEAP, np.int64, number * 2)
        self._arrays[learn_abi.HEAP][: number * 3] = np.stack([counts, pairs, np.arange(number)], axis=1)[
            order
        ].ravel()
        self._array(learn_abi.ENTRIES, np.int64, number * 2)
        self._arrays[learn_abi.ENTRIES][: number * 2] = entries.ravel()
        self[learn_abi.HEAP_USED] = self[learn_abi.ENTRIES_USED] = self[learn_abi.PAIRS_USED] = number
        self._arrays[learn_abi.PAIRS] = np.stack([pairs, counts], axis=1).ravel()
        self._grow(learn_abi.PAIRS, number)

    def _over_words(self, loop: str, offset: int) -> None:
        """Run a loop over all records; each is passed twice, so the second time tells `offset` more."""
        self[learn_abi.AT] = 0
        while self._run(loop) == learn_abi.PAUSED:
            self._progress("pairs", offset + self[learn_abi.AT], 2 * self[learn_abi.END])
        self._progress("pairs", offset + self[learn_abi.END], 2 * self[learn_abi.END])

    def _run(self, loop: str) -> int:
        """Run a loop, with more room whenever it asks for that."""
        while (status := self._loops[loop](self._job.ctypes.data)) == learn_abi.GROW:
            self._grow(self[learn_abi.WANTED], self[learn_abi.WANTED_SIZE])
        return status

    def _grow(self, field: int, size: int) -> None:
        """Make an array large enough for `size` items, with room for as many again."""
        old = self._arrays[field]
        if field not in TABLES:
            self._array(field, old.dtype, size * 2)
            self._arrays[field][: len(old)] = old
            return
        bits, move = TABLES[field]
        self[bits] = max(size * 2, SMALLEST).bit_length()
        self._array(field, np.int64, 1 << self[bits], learn_abi.EMPTY)
        self[learn_abi.OLD], self[learn_abi.OLD_SIZE] = old.ctypes.data, len(old)
        self._loops[move](self._job.ctypes.data)

    def _array(self, field: int, dtype: DTypeLike, size: int, fill: int | None = None) -> None:
        """Make an array of this many items and tell the job; memory that is never touched costs nothing."""
        numbers = max(size, SMALLEST) * WIDTHS.get(field, 1)
        made = np.zeros(numbers, dtype) if fill is None else np.full(numbers, fill, dtype)
        self._point(field, made)
        self[field + 1] = max(size, SMALLEST)

    def _point(self, field: int, array: NDArray[np.generic]) -> None:
        """Keep an array alive and write its address into the job."""
        self._arrays[field] = array
        self._job[field] = array.ctypes.data

    def _take_tokens(self, texts: list[str], affixes: Affixes) -> None:
        """Write the first tokens, and make room for those to come."""
        most = max(self[learn_abi.TOKENS_WANTED], len(texts)) + 1
        spelled = [text.encode("utf-8", "surrogatepass") for text in texts]
        prefix, suffix = (
            affix.encode("utf-8", "surrogatepass") for affix in (affixes.prefix, affixes.suffix)
        )
        self[learn_abi.PREFIX], self[learn_abi.SUFFIX] = len(prefix), len(suffix)
        self._point(learn_abi.AFFIX, np.frombuffer(prefix + suffix + b"\0", np.uint8))
        self._array(learn_abi.TEXT, np.uint8, 2 * sum(map(len, spelled)))
        self._arrays[learn_abi.TEXT][: sum(map(len, spelled))] = np.frombuffer(b"".join(spelled), np.uint8)
        self._array(learn_abi.TEXT_STARTS, np.int64, most + 1)
        self._arrays[learn_abi.TEXT_STARTS][1 : len(texts) + 1] = np.cumsum([len(each) for each in spelled])
        self._array(learn_abi.LENGTHS, np.int32, most)
        self._arrays[learn_abi.LENGTHS][: len(texts)] = [affixes.length(text) for text in texts]
        self[learn_abi.NAMES_BITS] = max(most * 2, SMALLEST).bit_length()
        self._array(learn_abi.NAMES, np.int32, 1 << self[learn_abi.NAMES_BITS], learn_abi.EMPTY)
        self._array(learn_abi.MERGED, np.int64, most)
        for side in (learn_abi.LEFT, learn_abi.RIGHT):
            self._array(side + learn_abi.CHANGES, np.int64, most * learn_abi.CHANGE)
            self._array(side + learn_abi.LOST, np.int32, most)
            self._array(side + learn_abi.GAINED, np.int32, most)
            self._array(side + learn_abi.EVENTS, np.int64, SMALLEST)
            self._array(side + learn_abi.TALLY, np.int64, learn_abi.CHANGE)

    def _write(self, words: WordArrays, begun: FirstTokens) -> None:
        """Write the words as records of symbols."""
        for field, array in (
            (learn_abi.CODES, words.codes),
            (learn_abi.SPANS, words.places),
            (learn_abi.WEIGHTS, words.counts),
        ):
            self._point(field, np.ascontiguousarray(array))
        self._point(learn_abi.SYMBOLS, np.ascontiguousarray(begun.symbols))
        self[learn_abi.WEIGHTS + 1] = len(words.counts)
        self[learn_abi.WIDE] = words.codes.itemsize > 1
        numbers = len(words.codes) + learn_abi.HEADER * len(words.counts)
        if numbers > MOST_NUMBERS:
            raise ResourceError(
                f"{len(words.counts)} words are too many", fix="count fewer texts, or leave out rare words"
            )
        self._array(learn_abi.RECORDS, np.int32, numbers)
        while self._run("write_words") == learn_abi.PAUSED:
            pass
        for field in (learn_abi.CODES, learn_abi.SPANS, learn_abi.WEIGHTS, learn_abi.SYMBOLS):
            del self._arrays[field]


UNLIMITED = 1 << 62
STEP = 8  # the threshold falls to an eighth: fewer scans, more pairs


@dataclass(frozen=True, eq=False)
class Learning:
    """All that was learned; every smaller vocabulary can be cut from it.

    tokens: in id order; begun: how many there were before the first merge.
    steps: of each merge the ids of its two tokens, and how many tokens there were then; one may come twice.
    words: the symbols that are left of each word of several characters, if they were to be kept.
    """

    tokens: list[str]
    begun: int
    steps: NDArray[np.int64]
    words: Ragged | None = None

    def merges(self, vocab_size: int | None = None) -> Merges:
        """What learning this size gives; of a pair merged twice the later rank counts."""
        steps, size = self.steps, len(self.tokens)
        if vocab_size is not None:
            size = max(vocab_size, self.begun)
            steps = steps[: np.searchsorted(steps[:, 2], size) + 1 if size > self.begun else 0]
        tokens = self.tokens[:size]
        lefts, rights = (map(tokens.__getitem__, ids[::-1].tolist()) for ids in (steps[:, 0], steps[:, 1]))
        later_first = dict.fromkeys(zip(lefts, rights, strict=True))
        return Merges(dict(zip(tokens, range(size), strict=False)), list(later_first)[::-1])


def learn_compiled(
    words: WordCounts | WordArrays,
    *,
    vocab_size: int,
    special_tokens: Sequence[str] = (),
    min_frequency: int = 0,
    limit_alphabet: int | None = None,
    initial_alphabet: Sequence[str] = (),
    continuing_subword_prefix: str = "",
    end_of_word_suffix: str = "",
    max_token_length: int | None = None,
    keep_words: bool = False,
    progress: Progress = silent,
) -> Learning:
    """Merge the most frequent pair until the vocabulary is full or no pair is frequent enough.

    The counts of all words together must stay below 2 ** 63. With `keep_words` the result tells what became
    of the words.
    """
    if vocab_size > MOST_TOKENS:
        raise RecipeError(f"vocab_size {vocab_size} is too large", fix=f"ask for at most {MOST_TOKENS}")
    arrays = arrays_of_counts(words) if isinstance(words, WordCounts) else words
    affixes = Affixes(continuing_subword_prefix, end_of_word_suffix)
    begun = first_tokens(
        arrays,
        special_tokens=special_tokens,
        initial_alphabet=initial_alphabet,
        limit_alphabet=limit_alphabet,
        affixes=affixes,
    )
    least = max(1, min_frequency)
    for threshold in (first_threshold(arrays.counts, vocab_size, least), 1):
        job = LearnJob(arrays, begun, affixes, vocab_size=vocab_size, progress=progress)
        job[learn_abi.LEAST] = least
        job[learn_abi.LONGEST] = UNLIMITED if max_token_length is None else max_token_length
        if _merged(job, threshold):
            break
    progress("merges", job[learn_abi.TOKENS], job[learn_abi.TOKENS])
    return Learning(job.tokens(), len(begun.vocab), job.merged(), job.words(arrays) if keep_words else None)


def first_threshold(counts: NDArray[np.int64], vocab_size: int, least: int) -> int:
    """A guess at the count of the last pair merged, rather too low: too high costs a second scan.

    Most merges complete a frequent word, so it is near the count of the word whose rank is the size
    asked for: 0.8 to 3.5 times that was seen for English and Korean at 8k, 32k and 64k.
    """
    if not 0 < vocab_size < len(counts):
        return least
    return max(least, int(np.partition(counts, -vocab_size)[-vocab_size]) // 2)


def _merged(job: LearnJob, threshold: int) -> bool:
    """Merge to the end; False when that needs the pairs below the threshold."""
    status = learn_abi.LOWER
    while status == learn_abi.LOWER:
        job[learn_abi.THRESHOLD] = threshold
        job.scan()
        status = job.merge()
        threshold = max(job[learn_abi.LEAST], threshold // STEP)
    return status == learn_abi.DONE
