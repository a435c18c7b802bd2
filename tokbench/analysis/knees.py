"""Where a curve bends: up to there more buys much, beyond it little."""

from __future__ import annotations

from collections.abc import Sequence


def knee(prices: Sequence[float], gains: Sequence[float]) -> int | None:
    """The place of the knee in a rising curve of gains over rising prices; None where it has none.

    Both are scaled to 0…1; the knee is where the curve is farthest above its diagonal. Satopää et al. 2011,
    "Finding a 'Kneedle' in a Haystack", section III, without the smoothing, for these curves are smooth.

    >>> knee([1, 2, 4, 8, 16], [0.0, 5.0, 8.0, 9.0, 9.5])
    2
    >>> knee([1, 2, 3], [1.0, 2.0, 3.0]) is None
    True
    """
    if len(prices) < 3 or gains[-1] <= gains[0]:
        return None
    above = [_scaled(gains, at) - _scaled(prices, at) for at in range(len(prices))]
    highest = max(range(len(above)), key=above.__getitem__)
    return highest if above[highest] > 1e-9 else None


def _scaled(values: Sequence[float], at: int) -> float:
    return (values[at] - values[0]) / (values[-1] - values[0])
