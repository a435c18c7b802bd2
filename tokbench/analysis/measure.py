"""What one tokenizer does to one corpus: counted as ids pass, then told in measures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from tokbench.analysis import corpus_metrics
from tokbench.analysis.corpus_metrics import Lengths, bits_per_byte, continued_rate, lengths, share
from tokbench.analysis.corpus_stats import CorpusStats, continued
from tokbench.errors import UsageError
from tokbench.progress import Progress, silent
from tokbench.training.engine import EngineChoice

if TYPE_CHECKING:
    from tokbench.analysis.backends import Backend
    from tokbench.encoding.encode_texts import EncodedTexts


@dataclass(frozen=True, kw_only=True)
class RoundTrip:
    """What came back of so many texts.

    exact: the share that came back to the letter; normalized: the share that did but for the normalizer's
    changes and white space. first: a text that came back otherwise, and what came.
    """

    texts: int
    exact: float
    normalized: float
    first: tuple[str, str] | None


def round_trip(texts: Sequence[str], back: Sequence[str], normalize: Callable[[str], str]) -> RoundTrip:
    """What became of these texts; `back` are the same after encoding and decoding.

    A text that comes back exactly counts as normalized too.

    >>> round_trip(["A b", "c", "日"], ["a b", "c", "?"], str.lower).normalized
    0.6666666666666666
    """
    exact = same = 0
    first = None
    for text, other in zip(texts, back, strict=True):
        if text == other:
            exact += 1
            same += 1
        elif letters(other) == letters(normalize(text)):
            same += 1
        elif first is None:
            first = (text, other)
    whole = len(texts) or 1
    return RoundTrip(texts=len(texts), exact=exact / whole, normalized=same / whole, first=first)


def letters(text: str) -> str:
    """A text without white space, or the ▁ that SentencePiece writes for it.

    >>> letters("▁a b")
    'ab'
    """
    return "".join(text.replace("▁", " ").split())


@dataclass(frozen=True, kw_only=True)
class Probed:
    """Some texts of a corpus, drawn by the seed, through one tokenizer.

    continued_rate: of their words. bytes_per_second: the tokenizer's own library on one thread, in processor
    time. ids_verified: whether that gave the ids that were counted.
    """

    texts: int
    words: int
    continued_rate: float
    round_trip: RoundTrip
    bytes_per_second: float
    ids_verified: bool


def probe(backend: Backend, texts: Sequence[str], *, size: int | None = 0) -> Probed:
    """These texts through one tokenizer, by the engine that encodes `size` bytes."""
    encoded = backend.encode_sample(texts)
    counted = [continued(text, spans) for text, spans in zip(texts, encoded.spans, strict=True)]
    split, words = (sum(each) for each in zip(*counted, strict=True)) if counted else (0, 0)
    [bulk] = backend.stream([list(texts)], size=size)
    same = bulk.ids.tolist() == [number for ids in encoded.ids for number in ids]
    utf8_bytes = sum(len(text.encode()) for text in texts)
    return Probed(
        texts=len(texts),
        words=words,
        continued_rate=continued_rate(continued=split, words=words),
        round_trip=round_trip(texts, backend.decode(encoded.ids), backend.normalized),
        bytes_per_second=share(utf8_bytes, encoded.seconds),
        ids_verified=same and len(bulk) == len(texts),
    )


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One tokenizer on one corpus; the formulas are in corpus_metrics.py and words.py.

    tokens: without the special ones around texts, which only `lengths` counts. unknown: unknown tokens.
    renyi_efficiency: over the whole vocabulary; renyi_efficiency_seen: over the tokens that occur.
    ranks: (rank, how often) of tokens, thinned out. engine: what made the ids of the whole corpus, and why
    that was not the compiled one.
    bits_per_byte: what the tokenizer's language model needs for the texts looked at closely, when it has one.
    """

    tokenizer: str
    corpus: str
    tokens: int
    unknown: int
    fertility: float
    bytes_per_token: float
    characters_per_token: float
    unknown_rate: float
    vocabulary_used: int
    vocabulary_unused: int
    vocabulary_used_rate: float
    shannon_entropy: float
    renyi_efficiency: float
    renyi_efficiency_seen: float
    gini: float
    lengths: Lengths
    probe: Probed
    ranks: tuple[tuple[int, int], ...]
    engine: str
    why: str = ""
    bits_per_byte: float | None = None


