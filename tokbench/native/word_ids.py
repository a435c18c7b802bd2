"""Ids of a block's texts: its words are numbered, and each different word is made into ids once."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer, models

from tokbench.io.json_files import uncollected
from tokbench.native.byte_alphabet import byte_characters
from tokbench.native.compiler import Loop, loops
from tokbench.native.kernels import count_abi, encode_abi
from tokbench.native.word_counter import LINE_FEED, NO_TEXT, TextBlock, WordTable

if TYPE_CHECKING:
    from tokbench.native.scanner import Rewriter, Scanner, WordSplit


class AddedTokenMatcher:
    """Strings to look for, as the compiled search wants them."""

    def __init__(self, strings: Iterable[str]) -> None:
        utf8 = sorted({each.encode() for each in strings})
        self._utf8 = np.frombuffer(b"".join(utf8) or b"\0", np.uint8)
        self._ends = np.cumsum([0, *map(len, utf8)], dtype=np.int32)
        self._heads = np.full(encode_abi.HEAD_PAIRS, encode_abi.EMPTY, np.int32)
        for number in reversed(range(len(utf8))):
            head = utf8[number][0] << 8
            if len(utf8[number]) == 1:
                self._heads[head : head + 0x100] = number
            else:
                self._heads[head | utf8[number][1]] = number
        self._firsts: NDArray[np.uint8] = np.unique(np.array([each[0] for each in utf8], np.uint8))
        self.strings = frozenset(each.decode() for each in utf8)

    def point(self, job: NDArray[np.int64]) -> None:
        """Write the addresses into a job, which must not outlive this."""
        for field, array in (
            (encode_abi.ADDED, self._utf8),
            (encode_abi.ADDED_ENDS, self._ends),
            (encode_abi.HEADS, self._heads),
            (encode_abi.FIRSTS, self._firsts),
        ):
            job[field] = array.ctypes.data
        job[[encode_abi.ADDED_COUNT, encode_abi.FIRST_COUNT]] = len(self._ends) - 1, len(self._firsts)

    def among(self, text: str) -> bool:
        """Whether the text holds one of them."""
        return any(each in text for each in self.strings)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        """Any of them: where several begin, the longest, as the library has it.

        They go by their first two characters: one after the other, 6,400 take 60 µs at every place.
        """
        heads: dict[str, dict[str, list[str]]] = {}
        for each in sorted(self.strings, key=lambda each: (-len(each), each)):
            heads.setdefault(each[0], {}).setdefault(each[1:2], []).append(each[2:])
        found = []
        for first, seconds in heads.items():
            longer = [f"{re.escape(one)}{_any_of(rests)}" for one, rests in seconds.items() if one]
            found.append(f"{re.escape(first)}(?:{'|'.join(longer + [''] * ('' in seconds))})")
        return re.compile(f"({'|'.join(found)})")

    def parted(self, text: str) -> list[str]:
        """What is before, between and behind them, and they themselves: every second part is one of them.

        >>> AddedTokenMatcher(["<s>", "<s><s>"]).parted("a<s><s>b<s>")
        ['a', '<s><s>', 'b', '<s>', '']
        """
        return self._pattern.split(text)


def _any_of(strings: Sequence[str]) -> str:
    """A pattern of any of these, the first of those that fit."""
    return f"(?:{'|'.join(map(re.escape, strings))})"


def added_token_matcher(tokenizer: Tokenizer) -> tuple[AddedTokenMatcher, AddedTokenMatcher] | str:
    """What to look for in texts as they are, and in normalized ones; or why no search tells what matches.

    A text that holds none has no match. One that does may have one: single_word and special decide that.
    """
    added = tokenizer.get_added_tokens_decoder().values()
    plain = {each.content for each in added if not each.normalized}
    normalized = {each.content for each in added if each.normalized}
    if tokenizer.normalizer is not None:
        normalized |= {tokenizer.normalizer.normalize_str(each) for each in normalized}
    if "" in plain | normalized:
        return "an added token is nothing once it is normalized"
    return AddedTokenMatcher(plain), AddedTokenMatcher(normalized)


@dataclass(frozen=True, eq=False)
class NewWords:
    """Words that have no ids yet: the number of the first, the bytes of all, how many bytes each has."""

    first: int
    arena: NDArray[np.uint8]
    lengths: NDArray[np.int32]


class WordIds:
    """All ids of all words one after the other, and where each word's are: see kernels/encode_abi.py."""

    def __init__(self) -> None:
        self.places = np.zeros(1 << 14, np.uint64)
        self.pool = np.zeros(1 << 16, np.int32)
        self.used = 0

    def make_room(self, words: int, ids: int) -> None:
        """Room for words up to this number, and for so many more ids."""
        self.places = _grown(self.places, words)
        self.pool = _grown(self.pool, self.used + ids + encode_abi.SLACK)

    def put(self, numbers: NDArray[np.int64], ids: NDArray[np.int32], counts: NDArray[np.int64]) -> None:
        """Put down the ids of words: those of the first, then those of the second, and so on."""
        self.make_room(int(numbers[-1]) + 1, len(ids))
        begins = self.used + np.cumsum(counts) - counts
        self.places[numbers] = begins.astype(np.uint64) << np.uint64(encode_abi.COUNT_BITS) | counts.astype(
            np.uint64
        )
        self.pool[self.used : self.used + len(ids)] = ids
        self.used += len(ids)


