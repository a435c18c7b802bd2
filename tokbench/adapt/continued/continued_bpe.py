"""More merges for a BPE that exists, learned where its own merges end.

Words are cut into the old tokens, and learning goes on from there, as BPE itself would have. A merge that
comes after all old ones never fires before one of them, so the new tokens only remove boundaries: no old text
gets one that it did not have, and every new token comes out whole. That takes a vocabulary whose tokens all
come out whole themselves; where some do not, a new merge may spell one of them, and none is made that does.
This is the continued training of Purason et al. (arXiv 2512.03989), with ties decided as the library's
trainer decides them, by count and then by lower ids.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from tokbench.errors import UsageError
from tokbench.io.library_errors import parse_tokenizer
from tokbench.native.byte_alphabet import byte_characters
from tokbench.native.compiler import loops
from tokbench.native.corpus_encoder import by_library
from tokbench.native.kernels import count_abi, encode_abi
from tokbench.native.ragged import Ragged, starts_of
from tokbench.native.scanner import WordSplit
from tokbench.native.word_ids import NewWords, WordIds, WordModel
from tokbench.progress import Progress, silent
from tokbench.training.bpe import Merges, learn
from tokbench.training.bpe_compiled import WordArrays
from tokbench.training.counting.store import PackedWords
from tokbench.training.engine import ENCODING, LEARNING, EngineChoice, choose_engine
from tokbench.training.word_counts import WordCounts

PRIVATE = 0x10000  # a word is spelled in private characters, this one for the id 0
MOST_IDS = 0x110000 - PRIVATE
COVERAGE = 0.9995  # of the characters that the vocabulary lacks: SentencePiece's character_coverage
BYTES = {f"<0x{byte:02X}>": byte for byte in range(256)}  # the pieces of byte fallback


@dataclass(frozen=True)
class ContinuedBPE:
    """What was learned of the words of a corpus.

    tokens: new token → id, the first learned first, characters before merges. merges: the pairs that become
    them; parts: new token → the pair that made it first. pieces: new token → the old ids it is made of.
    characters: how many of the tokens are characters that the vocabulary lacked. refused: merges that spell
    a token which is there and does not come out.
    before: the old ids of each word. choice: what learned, and why that is not the compiled loops.
    """

    tokens: dict[str, int]
    merges: list[tuple[str, str]]
    parts: dict[str, tuple[str, str]]
    pieces: dict[str, tuple[int, ...]]
    characters: int
    refused: int
    choice: EngineChoice
    before: Ragged


@dataclass(frozen=True, eq=False)
class SpelledWords:
    """The words of a corpus as the vocabulary spells them, and as bytes where ByteLevel spells them."""

    packed: PackedWords
    in_bytes: PackedWords | None

    @classmethod
    def of(cls, words: PackedWords) -> SpelledWords:
        """These words."""
        return cls(words, bytes_spelled(words))


@dataclass(frozen=True)
class ModelAlone:
    """The model of a tokenizer as a tokenizer of single words, and what its JSON says."""

    raw: Mapping[str, Any]
    library: Tokenizer

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> ModelAlone:
        """That of a tokenizer.json."""
        bare = {"version": "1.0", "added_tokens": [], "model": raw["model"]}
        return cls(raw["model"], parse_tokenizer(json.dumps(bare, ensure_ascii=False), name="the model"))

    def ids(self, words: SpelledWords, engine: str = "auto") -> Ragged:
        """The ids of each word: by the compiled loops where words are spelled in bytes, first ones proved."""
        if words.in_bytes is not None:
            choice = choose_engine(ENCODING, engine, size=len(words.in_bytes.utf8))
            found = self._compiled(words.in_bytes) if choice.compiled else None
            if found is not None:
                return found
        return by_library(self.library, list(map(bytes.decode, words.packed.words())), special=False)

    def _compiled(self, words: PackedWords) -> Ragged | None:
        """The ids by the compiled loops; None where the library has others for the first words."""
        ids = WordIds()
        everything = WordSplit(count_abi.RUNS, np.zeros_like, bytewise=True)
        model = WordModel(self.library, everything, loops("encode"))
        model.add(NewWords(0, words.utf8, words.lengths.astype(np.int32)), ids)
        places = ids.places[: len(words)]
        counts = (places & np.uint64((1 << encode_abi.COUNT_BITS) - 1)).astype(np.int64)
        begins = (places >> np.uint64(encode_abi.COUNT_BITS)).astype(np.int64)
        starts = starts_of(counts)
        at = np.arange(starts[-1]) + np.repeat(begins - starts[:-1], counts)
        found = Ragged(ids.pool[at].astype(np.uint32), starts)
        first = words.part(0, PROVED)
        spelled = ["".join(map(byte_characters().__getitem__, word)) for word in first.words()]
        proof = by_library(self.library, spelled, special=False)
        same = np.array_equal(proof.ids, found.ids[: found.starts[len(first)]])
        return found if same else None

    def in_parts(self, tokens: Sequence[str]) -> list[str]:
        """Those of these tokens that merges do not make whole of their own text, without looking words up."""
        self.library.model.ignore_merges, self.library.model.dropout = False, None
        return [token for token, ids in zip(tokens, self.of_texts(tokens), strict=True) if len(ids) != 1]

    def of_texts(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each of a few texts, each as one word."""
        return [each.ids for each in self.library.encode_batch_fast(list(texts))]


