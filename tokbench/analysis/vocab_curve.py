"""What each vocabulary size buys and costs, and which one to take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tokbench.analysis.corpus_metrics import share
from tokbench.analysis.measure import Measured


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


@dataclass(frozen=True, kw_only=True)
class Point:
    """One size: what was asked, what was reached, and what its tokenizer does to the corpus.

    embedding_parameters: reached × hidden, once; twice that where input and output rows are not tied.
    fewer_tokens: the share of the tokens of the size before that this one saves.
    """

    asked: int
    reached: int
    tokens: int
    bytes_per_token: float
    fertility: float
    renyi_efficiency: float
    unknown_rate: float
    vocabulary_unused: int
    embedding_parameters: int
    fewer_tokens: float | None


@dataclass(frozen=True, kw_only=True)
class Recommendation:
    """The size to take, and why in one sentence; `method` says how it was found."""

    size: int
    why: str
    method: str


METHOD = "the knee of bytes a token over embedding parameters (Kneedle, Satopää et al. 2011)"


def points(asked: Sequence[int], measured: Sequence[Measured], *, hidden: int) -> tuple[Point, ...]:
    """A point a size, in rising order."""
    found: list[Point] = []
    for size, each in zip(asked, measured, strict=True):
        reached = each.vocabulary_used + each.vocabulary_unused
        before = found[-1].tokens if found else 0
        found.append(
            Point(
                asked=size,
                reached=reached,
                tokens=each.tokens,
                bytes_per_token=each.bytes_per_token,
                fertility=each.fertility,
                renyi_efficiency=each.renyi_efficiency,
                unknown_rate=each.unknown_rate,
                vocabulary_unused=each.vocabulary_unused,
                embedding_parameters=reached * hidden,
                fewer_tokens=share(before - each.tokens, before) if before else None,
            )
        )
    return tuple(found)


def recommended(curve: Sequence[Point]) -> Recommendation | None:
    """The knee; None for a curve without one."""
    prices = [float(point.embedding_parameters) for point in curve]
    at = knee(prices, [point.bytes_per_token for point in curve])
    if at is None:
        return None
    here, first, last = curve[at], curve[0], curve[-1]
    why = (
        f"from {first.reached:,} to {here.reached:,} tokens a text gets {_fewer(first, here):.1%} shorter; "
        f"from there to {last.reached:,} another {_fewer(here, last):.1%}, "
        f"for {_millions(last.embedding_parameters - here.embedding_parameters)} more embedding parameters"
    )
    return Recommendation(size=here.asked, why=why, method=METHOD)


def _fewer(one: Point, other: Point) -> float:
    return share(one.tokens - other.tokens, one.tokens)


def _millions(number: int) -> str:
    """A count of parameters in millions.

    >>> _millions(24_576_000)
    '24.6 M'
    """
    return f"{number / 1e6:.1f} M"
