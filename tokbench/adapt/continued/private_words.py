"""Words spelled in private characters, one for each id: so learning goes on from the ids that words have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tokbench.adapt.continued.learned_tokens import added_to
from tokbench.errors import UsageError
from tokbench.native.ragged import Ragged, interleaved, starts_of, taken
from tokbench.progress import Progress, silent
from tokbench.training.bpe import Merges, learn
from tokbench.training.bpe_compiled import WordArrays
from tokbench.training.word_counts import WordCounts

if TYPE_CHECKING:
    from tokbench.adapt.continued.spelled_words import ModelAlone, SpelledWords

PRIVATE = 0x10000  # the character that the id 0 is spelled as
MOST_IDS = 0x110000 - PRIVATE
COVERAGE = 0.9995  # of the characters that the vocabulary lacks: SentencePiece's character_coverage


@dataclass(frozen=True, eq=False)
class PrivateWords:
    """Words of at least two ids in private characters. texts: id → token; prefix: of inner tokens, or ""."""

    arrays: WordArrays
    texts: Mapping[int, str]
    prefix: str = ""

    @classmethod
    def of(
        cls,
        ids: Ragged,
        counts: NDArray[np.int64],
        texts: Mapping[int, str],
        *,
        apart: Collection[int] = (),
        prefix: str = "",
    ) -> PrivateWords:
        """Words of these ids, each so often; those `apart` stand between words."""
        parts, weights = _parted(ids, counts, apart)
        sizes = parts.lengths
        several = sizes > 1
        codes = parts.ids[np.repeat(several, sizes)].astype(np.uint32) + np.uint32(PRIVATE)
        starts = starts_of(sizes[several])
        places = np.stack([starts[:-1], starts[1:]], axis=1)
        return cls(WordArrays(codes, places, np.ascontiguousarray(weights[several])), texts, prefix)

    def __len__(self) -> int:
        return len(self.arrays.counts)

    def learn(
        self,
        size: int,
        *,
        min_frequency: int,
        compiled: bool,
        refused: Callable[[str], bool] | None = None,
        progress: Progress = silent,
    ) -> tuple[Merges, Ragged | None]:
        """Up to `size` merges of private characters, and what the compiled loops leave of each word.

        Those are numbers of the vocabulary. Only Python takes what is `refused`.
        """
        seen = np.zeros(MOST_IDS + PRIVATE, bool)
        seen[self.arrays.codes] = True
        alphabet = int(seen.sum())
        if compiled:
            from tokbench.training.bpe_compiled import learn_compiled

            found = learn_compiled(
                self.arrays,
                vocab_size=alphabet + size,
                min_frequency=min_frequency,
                keep_words=True,
                progress=progress,
            )
            return found.merges(), found.words
        merges = learn(
            self._as_counts(),
            vocab_size=alphabet + size,
            min_frequency=min_frequency,
            refused=refused,
            progress=progress,
        )
        return merges, None

    def _as_counts(self) -> WordCounts:
        """The private words as strings."""
        text = self.arrays.codes.tobytes().decode("utf-32-le")
        counts: Counter[str] = Counter()
        for (start, end), count in zip(self.arrays.places.tolist(), self.arrays.counts.tolist(), strict=True):
            counts[text[start:end]] += count
        return WordCounts.of(counts)

    def spell(self, private: str) -> str:
        """The text that private characters stand for."""
        first, *others = (self.texts[ord(each) - PRIVATE] for each in private)
        return "".join((first, *(each.removeprefix(self.prefix) for each in others)))


def ids_of(private: str) -> list[int]:
    """The ids that private characters stand for."""
    return [ord(each) - PRIVATE for each in private]


@dataclass(frozen=True, eq=False)
class Start:
    """Where learning goes on: words in ids once the characters that the vocabulary lacked have tokens.

    alone: the old model. before: the old ids of each word; ids: with the new characters. characters: their
    tokens → ids; taken: all tokens that there are → ids. words: those of several ids, in private characters.
    """

    alone: ModelAlone
    before: Ragged
    ids: Ragged
    characters: Mapping[str, int]
    taken: Mapping[str, int]
    words: PrivateWords

    @classmethod
    def of(
        cls, alone: ModelAlone, words: SpelledWords, *, size: int, min_frequency: int, engine: str
    ) -> Start:
        """That of these words; at most half of `size` tokens are characters. UsageError for too many ids."""
        added = alone.whole.get("added_tokens") or ()
        old = {**alone.vocab, **{each["content"]: int(each["id"]) for each in added}}
        first = max(old.values(), default=-1) + 1
        if first + size > MOST_IDS:
            raise UsageError(f"{first + size:,} ids are more than can be learned from", fix="--tokens 1000")
        before = alone.ids(words, engine)
        broken = broken_rows(before, alone.apart)
        new: dict[str, int] = {}
        ids = before
        if broken.any() and not alone.suffixed:
            odd = words.part(np.flatnonzero(broken))
            missing = missing_characters(odd, alone, least=min_frequency, most=max(1, size // 2))
            new = {token: first + at for at, token in enumerate(missing)}
            grown = alone.grown(added_to(alone.whole, new, scores=dict.fromkeys(new, alone.unknown_score)))
            ids = with_rows(before, broken, grown.ids(odd, engine)) if new else before
        texts = {number: token for token, number in [*alone.vocab.items(), *new.items()]}
        private = PrivateWords.of(ids, words.counts, texts, apart=alone.apart, prefix=alone.prefix)
        return cls(alone, before, ids, new, {**old, **new}, private)

    @property
    def next(self) -> int:
        """The next id."""
        return max(self.taken.values(), default=-1) + 1

    def with_learned(self, words: Ragged) -> Ragged | None:
        """The ids of all words once those of several have these; None where words were taken apart."""
        several = self.ids.lengths > 1
        if int(several.sum()) != len(words) or broken_rows(self.ids, self.alone.apart).any():
            return None
        return with_rows(self.ids, several, words)

    def old_ids(self, numbers: Sequence[int]) -> tuple[int, ...]:
        """What these ids were before: a new character was its bytes, or unknown, which is nothing."""
        found: list[int] = []
        for number in numbers:
            token = self.words.texts[number]
            found += self._bytes(token) if token in self.characters else [number]
        return tuple(found)

    def _bytes(self, character: str) -> list[int]:
        if not self.alone.raw.get("byte_fallback"):
            return []
        names = [f"<0x{byte:02X}>" for byte in character.encode()]
        return [self.alone.vocab[name] for name in names if name in self.alone.vocab]


def missing_characters(words: SpelledWords, model: ModelAlone, *, least: int, most: int) -> list[str]:
    """The most frequent characters of these words that have no token, at most so many.

    So many that COVERAGE of what is missing is covered, each frequent enough.
    """
    missing: Counter[str] = Counter()
    for word, count in zip(words.strings(), words.counts.tolist(), strict=True):
        for at, character in enumerate(word):
            token = model.prefix + character if at else character
            if token not in model.vocab:
                missing[token] += count
    wanted, covered = missing.total() * COVERAGE, 0
    found: list[str] = []
    for token, count in sorted(missing.items(), key=lambda each: (-each[1], each[0])):
        if covered >= wanted or count < least or len(found) >= most:
            break
        covered += count
        found.append(token)
    return found


def _parted(
    ids: Ragged, counts: NDArray[np.int64], apart: Collection[int]
) -> tuple[Ragged, NDArray[np.int64]]:
    """The parts of words between these ids, and how often each occurs."""
    odd = _among(ids, apart)
    if not odd.any():
        return ids, counts
    rows = np.repeat(np.arange(len(ids)), ids.lengths)
    whose = (rows + np.cumsum(odd))[~odd]  # grows with each row, and behind what stands apart
    begins = np.flatnonzero(np.diff(whose, prepend=-1))
    return Ragged(ids.ids[~odd], np.append(begins, len(whose))), counts[rows[~odd][begins]]


def _among(ids: Ragged, wanted: Collection[int]) -> NDArray[np.bool_]:
    """Which of all ids are some of these."""
    table = np.zeros(max([int(ids.ids.max(initial=0)), *wanted]) + 1, bool)
    table[list(wanted)] = True
    found: NDArray[np.bool_] = table[ids.ids]
    return found


def broken_rows(ids: Ragged, apart: Collection[int]) -> NDArray[np.bool_]:
    """Which words hold one of these ids."""
    found = np.zeros(len(ids), bool)
    if apart:
        found[np.searchsorted(ids.starts, np.flatnonzero(_among(ids, apart)), side="right") - 1] = True
    return found


def with_rows(whole: Ragged, which: NDArray[np.bool_], others: Ragged) -> Ragged:
    """The rows of `whole`, with those of `others` in the places of `which`."""
    return interleaved(which, {0: taken(whole, ~which), 1: others})