PROVED = 500  # words that the library is asked for, too


def bytes_spelled(words: PackedWords) -> PackedWords | None:
    """Words in ByteLevel's alphabet as the bytes that they spell; None where a character is no byte's."""
    letters = np.frombuffer(words.utf8.tobytes().decode().encode("utf-32-le"), np.uint32)
    alphabet = np.array([ord(each) for each in byte_characters()], np.uint32)
    byte_of = np.full(int(alphabet.max()) + 1, -1, np.int16)
    byte_of[alphabet] = np.arange(256)
    if len(letters) and int(letters.max()) >= len(byte_of):
        return None
    found = byte_of[letters]
    if (found < 0).any():
        return None
    begun = np.concatenate([[0], np.cumsum(words.utf8 & 0xC0 != 0x80)])
    ends = np.cumsum(words.lengths)
    lengths = np.diff(begun[np.concatenate([[0], ends])])
    return PackedWords(found.astype(np.uint8), lengths, words.counts)


def unreachable(raw: Mapping[str, Any]) -> list[str]:
    """Tokens of a BPE that its merges never make of their own text: the model alone, words not looked up.

    Pieces of byte fallback and tokens of a single character are not asked.
    """
    added = {entry["content"] for entry in raw.get("added_tokens") or ()}
    asked = [
        token
        for token in raw["model"]["vocab"]
        if len(token) > 1 and token not in added and token not in BYTES
    ]
    return ModelAlone.of(raw).in_parts(asked)


def continue_bpe(
    raw: Mapping[str, Any],
    words: SpelledWords,
    size: int,
    *,
    min_frequency: int = 2,
    max_token_length: int | None = None,
    has_dead: bool = False,
    engine: str = "auto",
    progress: Progress = silent,
) -> ContinuedBPE:
    """Learn up to `size` tokens from words as normalizer and pre_tokenizer leave them.

    `raw` is the tokenizer.json. `max_token_length` counts characters as they are spelled in the vocabulary.
    `has_dead` says that some tokens are unreachable. New ids follow the highest one. UsageError where ids are
    too many to be learned from.
    """
    learner = _Continued(raw, words, size=size, min_frequency=min_frequency, engine=engine)
    limited = has_dead or max_token_length is not None
    why = "a merge may be refused" if has_dead else "tokens have a longest"
    choice = EngineChoice("python", why)
    if not limited:
        choice = choose_engine(LEARNING, engine, size=len(learner.words.counts), progress=progress)
    return learner.result(learner.learn(choice, max_token_length, progress), choice)