class Tally:
    """Counts of one tokenizer's ids over one corpus; as large as the vocabulary and the longest text."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.counts: NDArray[np.int64] = np.zeros(backend.ids, np.int64)
        self.lengths: NDArray[np.int64] = np.zeros(1, np.int64)
        self.choice = EngineChoice("library")

    def add(self, encoded: EncodedTexts) -> None:
        """Count these texts."""
        self.counts = _sum(self.counts, np.bincount(encoded.ids))
        self.lengths = _sum(self.lengths, np.bincount(encoded.lengths))
        self.choice = encoded.choice

    def measured(
        self,
        corpus: CorpusStats,
        probe: Probed,
        *,
        max_length: int | None,
        bits_per_byte: float | None = None,
    ) -> Measured:
        """All measures of what was counted."""
        tokens, size = int(self.counts.sum()), self.backend.size
        unknown = 0 if self.backend.unknown is None else int(self.counts[self.backend.unknown])
        occurring = corpus_metrics.used(self.counts)
        return Measured(
            tokenizer=self.backend.name,
            corpus=corpus.name,
            tokens=tokens,
            unknown=unknown,
            fertility=corpus_metrics.fertility(tokens=tokens, words=corpus.words),
            bytes_per_token=corpus_metrics.bytes_per_token(utf8_bytes=corpus.utf8_bytes, tokens=tokens),
            characters_per_token=corpus_metrics.characters_per_token(
                characters=corpus.characters, tokens=tokens
            ),
            unknown_rate=corpus_metrics.unknown_rate(unknown=unknown, tokens=tokens),
            vocabulary_used=occurring,
            vocabulary_unused=size - occurring,
            vocabulary_used_rate=corpus_metrics.share(occurring, size),
            shannon_entropy=corpus_metrics.shannon_entropy(self.counts),
            renyi_efficiency=corpus_metrics.renyi_efficiency(self.counts, vocabulary=size),
            renyi_efficiency_seen=corpus_metrics.renyi_efficiency(self.counts),
            gini=corpus_metrics.gini(self._of_vocabulary()),
            lengths=lengths(self.lengths, around=self.backend.around, max_length=max_length),
            probe=probe,
            ranks=corpus_metrics.ranks(self.counts),
            engine=self.choice.engine,
            why=self.choice.why,
            bits_per_byte=bits_per_byte,
        )

    def _of_vocabulary(self) -> NDArray[np.int64]:
        """The counts, a number for each token of the vocabulary: ids between tokens are none."""
        occurring = self.counts[self.counts > 0]
        return np.concatenate((occurring, np.zeros(self.backend.size - len(occurring), np.int64)))


def _sum(one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.int64]:
    """The sum of two histograms, as long as the longer."""
    if len(one) < len(other):
        one, other = other.copy(), one
    one[: len(other)] += other
    return one


AT_ONCE = 32  # texts between two words of progress


class Scorer(Protocol):
    """A causal language model that reads one of the tokenizers compared.

    rows: the ids it has an embedding for, one more than the highest.
    """

    name: str
    rows: int

    def bits(self, texts: Sequence[Sequence[int]]) -> float:
        """The sum of -log2 p(token | tokens before it) over all tokens of these texts, each by itself."""


def ensure_pairs(backends: Sequence[Backend], scorers: Sequence[Scorer | None]) -> None:
    """Raise UsageError where a model has no row for an id of its tokenizer."""
    for backend, scorer in zip(backends, scorers, strict=True):
        if scorer is not None and scorer.rows < backend.ids:
            raise UsageError(
                f"{scorer.name} has {scorer.rows:,} rows and {backend.name} has ids up to "
                f"{backend.ids - 1:,}: it is not the model of this tokenizer",
                fix="--model TOKENIZER=MODEL says which model reads which tokenizer",
            )


def measure_bits_per_byte(
    scorer: Scorer, backend: Backend, texts: Sequence[str], *, stage: str, progress: Progress = silent
) -> float:
    """Bits per byte of these texts: the tokenizer writes their ids, the model says how likely they are.

    A model takes long, so progress is told in tokens, under the name of this stage.
    """
    [encoded] = backend.stream([list(texts)])
    ids = [encoded.ids[start:end].tolist() for start, end in pairwise(encoded.starts.tolist())]
    bits, done, whole = 0.0, 0, len(encoded.ids)
    for begin in range(0, len(ids), AT_ONCE):
        several = ids[begin : begin + AT_ONCE]
        progress(stage, done, whole)
        bits += scorer.bits(several)
        done += sum(map(len, several))
    progress(stage, done, whole)
    return bits_per_byte(bits=bits, utf8_bytes=sum(len(text.encode()) for text in texts))
