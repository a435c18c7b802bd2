"""How long texts are in tokens, from a histogram: percentiles, and what a longest input cuts off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tokbench.analysis.ratios import share

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
        cut=None if max_length is None else cut(shifted, max_length),
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


def cut(histogram: Histogram, max_length: int) -> float:
    """Tokens beyond max_length ÷ tokens.

    >>> cut(np.array([0, 2, 1, 0, 1]), 2)
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