def _grown(array: NDArray[Any], size: int) -> NDArray[Any]:
    if len(array) >= size:
        return array
    return np.concatenate((array, np.zeros(max(size, 2 * len(array)) - len(array), array.dtype)))


@dataclass(frozen=True, eq=False)
class FramingIds:
    """Ids that stand before and after those of every text."""

    before: NDArray[np.int32]
    after: NDArray[np.int32]


def framing_ids(tokenizer: Tokenizer, *, special: bool) -> FramingIds | str:
    """What the post_processor puts around a text; or why that is not always the same."""
    steps = [] if tokenizer.post_processor is None else [json.loads(tokenizer.post_processor.__getstate__())]
    before: list[int] = []
    after: list[int] = []
    while steps:
        step = steps.pop(0)
        if step["type"] == "Sequence":
            steps = step["processors"] + steps
        elif step["type"] != "ByteLevel":  # that one moves offsets only
            if before or after:
                return "two post-processors add ids"
            found = _fixed(step)
            if found is None:
                return f"the post-processor {step['type']} has no compiled form"
            before, after = found
    if not special:
        before, after = [], []
    return FramingIds(np.array(before, np.int32), np.array(after, np.int32))


def _fixed(step: dict[str, Any]) -> tuple[list[int], list[int]] | None:
    """The ids that one post-processor puts before and after a text."""
    if step["type"] in ("BertProcessing", "RobertaProcessing"):
        return [step["cls"][1]], [step["sep"][1]]
    if step["type"] != "TemplateProcessing":
        return None
    parts: list[list[int]] = [[]]
    for piece in step["single"]:
        if "Sequence" in piece:
            if piece["Sequence"]["id"] != "A":  # there is no other, and the library panics
                return None
            parts.append([])
        else:
            parts[-1] += step["special_tokens"][piece["SpecialToken"]["id"]]["ids"]
    return (parts[0], parts[1]) if len(parts) == 2 else None


Kind = TypeVar("Kind", bound=np.generic)


@dataclass(frozen=True, eq=False)
class IndexedBlock:
    """What became of a block: the words it was the first to have, and what is known of its texts.

    states: PLAIN, or why a text has no words here (kernels/encode_abi.py); ends: where the
    texts end in the block, the first of these numbers excepted.
    """

    new: NewWords
    states: NDArray[np.uint8]
    ends: NDArray[np.int32]


