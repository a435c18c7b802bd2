"""How evenly a tokenizer uses its vocabulary: measures of how often each token occurs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[Any]  # how often each token occurs, (V,)
ALPHA = 2.5  # goes best with BLEU in Zouhar et al. 2023, section 5


def shannon_entropy(counts: Counts) -> float:
    """H = -Σ p log2 p, in bits a token: what a token tells when each is drawn by how often it occurs.

    Shannon 1948, "A Mathematical Theory of Communication", section 6.

    >>> shannon_entropy(np.array([4, 4, 0]))
    1.0
    """
    probabilities = _probabilities(counts)
    return _plain(-np.sum(probabilities * np.log2(probabilities)))


def renyi_entropy(counts: Counts, alpha: float = ALPHA) -> float:
    """H_α = log2(Σ p^α) ÷ (1 - α), in bits a token; beyond α = 1 it punishes tokens that are very frequent.

    Rényi 1961, "On Measures of Entropy and Information"; α = 1 is Shannon's.

    >>> renyi_entropy(np.array([2, 2, 2, 2]))
    2.0
    """
    if alpha == 1:
        return shannon_entropy(counts)
    probabilities = _probabilities(counts)
    return _plain(np.log2(np.sum(probabilities**alpha)) / (1 - alpha)) if len(probabilities) else 0.0


def renyi_efficiency(counts: Counts, *, vocabulary: int | None = None, alpha: float = ALPHA) -> float:
    """H_α ÷ log2 V: 1 when every token is used alike. Without `vocabulary`, V is the tokens that occur.

    Zouhar et al. 2023, "Tokenization and the Noiseless Channel", section 4. There V is the whole vocabulary;
    the authors' tool takes the tokens that occur.

    >>> renyi_efficiency(np.array([2, 2, 2, 2]))
    1.0
    >>> renyi_efficiency(np.array([2, 2, 2, 2]), vocabulary=16)
    0.5
    """
    size = used(counts) if vocabulary is None else vocabulary
    return renyi_entropy(counts, alpha) / float(np.log2(size)) if size > 1 else 0.0


def gini(counts: Counts) -> float:
    """G = Σ (2i - n - 1) x_i ÷ (n Σ x), x in rising order: 0 when all are alike, near 1 when few have all.

    Gini 1912, "Variabilità e mutabilità", by the sorted form of Sen 1973, "On Economic Inequality".

    >>> gini(np.array([3, 3, 3]))
    0.0
    >>> gini(np.array([0, 0, 0, 8]))
    0.75
    """
    rising, n = np.sort(np.asarray(counts, np.float64)), len(counts)
    whole = float(rising.sum())
    if not whole:
        return 0.0
    weights = 2 * np.arange(1, n + 1) - n - 1
    return _plain(np.sum(weights * rising) / (n * whole))


def used(counts: Counts) -> int:
    """How many tokens occur at all.

    >>> used(np.array([5, 0, 1]))
    2
    """
    return int(np.count_nonzero(counts))


def ranks(counts: Counts, points: int = 100) -> tuple[tuple[int, int], ...]:
    """(rank, how often) of the tokens that occur, at most so many points, evenly spread over log rank.

    >>> ranks(np.array([1, 0, 9, 4]))
    ((1, 9), (2, 4), (3, 1))
    """
    falling = np.sort(counts[counts > 0])[::-1]
    if not len(falling):
        return ()
    places = np.unique(np.geomspace(1, len(falling), points).round().astype(np.int64))
    return tuple(zip(places.tolist(), falling[places - 1].tolist(), strict=True))


def _probabilities(counts: Counts) -> NDArray[np.float64]:
    """The share of each token that occurs."""
    occurring = np.asarray(counts, np.float64)[np.asarray(counts) > 0]
    return occurring / occurring.sum() if len(occurring) else occurring


def _plain(value: Any) -> float:  # noqa: ANN401
    """A float of Python, and 0.0 where rounding made a little less."""
    return max(float(value), 0.0)
