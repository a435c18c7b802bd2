"""The words of a corpus, and the ids that the model of a tokenizer gives them by itself."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from tokbench.io.library_errors import parse_tokenizer
from tokbench.native.byte_alphabet import byte_characters
from tokbench.native.compiler import loops
from tokbench.native.corpus_encoder import by_library
from tokbench.native.kernels import count_abi, encode_abi
from tokbench.native.ragged import Ragged, starts_of, taken
from tokbench.native.scanner import WordSplit
from tokbench.native.word_counter import CompiledCounts
from tokbench.native.word_ids import NewWords, WordIds, WordModel
from tokbench.training.counting.store import PackedWords, packed_of_compiled
from tokbench.training.engine import ENCODING, choose_engine

BYTES = {f"<0x{byte:02X}>": byte for byte in range(256)}  # the pieces of byte fallback
UNKNOWN_PENALTY = 10.0  # kUnkPenalty of SentencePiece, and of the library
PROVED = 500  # words that the library is asked for, too


class SpelledWords:
    """The words of a corpus as the vocabulary spells them, and as bytes where ByteLevel spells them."""

    def __init__(self, spelled: PackedWords | None, in_bytes: PackedWords | None = None) -> None:
        self._spelled, self._in_bytes = spelled, in_bytes
        first = spelled if in_bytes is None else in_bytes
        assert first is not None
        self.counts = first.counts

    @classmethod
    def of(cls, words: PackedWords, *, in_bytes: bool = False) -> SpelledWords:
        """These words, which are spelled, or still bytes."""
        return cls(None, words) if in_bytes else cls(words)

    def __len__(self) -> int:
        return len(self.counts)

    @cached_property
    def packed(self) -> PackedWords:
        """The words in the vocabulary's spelling."""
        if self._spelled is not None:
            return self._spelled
        assert self._in_bytes is not None
        words = self._in_bytes
        return packed_of_compiled(CompiledCounts(words.utf8, words.places, words.counts, True, " "))

    @cached_property
    def in_bytes(self) -> PackedWords | None:
        """The bytes that they spell; None where a character is no byte's."""
        return bytes_spelled(self.packed) if self._in_bytes is None else self._in_bytes

    def strings(self) -> list[str]:
        """The words as strings."""
        return [word.decode() for word in self.packed.words()]

    def part(self, rows: NDArray[np.int64]) -> SpelledWords:
        """The words of these numbers alone."""
        known = self._in_bytes is not None
        shown = self._in_bytes if self._in_bytes is not None else self.packed
        return SpelledWords.of(shown.take(rows), in_bytes=known)


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


