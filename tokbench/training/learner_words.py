"""Words as arrays, and the first vocabulary of BPE in them: symbols.py for half a million words at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tokbench.errors import DataProblem
from tokbench.training.counts import WordCounts
from tokbench.training.symbols import Affixes, kept_alphabet

PLACES = ("alone", "first", "middle", "last")  # in the order of merging/layout.py
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


def of_counts(words: WordCounts) -> WordArrays:
    """Words counted in Python."""
    codes = np.frombuffer("".join(words.counts).encode("utf-32-le", "surrogatepass"), np.uint32)
    ends = np.cumsum(np.fromiter(map(len, words.counts), np.int64, len(words.counts)))
    places = np.stack([np.concatenate([[0], ends])[:-1], ends], axis=1)
    try:
        counts = np.fromiter(words.counts.values(), np.int64, len(words.counts))
    except OverflowError as error:
        raise DataProblem("a word occurs more often than 63 bits can say", fix="divide all counts") from error
    return WordArrays(codes, places.astype(np.int64), counts)


def of_bytes(
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


def byte_characters() -> list[str]:
    """The character that ByteLevel writes for each byte: itself if it can be seen, else from U+0100 on."""
    unseen = [byte for byte in range(0x100) if byte <= 0x20 or 0x7F <= byte <= 0xA0 or byte == 0xAD]
    characters = [chr(byte) for byte in range(0x100)]
    for number, byte in enumerate(unseen):
        characters[byte] = chr(0x100 + number)
    return characters


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
    """The special tokens, the alphabet, and the alphabet with affixes, as symbols.start has them."""
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
