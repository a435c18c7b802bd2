"""Measures that are one number over another: how many tokens a word, a byte, a language costs.

Each is 0.0 where there is nothing to divide by, so that an empty corpus has a row like any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


def share(part: float, whole: float) -> float:
    """Part ÷ whole.

    >>> share(1, 4), share(0, 0)
    (0.25, 0.0)
    """
    return part / whole if whole else 0.0


def fertility(*, tokens: int, words: int) -> float:
    """Tokens ÷ words, tokens of punctuation included; 1 is a token a word, less is shorter.

    Rust et al. 2021, "How Good is Your Tokenizer?", section 4: the mean number of subwords a word.

    >>> fertility(tokens=6, words=4)
    1.5
    """
    return share(tokens, words)


def bytes_per_token(*, utf8_bytes: int, tokens: int) -> float:
    """UTF-8 bytes ÷ tokens; more is shorter. Compares tokenizers on one corpus, not scripts with each other.

    >>> bytes_per_token(utf8_bytes=len("日本".encode()), tokens=2)
    3.0
    """
    return share(utf8_bytes, tokens)


def characters_per_token(*, characters: int, tokens: int) -> float:
    """Code points ÷ tokens; more is shorter.

    >>> characters_per_token(characters=len("日本"), tokens=2)
    1.0
    """
    return share(characters, tokens)


def unknown_rate(*, unknown: int, tokens: int) -> float:
    """Unknown tokens ÷ tokens: what the model will never see.

    >>> unknown_rate(unknown=1, tokens=50)
    0.02
    """
    return share(unknown, tokens)


def continued_rate(*, continued: int, words: int) -> float:
    """Words of two tokens or more ÷ words.

    Rust et al. 2021, "How Good is Your Tokenizer?", section 4: the proportion of continued words.

    >>> continued_rate(continued=1, words=4)
    0.25
    """
    return share(continued, words)


def parity(*, tokens: int, tokens_of_base: int) -> float:
    """Tokens of a language ÷ tokens of the base language, for the same content; 1 is fair.

    Petrov et al. 2023, "Language Model Tokenizers Introduce Unfairness Between Languages", section 2: the
    tokenization premium, here of all lines together.

    >>> parity(tokens=300, tokens_of_base=200)
    1.5
    """
    return share(tokens, tokens_of_base)


def bits_per_byte(*, bits: float, utf8_bytes: int) -> float:
    """Bits that a language model needs for a text ÷ the text's UTF-8 bytes; less is better.

    Bits are -log2 of the likelihood, summed over the tokens, so models with different tokenizers compare:
    Gao et al. 2020, "The Pile: An 800GB Dataset of Diverse Text for Language Modeling", section 3.1,
    (L_T / L_B) · loss / ln 2 with the loss a token in nats. A token that stands for text it lost, such as
    [UNK], is cheap for its bytes: then the number flatters.

    >>> bits_per_byte(bits=24.0, utf8_bytes=len("日本".encode()))
    4.0
    """
    return share(bits, utf8_bytes)


Histogram = NDArray[np.int64]  # at place n, how many texts have n tokens
BARS = 40


@dataclass(frozen=True, kw_only=True)
class Lengths:
    """Tokens of a text, special ones included: the mean, percentiles, the most.

    max_length is the longest input asked about, truncated the share of texts beyond it and cut the share of
    all tokens that it would cut off; None when none was asked about.
    bars: (from, to, texts), for a histogram; the last bar reaches to the longest text.
    """

    mean: float
    p50: int
    p90: int
    p95: int
    p99: int
    longest: int
    max_length: int | None
    truncated: float | None
    cut: float | None
    bars: tuple[tuple[int, int, int], ...]


def lengths(histogram: Histogram, *, around: int = 0, max_length: int | None = None) -> Lengths:
    """The facts of a histogram of lengths; `around` special tokens are put around every text."""
    shifted = np.concatenate((np.zeros(around, np.int64), histogram))
    places = np.arange(len(shifted))
    texts, tokens = int(shifted.sum()), int(shifted @ places)
    return Lengths(
        mean=share(tokens, texts),
        p50=percentile(shifted, 0.50),
        p90=percentile(shifted, 0.90),
        p95=percentile(shifted, 0.95),
        p99=percentile(shifted, 0.99),
        longest=percentile(shifted, 1.0),
        max_length=max_length,
        truncated=None if max_length is None else truncated(shifted, max_length),
        cut=None if max_length is None else share_truncated(shifted, max_length),
        bars=bars(shifted),
    )


def percentile(histogram: Histogram, part: float) -> int:
    """The smallest length that this part of the texts does not exceed (the nearest rank), 0 without texts.

    >>> percentile(np.array([0, 2, 1, 1]), 0.5), percentile(np.array([0, 2, 1, 1]), 1.0)
    (1, 3)
    """
    below = np.cumsum(histogram)
    if not len(below) or not below[-1]:
        return 0
    return int(np.searchsorted(below, np.ceil(part * below[-1])))


def truncated(histogram: Histogram, max_length: int) -> float:
    """Texts longer than max_length ÷ texts.

    >>> truncated(np.array([0, 2, 1, 1]), 2)
    0.25
    """
    return share(int(histogram[max_length + 1 :].sum()), int(histogram.sum()))


def share_truncated(histogram: Histogram, max_length: int) -> float:
    """Tokens beyond max_length ÷ tokens.

    >>> share_truncated(np.array([0, 2, 1, 0, 1]), 2)
    0.25
    """
    places = np.arange(len(histogram))
    beyond = np.maximum(places - max_length, 0)
    return share(int(histogram @ beyond), int(histogram @ places))


def bars(histogram: Histogram, most: int = BARS) -> tuple[tuple[int, int, int], ...]:
    """(from, to, texts), both ends included: equally wide up to the 99th percentile, then one for the rest.

    >>> bars(np.array([0, 2, 1, 1]))
    ((1, 1, 2), (2, 2, 1), (3, 3, 1))
    """
    first, high, longest = percentile(histogram, 0.0), percentile(histogram, 0.99), percentile(histogram, 1.0)
    first = int(np.argmax(histogram > 0)) if len(histogram) else first
    width = max(1, -(-(high - first + 1) // most))
    edges = [*range(first, high + 1, width)]
    found = [(begin, begin + width - 1, int(histogram[begin : begin + width].sum())) for begin in edges]
    if edges and (rest := edges[-1] + width) <= longest:
        found.append((rest, longest, int(histogram[rest:].sum())))
    return tuple(found)


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