@dataclass(frozen=True)
class ModelAlone:
    """The model of a tokenizer as a tokenizer of single words.

    whole: the tokenizer.json that it is of. merges_all: that no word is looked up whole (ignore_merges),
    since words are parts of what the tokenizer looks up.
    """

    whole: Mapping[str, Any]
    library: Tokenizer
    merges_all: bool = False

    @classmethod
    def of(
        cls, raw: Mapping[str, Any], read: Tokenizer | None = None, *, merges_all: bool = False
    ) -> ModelAlone:
        """That of a tokenizer.json, which need not be read again where it is `read` already."""
        model = raw["model"]
        merges_all = merges_all and bool(model.get("ignore_merges"))
        if read is not None and not merges_all:
            return cls(raw, Tokenizer(read.model))
        model = {**model, "ignore_merges": False} if merges_all else model
        bare: dict[str, object] = {"version": "1.0", "added_tokens": [], "model": model}
        read = parse_tokenizer(json.dumps(bare, ensure_ascii=False), name="the model")
        return cls(raw, read, merges_all)

    def grown(self, raw: Mapping[str, Any], read: Tokenizer | None = None) -> ModelAlone:
        """The model of this tokenizer.json, which goes on from here."""
        return ModelAlone.of(raw, read, merges_all=self.merges_all)

    @property
    def raw(self) -> Mapping[str, Any]:
        """What tokenizer.json says of the model."""
        model: Mapping[str, Any] = self.whole["model"]
        return model

    @property
    def kind(self) -> str:
        """BPE, WordPiece or Unigram."""
        return type(self.library.model).__name__

    @property
    def prefix(self) -> str:
        """What a token begins with that does not begin its word, such as ##; "" for none."""
        return str(self.raw.get("continuing_subword_prefix") or "")

    @cached_property
    def vocab(self) -> dict[str, int]:
        """Token → id."""
        told = self.raw["vocab"]
        return dict(told) if isinstance(told, Mapping) else {each[0]: at for at, each in enumerate(told)}

    @cached_property
    def unknown(self) -> int | None:
        """The id of what has no token."""
        if self.kind == "Unigram":
            number: int | None = self.raw.get("unk_id")
            return number
        return self.vocab.get(self.raw.get("unk_token") or "")

    @property
    def suffixed(self) -> bool:
        """Whether a character's token depends on where in a word it stands, in other ways than by prefix."""
        return bool(self.raw.get("end_of_word_suffix") or (self.kind == "BPE" and self.prefix))

    @cached_property
    def unknown_score(self) -> float:
        """Of a Unigram: what the library scores a character that has no piece with; 0 of other models."""
        return self.lowest - UNKNOWN_PENALTY if self.kind == "Unigram" else 0.0

    @cached_property
    def lowest(self) -> float:
        """Of a Unigram: the lowest score."""
        return min((float(score) for _, score in self.raw["vocab"]), default=0.0)

    @cached_property
    def apart(self) -> list[int]:
        """The ids of what is no token of a text: of what is unknown, and of single bytes."""
        names = BYTES if self.raw.get("byte_fallback") else ()
        unknown = () if self.unknown is None else (self.unknown,)
        return sorted({*unknown, *(self.vocab[name] for name in names if name in self.vocab)})

    def ids(self, words: SpelledWords, engine: str = "auto") -> Ragged:
        """The ids of each word: by the compiled loops where they can, some proved."""
        split = self._split(words)
        if split is not None:
            shown = words.in_bytes if split.bytewise else words.packed
            assert shown is not None
            choice = choose_engine(ENCODING, engine, size=len(shown.utf8))
            found = self._compiled(words, shown, split) if choice.compiled else None
            if found is not None:
                return found
        return by_library(self.library, words.strings(), special=False)

    def _split(self, words: SpelledWords) -> WordSplit | None:
        """How the loops are told of words as they are spelled; None where no loop has the model."""
        if self.kind == "Unigram":
            return None
        if self.kind == "BPE" and words.in_bytes is not None:
            return WordSplit(count_abi.RUNS, np.zeros_like, bytewise=True)
        if self.kind == "WordPiece" or " " in self.vocab:
            return WordSplit(count_abi.RUNS, np.zeros_like)
        single = next(
            (token for token in self.vocab if len(token) == 1), None
        )  # what no word's blank stands for
        if single is None or (words.packed.utf8 == ord(" ")).any():
            return None
        return WordSplit(count_abi.RUNS, np.zeros_like, blank=single)

    def _compiled(self, words: SpelledWords, shown: PackedWords, split: WordSplit) -> Ragged | None:
        """The ids by the compiled loops; None where the library has others for some words."""
        ids = WordIds()
        model = WordModel(self.library, split, loops("encode"))
        model.add(NewWords(0, shown.utf8, shown.lengths.astype(np.int32)), ids)
        places = ids.places[: len(words)]
        counts = (places & np.uint64((1 << encode_abi.COUNT_BITS) - 1)).astype(np.int64)
        begins = (places >> np.uint64(encode_abi.COUNT_BITS)).astype(np.int64)
        starts = starts_of(counts)
        found = Ragged(_in_turn(ids.pool, begins, counts).astype(np.uint32), starts)
        return found if self.agrees(words, found) else None

    def agrees(self, words: SpelledWords, ids: Ragged) -> bool:
        """Whether the library has these ids for PROVED words from all over, the first ones among them."""
        half = PROVED // 2
        spread = np.linspace(0, max(0, len(words) - 1), half, dtype=np.int64)
        rows = np.unique(np.concatenate([np.arange(min(half, len(words))), spread[: len(words)]]))
        proof = by_library(self.library, words.part(rows).strings(), special=False)
        mark = np.zeros(len(words), bool)
        mark[rows] = True
        told = taken(ids, mark)
        return np.array_equal(proof.ids, told.ids) and np.array_equal(proof.starts, told.starts)

    def in_parts(self, tokens: Sequence[str]) -> list[str]:
        """Those of these tokens that do not come out of their own text whole, without looking words up.

        A token that does not begin its word is read behind single characters that do.
        """
        if self.kind != "WordPiece":
            return [token for token, ids in zip(tokens, self._merged(tokens), strict=True) if len(ids) != 1]
        inner = [token for token in tokens if token.startswith(self.prefix)]
        begun = [token for token in tokens if not token.startswith(self.prefix)]
        parted = {token for token, ids in zip(begun, self.of_texts(begun), strict=True) if len(ids) != 1}
        parted.update(token for token in inner if not self._follows(token))
        return [token for token in tokens if token in parted]

    def _merged(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of these texts, each as one word that is not looked up."""
        model = self.library.model  # of the tokenizer that was read, too: as it was when this is done
        if self.kind != "BPE":
            return self.of_texts(texts)
        was = model.ignore_merges, model.dropout
        model.ignore_merges, model.dropout = False, None
        try:
            return self.of_texts(texts)
        finally:
            model.ignore_merges, model.dropout = was

    def _follows(self, token: str) -> bool:
        """Whether some single character is followed by this token whole."""
        rest, number = token.removeprefix(self.prefix), self.vocab[token]
        texts = [first + rest for first in self.vocab if len(first) == 1]
        return any(len(ids) == 2 and ids[1] == number for ids in self.of_texts(texts))

    def of_texts(self, texts: Iterable[str]) -> list[list[int]]:
        """The ids of each of a few texts, each as one word."""
        return [each.ids for each in self.library.encode_batch_fast(list(texts))]


def _in_turn(
    pool: NDArray[np.int32], begins: NDArray[np.int64], counts: NDArray[np.int64]
) -> NDArray[np.int32]:
    """The ids of words that begin at these places: nearly all lie in turn, only the library's come last."""
    ends = begins + counts
    jumps = np.flatnonzero(begins[1:] != ends[:-1]) + 1
    first, last = np.append(0, jumps), np.append(jumps, len(begins)) - 1
    runs = zip(begins[first].tolist(), ends[last].tolist(), strict=True) if len(begins) else ()
    return np.concatenate([pool[:0], *(pool[start:end] for start, end in runs)])


__all__ = ["BYTES", "ModelAlone", "SpelledWords", "bytes_spelled"]