class WordIndexer:
    """Different words, numbered as they come, and the buffers for a block; each thread has its own."""

    def __init__(self, scanner: Scanner, lookup: Mapping[str, Loop]) -> None:
        self._scanner = scanner
        self._loops = lookup
        self.table = WordTable(loops("count"))
        self._job = np.zeros(encode_abi.BLOCK_FIELDS, np.int64)
        self._low = {each: _low(scanner.flags, each[0]) for each in (LINE_FEED, NO_TEXT)}
        self._texts = [np.zeros(0, np.uint8) for _ in range(2)]  # what is read, and what is written
        self._flags = self._states = np.zeros(0, np.uint8)
        self._spans = self._numbers = self._lengths = self._out = np.zeros(0, np.int32)
        self._ends = self._word_ends = self._counts = np.zeros(0, np.int32)
        self.table.job[[count_abi.KIND, count_abi.DIGITS]] = scanner.split.kind, scanner.split.digits
        self.table.point(count_abi.CLASSES, scanner.flags)

    def read(self, block: TextBlock, steps: Sequence[AddedTokenMatcher | Rewriter]) -> IndexedBlock:
        """Number the words of the block after these steps; texts that a step sorts out have none."""
        known, before = len(self.table), int(self.table.job[count_abi.ARENA_USED])
        size = self._load(block)
        self._run("part")
        ends = self._ends.copy()
        for step in steps:
            if isinstance(step, AddedTokenMatcher):
                step.point(self._job)
                self._run("search")
            else:
                size = self._rewrite(step, size)
        self._scan(block.separator, size)
        lengths = self._lengths[: self._job[encode_abi.NEW]]
        return IndexedBlock(NewWords(known, self.table.arena[before:], lengths), self._states.copy(), ends)

    def write(self, ids: WordIds, around: FramingIds) -> tuple[NDArray[np.uint32], NDArray[np.int32]]:
        """The ids of the plain texts of the block read last, and how many each text has."""
        job = self._job
        words, each = int(job[encode_abi.WORDS]), len(around.before) + len(around.after)
        self._room_for_ids(2 * words + each * len(self._states) + encode_abi.SLACK)
        self._counts = np.zeros(len(self._states), np.int32)
        for field, array in (
            (encode_abi.PLACES, ids.places),
            (encode_abi.POOL, ids.pool),
            (encode_abi.BEFORE, around.before),
            (encode_abi.AFTER, around.after),
            (encode_abi.COUNTS, self._counts),
        ):
            job[field] = array.ctypes.data
        job[[encode_abi.BEFORE_COUNT, encode_abi.AFTER_COUNT]] = len(around.before), len(around.after)
        job[[encode_abi.TEXT_AT, encode_abi.WRITTEN]] = 0, 0
        while self._loops["write"](job.ctypes.data):
            self._room_for_ids(2 * len(self._out) + count_abi.CODE_POINTS)
        return self._out[: job[encode_abi.WRITTEN]].view(np.uint32).copy(), self._counts

    def _run(self, name: str) -> None:
        """Run a loop to its end; the table grows whenever it says so."""
        loop = self._loops[name]
        self.table.run(lambda _: loop(self._job.ctypes.data))

    def _load(self, block: TextBlock) -> int:
        """Put the block into the buffers; return its size."""
        job, table, size = self._job, self.table, len(block.utf8)
        self._texts[0] = _room(self._texts[0], size + 3 * count_abi.PADDING)
        self._texts[0][count_abi.PADDING : count_abi.PADDING + size] = np.frombuffer(block.utf8, np.uint8)
        texts = block.utf8.count(block.separator)
        self._states = np.zeros(texts, np.uint8)
        self._ends, self._word_ends = np.full(texts + 1, -1, np.int32), np.zeros(texts + 1, np.int32)
        for field, array in (
            (encode_abi.TABLE, table.job),
            (encode_abi.ENDS, self._ends),
            (encode_abi.STATES, self._states),
            (encode_abi.WORD_ENDS, self._word_ends),
        ):
            job[field] = array.ctypes.data
        job[[encode_abi.TEXTS, encode_abi.TEXT_AT, encode_abi.WORDS, encode_abi.NEW]] = texts, 0, 0, 0
        table.point(count_abi.TEXT, self._texts[0], count_abi.PADDING)
        table.job[[count_abi.START, count_abi.END, count_abi.SEPARATOR]] = 0, size, block.separator[0]
        return size

    def _rewrite(self, step: Rewriter, size: int) -> int:
        """Rewrite the buffer; return its new size."""
        job, table = self.table.job, self.table
        grown = int(step.growth * size) + size * step.prefix
        self._texts[1] = _room(self._texts[1], grown + 3 * count_abi.PADDING)
        table.point(count_abi.OUT, self._texts[1], count_abi.PADDING)
        for field, array in (
            (count_abi.LOW_MAP, step.low),
            (count_abi.ACTIONS, step.actions),
            (count_abi.PLACES, step.places),
            (count_abi.SPELLINGS, step.spellings),
        ):
            table.point(field, array)
        job[[count_abi.END, count_abi.PREFIX]] = size, step.prefix
        self._run("rewrite")
        self._texts.reverse()
        table.point(count_abi.TEXT, self._texts[0], count_abi.PADDING)
        return int(job[count_abi.WRITTEN])

    def _scan(self, separator: bytes, size: int) -> None:
        """Number the words in the buffer."""
        table, text = self.table, self._texts[0]
        text[: count_abi.PADDING] = text[count_abi.PADDING + size : 2 * count_abi.PADDING + size] = separator[
            0
        ]
        self._flags = _room(self._flags, len(text))
        self._flags[: count_abi.PADDING] = count_abi.BORDER
        self._spans = _room(self._spans, 2 * size + 2)
        self._numbers, self._lengths = _room(self._numbers, size + 1), _room(self._lengths, size + 1)
        table.point(count_abi.FLAGS, self._flags, count_abi.PADDING)
        table.point(count_abi.LOW, self._low[separator])
        table.point(count_abi.SPANS, self._spans)
        self._job[encode_abi.NUMBERS] = self._numbers.ctypes.data
        self._job[encode_abi.NEW_LENGTHS] = self._lengths.ctypes.data
        table.job[[count_abi.START, count_abi.END]] = 0, size
        self._run("number")

    def _room_for_ids(self, size: int) -> None:
        """Room for so many ids; those that are written stay."""
        if len(self._out) < size:
            written, self._out = self._out[: self._job[encode_abi.WRITTEN]], np.empty(size, np.int32)
            self._out[: len(written)] = written
        self._job[encode_abi.OUT], self._job[encode_abi.OUT_SIZE] = self._out.ctypes.data, len(self._out)


