"""What new tokens do to texts: bytes a token, texts that keep their ids, and what is split in another way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import TYPE_CHECKING

import numpy as np

from tokbench.adapt.continued.spelled_words import BYTES, ModelAlone, SpelledWords
from tokbench.analysis.knees import knee
from tokbench.corpus.reading import CorpusSource, as_corpus
from tokbench.native.ragged import equal_rows, taken

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from tokenizers import Encoding, Tokenizer

    from tokbench.adapt.continued.learned_tokens import LearnedTokens
    from tokbench.native.ragged import Ragged
    from tokbench.training.word_counts import CountedCorpus

POINTS = 8  # of the curve
SHOWN = 12  # words that are split in another way
MOST_TEXTS = 20_000  # of a sample that is measured


@dataclass(frozen=True)
class ExtensionPoint:
    """What so many new tokens make of the corpus: tokens in all, and UTF-8 bytes a token."""

    tokens: int
    corpus_tokens: int
    bytes_per_token: float


@dataclass(frozen=True)
class Recut:
    """A word, or the first such stretch of a text, with a boundary that it did not have: before and after."""

    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True)
class Effect:
    """Texts before and after: UTF-8 bytes a token, and the share of the texts whose ids stay as they were.

    unknown_before, unknown_after: the share of the texts that hold an unknown token. recut: how many have a
    boundary that they did not have, those apart that held what was unknown; longer: how many have more
    tokens; examples: the first that were recut. The corpus is measured by its words, shares with
    repetitions, numbers without.
    """

    texts: int
    before: float
    after: float
    unchanged: float
    unknown_before: float = 0.0
    unknown_after: float = 0.0
    recut: int = 0
    longer: int = 0
    examples: tuple[Recut, ...] = ()


class WordEffects:
    """What the tokens do to the words they were learned of, asked of the library.

    unused: how many tokens no word has in the end; dead: how many do not come out of their own text.
    """

    def __init__(
        self,
        found: LearnedTokens,
        words: SpelledWords,
        *,
        old: ModelAlone,
        new: ModelAlone,
        corpus: CountedCorpus,
    ) -> None:
        self._old, self._new, self._found, self._words = old, new, found, words
        told = found.after is not None and new.agrees(words, found.after)
        self._before = found.before
        self._after = found.after if told and found.after is not None else new.ids(words)
        uses = self._uses()
        idle = [token for token, times in uses.items() if not times]
        self.unused = len(idle)
        self.domain = self._effect(corpus)
        self.curve = self._curve(uses, corpus.utf8_bytes)
        at = knee([each.tokens for each in self.curve], [each.bytes_per_token for each in self.curve])
        self.knee = None if at is None else self.curve[at].tokens
        asked = idle if self._new.kind == "WordPiece" else list(found.tokens)  # its inner pieces need a word
        self.dead = len(self._new.in_parts(asked))

    def _uses(self) -> dict[str, int]:
        """How often each new token stands in the words."""
        times = np.repeat(self._words.counts, self._after.lengths)
        used = np.zeros(max(self._found.tokens.values()) + 1, np.int64)
        np.add.at(used, self._after.ids, times)
        return {token: int(used[number]) for token, number in self._found.tokens.items()}

    def _effect(self, corpus: CountedCorpus) -> Effect:
        counts, before, after = self._words.counts, self._before, self._after
        old, new = (int((counts * each.lengths).sum()) for each in (before, after))
        same = equal_rows(before, after)
        unknown, still = (_holding(ids, self._old.unknown) for ids in (before, after))
        recut = self._recut() & ~unknown
        return Effect(
            texts=corpus.texts,
            before=corpus.utf8_bytes / max(1, old),
            after=corpus.utf8_bytes / max(1, new),
            unchanged=_share(counts, same),
            unknown_before=_share(counts, unknown),
            unknown_after=_share(counts, still),
            recut=int(recut.sum()),
            longer=int(((after.lengths > before.lengths) & ~unknown).sum()),
            examples=self._shown(np.flatnonzero(recut)),
        )

    def _recut(self) -> NDArray[np.bool_]:
        """Which words have a boundary that they did not have; where something is unknown, no end is known."""
        before, after = _ends(self._old, self._before), _ends(self._new, self._after)
        known = _row_sizes(before, self._before) == _row_sizes(after, self._after)
        one, other = self._before, self._after
        if not known.all():
            one, other = taken(one, known), taken(other, known)
            before, after = _ends(self._old, one), _ends(self._new, other)
        there = np.zeros(int(before[-1]) + 1 if len(before) else 1, bool)
        there[before] = True
        fresh = np.searchsorted(other.starts, np.flatnonzero(~there[after]), side="right") - 1
        found = np.zeros(len(self._before), bool)
        found[np.flatnonzero(known)[fresh]] = True
        return found

    def _shown(self, rows: NDArray[np.int64]) -> tuple[Recut, ...]:
        """The most frequent of these words."""
        counts = self._words.counts[rows]
        least = -np.sort(-counts)[SHOWN - 1] if len(rows) > SHOWN else 0
        shown = [
            (-count, Recut(_tokens(self._old, self._before[row]), _tokens(self._new, self._after[row])))
            for row, count in zip(rows.tolist(), counts.tolist(), strict=True)
            if count >= least
        ]
        shown.sort(key=lambda each: (each[0], each[1].before))  # words come in no order
        return tuple(each for _, each in shown[:SHOWN])

    def _curve(self, uses: Mapping[str, int], size: int) -> tuple[ExtensionPoint, ...]:
        """The tokens of the corpus at POINTS numbers of new tokens."""
        number = len(self._found.tokens)
        steps = sorted({max(1, number * step // POINTS) for step in range(1, POINTS + 1)} | {0})
        totals = self._merged(uses, steps) if self._found.merges else self._matched(steps)
        return tuple(
            ExtensionPoint(step, total, size / max(1, total))
            for step, total in zip(steps, totals, strict=True)
        )

    def _merged(self, uses: Mapping[str, int], steps: Sequence[int]) -> Iterator[int]:
        """Tokens of the corpus by what merges tell.

        A merge was made as often as its token is used, alone or inside longer ones, and saved one token each
        time; a character saved those of its bytes but one. Exact where each token is made by one merge.
        """
        found, made = self._found, dict(uses)
        for token in reversed(found.tokens):
            for part in found.parts.get(token, ()):
                if part in made:
                    made[part] += made[token]
        saved = [
            times * (1 if token in found.parts else max(0, len(found.pieces[token]) - 1))
            for token, times in made.items()
        ]
        left = int((self._words.counts * self._before.lengths).sum())
        yield left
        for before, behind in pairwise(steps):
            left -= sum(saved[before:behind])
            yield left

    def _matched(self, steps: Sequence[int]) -> Iterator[int]:
        """Tokens of the corpus by encoding what changes with the first of the new tokens."""
        changed = ~equal_rows(self._before, self._after)
        counts = self._words.counts
        rest = int((counts * self._before.lengths)[~changed].sum())
        yield rest + int((counts * self._before.lengths)[changed].sum())
        words = self._words.part(np.flatnonzero(changed))
        for step in steps[1:-1]:
            ids = self._old.grown(self._found.added_to(self._old.whole, step)).ids(words)
            yield rest + int((words.counts * ids.lengths).sum())
        yield rest + int((counts * self._after.lengths)[changed].sum())


def _tokens(model: ModelAlone, ids: NDArray[np.uint32]) -> tuple[str, ...]:
    return tuple(str(model.library.id_to_token(number)) for number in ids.tolist())


def _ends(model: ModelAlone, ids: Ragged) -> NDArray[np.int64]:
    """Where each token ends, in bytes of all words one after the other."""
    sizes = np.zeros(max(model.vocab.values(), default=0) + 1, np.int64)
    for token, number in model.vocab.items():
        sizes[number] = 1 if token in BYTES else len(token.encode())
    lengths = sizes[ids.ids]
    if model.prefix:
        inner = np.zeros_like(sizes)
        marked = [number for token, number in model.vocab.items() if token.startswith(model.prefix)]
        inner[marked] = len(model.prefix.encode())
        marks = inner[ids.ids]
        marks[ids.starts[:-1][ids.lengths > 0]] = 0  # a token that begins its word is written whole
        lengths -= marks
    ends: NDArray[np.int64] = np.cumsum(lengths)
    return ends


def _row_sizes(ends: NDArray[np.int64], ids: Ragged) -> NDArray[np.int64]:
    """The bytes of each word."""
    return np.diff(np.append(0, ends)[ids.starts])


def _holding(ids: Ragged, number: int | None) -> NDArray[np.bool_]:
    """Which rows hold this id."""
    if number is None:
        return np.zeros(len(ids), bool)
    found = np.zeros(len(ids), bool)
    found[np.searchsorted(ids.starts, np.flatnonzero(ids.ids == number), side="right") - 1] = True
    return found


def _share(counts: NDArray[np.int64], which: NDArray[np.bool_]) -> float:
    return int(counts[which].sum()) / max(1, int(counts.sum()))


def text_effect(old: Tokenizer, new: Tokenizer, sample: CorpusSource, unknown: int | None) -> Effect:
    """The first MOST_TEXTS texts of a sample, before and after."""
    tally = _Tally(old, new, unknown)
    for batch in as_corpus(sample):
        tally.add(batch[: MOST_TEXTS - tally.texts])
        if tally.texts >= MOST_TEXTS:
            break
    return tally.effect()


class _Tally:
    """Texts so far, before and after."""

    def __init__(self, old: Tokenizer, new: Tokenizer, unknown: int | None) -> None:
        self._both, self._unknown = (old, new), unknown
        self.texts = self._same = self._bytes = self._longer = 0
        self._tokens, self._odd = [0, 0], [0, 0]
        self._recut: list[Recut] = []

    def add(self, texts: Sequence[str]) -> None:
        """Encode these texts with both; those whose ids change with offsets, too."""
        first, second = (each.encode_batch_fast(list(texts), add_special_tokens=False) for each in self._both)
        changed = []
        for text, *both in zip(texts, first, second, strict=True):
            odd = [self._unknown is not None and self._unknown in each.ids for each in both]
            for at in (0, 1):
                self._tokens[at] += len(both[at].ids)
                self._odd[at] += odd[at]
            if both[0].ids != both[1].ids and not odd[0]:
                changed.append(text)
                self._longer += len(both[1].ids) > len(both[0].ids)
            self._same += both[0].ids == both[1].ids
            self._bytes += len(text.encode())
        self.texts += len(texts)
        before, after = (each.encode_batch(changed, add_special_tokens=False) for each in self._both)
        self._recut += [
            _first_recut(one, other)
            for one, other in zip(before, after, strict=True)
            if not _text_ends(other) <= _text_ends(one)
        ]

    def effect(self) -> Effect:
        """What was found."""
        texts = max(1, self.texts)
        before, after = (self._bytes / max(1, each) for each in self._tokens)
        unknown, still = (each / texts for each in self._odd)
        return Effect(
            texts=self.texts,
            before=before,
            after=after,
            unchanged=self._same / texts,
            unknown_before=unknown,
            unknown_after=still,
            recut=len(self._recut),
            longer=self._longer,
            examples=tuple(islice(self._recut, SHOWN)),
        )


def _first_recut(one: Encoding, other: Encoding) -> Recut:
    """The first stretch of a text with a boundary that it did not have, between boundaries of both."""
    ends = [[end for _, end in each.offsets] for each in (one, other)]
    fresh = min(set(ends[1]) - set(ends[0]))
    shared = set(ends[0]) & set(ends[1])
    start = max((end for end in shared if end < fresh), default=0)
    stop = min((end for end in shared if end > fresh), default=max(ends[0][-1:] + ends[1][-1:]))
    before, after = (
        tuple(token for token, end in zip(each.tokens, its, strict=True) if start < end <= stop)
        for each, its in zip((one, other), ends, strict=True)
    )
    return Recut(before, after)


def _text_ends(encoding: Encoding) -> set[int]:
    """Where tokens end in the text."""
    return {end for _, end in encoding.offsets}
