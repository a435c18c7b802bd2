"""What one tokenizer does to one corpus: counted as ids pass, then told in measures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tokbench.analysis import ratios, spread
from tokbench.analysis.contender import Contender
from tokbench.analysis.ground import Ground
from tokbench.analysis.lengths import Lengths, lengths
from tokbench.analysis.probe import Probed
from tokbench.training.encoding import EncodedTexts


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One tokenizer on one corpus; the formulas are in ratios.py, spread.py, lengths.py and words.py.

    tokens: without the special ones around texts, which only `lengths` counts. unknown: unknown tokens.
    renyi_efficiency: over the whole vocabulary; renyi_efficiency_seen: over the tokens that occur.
    ranks: (rank, how often) of tokens, thinned out. engine: what made the ids of the whole corpus.
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
    bits_per_byte: float | None = None


class Tally:
    """Counts of one tokenizer's ids over one corpus; as large as the vocabulary and the longest text."""

    def __init__(self, contender: Contender) -> None:
        self.contender = contender
        self.counts: NDArray[np.int64] = np.zeros(contender.ids, np.int64)
        self.lengths: NDArray[np.int64] = np.zeros(1, np.int64)
        self.engine = ""

    def add(self, encoded: EncodedTexts) -> None:
        """Count these texts."""
        self.counts = _sum(self.counts, np.bincount(encoded.ids))
        self.lengths = _sum(self.lengths, np.bincount(np.diff(encoded.starts)))
        self.engine = encoded.road.engine

    def measured(
        self, ground: Ground, probe: Probed, *, max_length: int | None, bits_per_byte: float | None = None
    ) -> Measured:
        """All measures of what was counted."""
        tokens, size = int(self.counts.sum()), self.contender.size
        unknown = 0 if self.contender.unknown is None else int(self.counts[self.contender.unknown])
        occurring = spread.used(self.counts)
        return Measured(
            tokenizer=self.contender.name,
            corpus=ground.name,
            tokens=tokens,
            unknown=unknown,
            fertility=ratios.fertility(tokens=tokens, words=ground.words),
            bytes_per_token=ratios.bytes_per_token(utf8_bytes=ground.utf8_bytes, tokens=tokens),
            characters_per_token=ratios.characters_per_token(characters=ground.characters, tokens=tokens),
            unknown_rate=ratios.unknown_rate(unknown=unknown, tokens=tokens),
            vocabulary_used=occurring,
            vocabulary_unused=size - occurring,
            vocabulary_used_rate=ratios.share(occurring, size),
            shannon_entropy=spread.shannon_entropy(self.counts),
            renyi_efficiency=spread.renyi_efficiency(self.counts, vocabulary=size),
            renyi_efficiency_seen=spread.renyi_efficiency(self.counts),
            gini=spread.gini(self._of_vocabulary()),
            lengths=lengths(self.lengths, around=self.contender.around, max_length=max_length),
            probe=probe,
            ranks=spread.ranks(self.counts),
            engine=self.engine,
            bits_per_byte=bits_per_byte,
        )

    def _of_vocabulary(self) -> NDArray[np.int64]:
        """The counts, a number for each token of the vocabulary: ids between tokens are none."""
        occurring = self.counts[self.counts > 0]
        return np.concatenate((occurring, np.zeros(self.contender.size - len(occurring), np.int64)))


def _sum(one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.int64]:
    """The sum of two histograms, as long as the longer."""
    if len(one) < len(other):
        one, other = other.copy(), one
    one[: len(other)] += other
    return one