def _room(buffer: NDArray[Kind], size: int) -> NDArray[Kind]:
    """This buffer, or a larger one if it is too small; of which only what is used takes memory."""
    return buffer if len(buffer) >= size else np.empty(size + size // 4, buffer.dtype)


def _low(flags: NDArray[np.uint8], separator: int) -> NDArray[np.uint8]:
    """The flags of bytes that are characters or separators."""
    low = flags[:256].copy()
    low[128:] = 0
    low[[separator, NO_TEXT[0]]] = count_abi.BORDER
    return low


FEWEST_BITS = 4


class EncodeJob:
    """The task of a compiled model: its numbers, and the arrays they are the addresses of."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self.fields = np.zeros(encode_abi.MODEL_FIELDS, np.int64)
        self._arrays: dict[int, NDArray[Any]] = {}

    def point(self, field: int, array: NDArray[Any]) -> None:
        """Write the address of an array into the task, and keep the array."""
        self._arrays[field] = array
        self.fields[field] = array.ctypes.data

    def run(self, new: NewWords, ids: WordIds) -> NDArray[np.int64]:
        """Make the ids of these words; return which of them are left to the library."""
        ids.make_room(new.first + len(new.lengths), len(new.arena))
        later = np.zeros(len(new.lengths), np.int32)
        for field, array in (
            (encode_abi.ARENA, new.arena),
            (encode_abi.LENGTHS, new.lengths),
            (encode_abi.IDS, ids.pool),
            (encode_abi.ID_PLACES, ids.places),
            (encode_abi.LATER, later),
        ):
            self.fields[field] = array.ctypes.data
        self.fields[[encode_abi.COUNT, encode_abi.NUMBER, encode_abi.IDS_USED]] = (
            len(new.lengths),
            new.first,
            ids.used,
        )
        self.fields[encode_abi.LATER_COUNT] = 0
        self._loop(self.fields.ctypes.data)
        ids.used = int(self.fields[encode_abi.IDS_USED])
        return later[: self.fields[encode_abi.LATER_COUNT]].astype(np.int64)


def byte_level_bpe(tokenizer: Tokenizer, lookup: Mapping[str, Loop]) -> EncodeJob | None:
    """BPE on bytes, or None where the model is another one, or has no token for some byte."""
    model, vocab = tokenizer.model, tokenizer.get_vocab(with_added_tokens=False)
    characters = byte_characters()
    if not isinstance(model, models.BPE) or model.dropout is not None or not vocab.keys() >= {*characters}:
        return None
    if model.continuing_subword_prefix or model.end_of_word_suffix:
        return None
    if sorted(vocab.values()) != list(range(len(vocab))):  # the library cannot write such a model as JSON
        return None
    job = EncodeJob(lookup["merge"])
    job.point(encode_abi.BYTE_IDS, np.array([vocab[each] for each in characters], np.int32))
    job.point(encode_abi.RANKS, np.zeros(encode_abi.LONGEST, np.int64))
    merges = (each if isinstance(each, list) else each.split(" ") for each in merges_of(model))
    _enter(job, lookup["enter"], [vocab[each] for a, b in merges for each in (a, b, a + b)])
    if model.ignore_merges:
        job.fields[encode_abi.WHOLE] = 1
        bytes_of = {character: byte for byte, character in enumerate(characters)}
        spelled = ((token, token_id) for token, token_id in vocab.items() if bytes_of.keys() >= {*token})
        _plant(job, lookup["plant"], ((bytes(map(bytes_of.__getitem__, token)), at) for token, at in spelled))
    return job


def character_bpe(tokenizer: Tokenizer, lookup: Mapping[str, Loop], blank: str) -> EncodeJob | None:
    """BPE on characters, perhaps with bytes for those without a token; None where the model is another one.

    `blank` is what a blank in a word stands for. A word with what has no token at all is the library's.
    """
    model, vocab = tokenizer.model, tokenizer.get_vocab(with_added_tokens=False)
    if not isinstance(model, models.BPE) or model.dropout is not None or model.ignore_merges:
        return None
    if model.continuing_subword_prefix or model.end_of_word_suffix or blank not in vocab:
        return None
    if len(set(vocab.values())) != len(vocab):
        return None
    job = EncodeJob(lookup["merge"])
    characters = np.full(count_abi.CODE_POINTS, encode_abi.NO_TOKEN, np.int32)
    for token, token_id in vocab.items():
        if len(token) == 1:
            characters[ord(token)] = token_id
    characters[ord(" ")] = vocab[blank]
    fallback = [vocab.get(f"<0x{byte:02X}>", encode_abi.NO_TOKEN) for byte in range(0x100)]
    nothing = [encode_abi.NO_TOKEN] * 0x100
    job.point(encode_abi.CHARACTERS, characters)
    job.point(encode_abi.BYTE_IDS, np.array(fallback if model.byte_fallback else nothing, np.int32))
    job.point(encode_abi.RANKS, np.zeros(encode_abi.LONGEST, np.int64))
    merges = (each if isinstance(each, list) else each.split(" ") for each in merges_of(model))
    _enter(job, lookup["enter"], [vocab[each] for a, b in merges for each in (a, b, a + b)])
    return job


def word_piece(tokenizer: Tokenizer, lookup: Mapping[str, Loop]) -> EncodeJob | None:
    """WordPiece, or None where the model is another one."""
    model, vocab = tokenizer.model, tokenizer.get_vocab(with_added_tokens=False)
    if not isinstance(model, models.WordPiece):
        return None
    job = EncodeJob(lookup["cut"])
    prefix = model.continuing_subword_prefix.encode()
    tokens = [
        (prefix, encode_abi.NO_TOKEN),
        *((token.encode(), token_id) for token, token_id in vocab.items()),
    ]
    _plant(job, lookup["plant"], tokens)
    job.fields[encode_abi.INNER_ROOT] = len(prefix)  # planted first: one node after the other
    job.fields[encode_abi.UNKNOWN] = vocab.get(model.unk_token, encode_abi.NO_TOKEN)
    job.fields[encode_abi.MOST_CHARACTERS] = min(model.max_input_chars_per_word, np.iinfo(np.int64).max)
    return job


def merges_of(model: models.BPE) -> list[Any]:
    """The merges in order, each a list of two tokens or, as it used to be, both with a blank between."""
    with uncollected():
        found: list[Any] = json.loads(model.__getstate__())["merges"]
    return found


def _enter(job: EncodeJob, loop: Loop, merges: list[int]) -> None:
    """Make the table of these merges: left, right and result of one after the other."""
    count = len(merges) // 3
    bits = max(FEWEST_BITS, (2 * count).bit_length())
    job.point(encode_abi.PAIRS, np.full(2 << bits, encode_abi.EMPTY, np.int64))
    job.point(encode_abi.MERGES, np.array(merges, np.int32))
    job.fields[[encode_abi.PAIR_BITS, encode_abi.MERGE_COUNT]] = bits, count
    loop(job.fields.ctypes.data)


def _plant(job: EncodeJob, loop: Loop, tokens: Iterable[tuple[bytes, int]]) -> None:
    """Make the trie of these tokens."""
    utf8, ids = zip(*tokens, strict=True)
    size = sum(map(len, utf8))
    bits = max(FEWEST_BITS, (2 * size).bit_length())
    job.point(encode_abi.EDGES, np.full(2 << bits, encode_abi.EMPTY, np.int64))
    job.point(encode_abi.ACCEPTS, np.full(size + 1, encode_abi.NO_TOKEN, np.int32))
    job.point(encode_abi.TOKENS, np.frombuffer(b"".join(utf8) or b"\0", np.uint8))
    job.point(encode_abi.TOKEN_ENDS, np.cumsum([*map(len, utf8)], dtype=np.int32))
    job.point(encode_abi.TOKEN_IDS, np.array(ids, np.int32))
    job.fields[[encode_abi.EDGE_BITS, encode_abi.TOKEN_COUNT]] = bits, len(ids)
    loop(job.fields.ctypes.data)


def _job(tokenizer: Tokenizer, split: WordSplit, lookup: Mapping[str, Loop]) -> EncodeJob | None:
    """What makes ids of the words of this split, None where the library has to."""
    if split.bytewise:
        return byte_level_bpe(tokenizer, lookup)
    found = word_piece(tokenizer, lookup) if split.blank == " " else None
    return found or character_bpe(tokenizer, lookup, split.blank)


AT_ONCE = 4096  # words in one call of the library


class WordModel:
    """Makes ids of words, each of them as if it stood alone."""

    def __init__(self, tokenizer: Tokenizer, split: WordSplit, lookup: Mapping[str, Loop]) -> None:
        self._split = split
        self._library = Tokenizer(tokenizer.model)
        self._characters = byte_characters()
        self._job = _job(tokenizer, split, lookup)

    def add(self, new: NewWords, ids: WordIds) -> None:
        """Make the ids of these words."""
        if not len(new.lengths):
            return
        later = np.arange(len(new.lengths)) if self._job is None else self._job.run(new, ids)
        self._ask(new, later, ids)

    def _ask(self, new: NewWords, which: NDArray[np.int64], ids: WordIds) -> None:
        """Make the ids of some of these words by the library's model."""
        ends = np.cumsum(new.lengths, dtype=np.int64)
        for start in range(0, len(which), AT_ONCE):
            part = which[start : start + AT_ONCE]
            words = [
                self._spelled(new.arena[begin:end].tobytes())
                for begin, end in zip((ends - new.lengths)[part].tolist(), ends[part].tolist(), strict=True)
            ]
            [found] = self._library.encode_batch([words], is_pretokenized=True, add_special_tokens=False)
            counts = np.bincount(np.array(found.word_ids, np.int64), minlength=len(words))
            ids.put(new.first + part, np.array(found.ids, np.int32), counts)

    def _spelled(self, word: bytes) -> str:
        """A word as the library spells it."""
        if self._split.bytewise:
            return "".join([self._characters[byte] for byte in word])
        return word.decode().replace(" ", self._split.blank)