class _Continued:
    """Words of private characters, one for each old token, and what the characters stand for."""

    def __init__(
        self, raw: Mapping[str, Any], words: SpelledWords, *, size: int, min_frequency: int, engine: str
    ) -> None:
        self.vocab: dict[str, int] = raw["model"]["vocab"]
        added = {entry["content"]: int(entry["id"]) for entry in raw.get("added_tokens") or ()}
        self.taken = {**self.vocab, **added}
        self.next = max(self.taken.values(), default=-1) + 1
        if self.next + size > MOST_IDS:
            ids = f"{self.next + size:,} ids"
            raise UsageError(f"{ids} are more than can be learned from", fix="--tokens 1000")
        self.size, self.least = size, min_frequency
        self.alone = ModelAlone.of(raw)
        self.texts = {number: token for token, number in self.vocab.items()}
        self.characters: dict[str, int] = {}
        self.refused = 0
        self.before = self.alone.ids(words, engine)
        self.words = self._spelled(words.packed, self.before)

    def _spelled(self, words: PackedWords, ids: Ragged) -> WordArrays:
        """The words of several tokens as private characters."""
        lengths = ids.lengths
        odd = np.isin(ids.ids, self._odd())
        broken = np.bincount(np.repeat(np.arange(len(lengths)), lengths)[odd], minlength=len(lengths)) > 0
        kept = (lengths > 1) & ~broken
        codes = [ids.ids[np.repeat(kept, lengths)].astype(np.uint32) + np.uint32(PRIVATE)]
        sizes, counts = [lengths[kept]], [words.counts[kept]]
        affixes = ("continuing_subword_prefix", "end_of_word_suffix")
        if broken.any() and not any(map(self.alone.raw.get, affixes)):
            odd_ones = words.take(np.flatnonzero(broken))
            told = list(zip(map(bytes.decode, odd_ones.words()), odd_ones.counts.tolist(), strict=True))
            self._take_characters(told)
            parts = [
                (part, count) for word, count in told for part in self._with_characters(word) if len(part) > 1
            ]
            codes.append(np.frombuffer("".join(part for part, _ in parts).encode("utf-32-le"), np.uint32))
            sizes.append(np.array([len(part) for part, _ in parts], np.int64))
            counts.append(np.array([count for _, count in parts], np.int64))
        starts = starts_of(np.concatenate(sizes))
        places = np.stack([starts[:-1], starts[1:]], axis=1)
        return WordArrays(np.concatenate(codes), places, np.concatenate(counts))

    def _odd(self) -> list[int]:
        """The ids of what stands for characters that the vocabulary lacks: unknown, and single bytes."""
        model = self.alone.raw
        names = [*BYTES] if model.get("byte_fallback") else []
        names += [model["unk_token"]] if model.get("unk_token") else []
        return [self.vocab[name] for name in names if name in self.vocab]

    def _take_characters(self, words: Sequence[tuple[str, int]]) -> None:
        """Give ids to the most frequent characters that the vocabulary lacks, at most half of all there are.

        So many that COVERAGE of what is missing is covered, each frequent enough.
        """
        missing: Counter[str] = Counter()
        for word, count in words:
            for character in word:
                if character not in self.vocab:
                    missing[character] += count
        wanted, covered = missing.total() * COVERAGE, 0
        for character, count in sorted(missing.items(), key=lambda each: (-each[1], each[0])):
            if covered >= wanted or count < self.least or len(self.characters) >= max(1, self.size // 2):
                break
            covered += count
            self.characters[character] = self.next
            self.texts[self.next] = character
            self.next += 1

    def _with_characters(self, word: str) -> Iterator[str]:
        """The parts of a word between characters that stay unknown, in private characters."""
        part = run = ""
        for character in (*word, ""):
            if character in self.vocab and character:
                run += character
                continue
            if run:
                part += "".join(chr(PRIVATE + each) for each in self.alone.of_texts([run])[0])
                run = ""
            if character in self.characters:
                part += chr(PRIVATE + self.characters[character])
            else:
                yield part
                part = ""

    def learn(self, choice: EngineChoice, longest: int | None, progress: Progress) -> Merges:
        """The merges of the private words, by whichever engine was chosen."""
        alphabet = len(np.unique(self.words.codes))
        size = alphabet + max(0, self.size - len(self.characters))
        if choice.compiled:
            from tokbench.training.bpe_compiled import learn_compiled

            found = learn_compiled(self.words, vocab_size=size, min_frequency=self.least, progress=progress)
            merges = found.merges()
            if not any(self.spell(left + right) in self.taken for left, right in merges.merges):
                return merges
        return learn(
            self._as_counts(),
            vocab_size=size,
            min_frequency=self.least,
            refused=partial(self._refuses, longest, {}),
            progress=progress,
        )

    def _as_counts(self) -> WordCounts:
        """The private words as strings."""
        text = self.words.codes.tobytes().decode("utf-32-le")
        counts: Counter[str] = Counter()
        for (start, end), count in zip(self.words.places.tolist(), self.words.counts.tolist(), strict=True):
            counts[text[start:end]] += count
        return WordCounts.of(counts)

    def _refuses(self, longest: int | None, made: dict[str, str], joined: str) -> bool:
        """Whether these private characters spell a token that is there, or one that is too long."""
        text = self.spell(joined)
        is_taken = text in self.taken or made.setdefault(text, joined) != joined
        self.refused += is_taken
        return is_taken or (longest is not None and len(text) > longest)

    def spell(self, private: str) -> str:
        """The text that private characters stand for."""
        prefix = str(self.alone.raw.get("continuing_subword_prefix") or "")
        parts = [self.texts[ord(each) - PRIVATE] for each in private]
        return "".join((parts[0], *(part.removeprefix(prefix) for part in parts[1:])))

    def result(self, learned: Merges, choice: EngineChoice) -> ContinuedBPE:
        """What was learned, spelled out."""
        tokens = dict(self.characters)
        pieces = {character: self._old_pieces(character) for character in tokens}
        merges: list[tuple[str, str]] = []
        parts: dict[str, tuple[str, str]] = {}
        private: dict[str, str] = {}
        for left, right in learned.merges:
            text = self.spell(left + right)
            if private.setdefault(text, left + right) != left + right:
                continue  # another cut of the same text: the first has made the token
            if text not in tokens:
                tokens[text] = self.next + len(tokens) - len(self.characters)
                pieces[text] = tuple(
                    chain.from_iterable(self._ids_of(ord(each) - PRIVATE) for each in left + right)
                )
            merges.append((self.spell(left), self.spell(right)))
            parts.setdefault(text, merges[-1])
        return ContinuedBPE(
            tokens, merges, parts, pieces, len(self.characters), self.refused, choice, self.before
        )

    def _ids_of(self, number: int) -> Sequence[int]:
        """An old id as it is; a new character's as the ids that it had."""
        text = self.texts[number]
        return self._old_pieces(text) if text in self.characters else (number,)

    def _old_pieces(self, character: str) -> tuple[int, ...]:
        """The ids of a character's bytes; none where it was unknown."""
        if not self.alone.raw.get("byte_fallback"):
            return ()
        names = [f"<0x{byte:02X}>" for byte in character.encode()]
        return tuple(self.vocab[name] for name in names if name in self.vocab)


def with_merges(raw: Mapping[str, Any], found: ContinuedBPE) -> dict[str, Any]:
    """The tokenizer.json with these tokens and merges at its end.

    Added tokens are put into the vocabulary as well: the library numbers those that are not in it after the
    size of the vocabulary, which grows.
    """
    model = raw["model"]
    added = {entry["content"]: entry["id"] for entry in raw.get("added_tokens") or ()}
    vocab = dict(sorted({**model["vocab"], **added, **found.tokens}.items(), key=lambda each: each[1]))
    old = [each if isinstance(each, list) else each.split(" ") for each in model["merges"]]
    return {**raw, "model": {**model, "vocab": vocab, "merges": [*old, *map(list, found.merges)]}}
