"""A window with pictures on tokenizers side by side: what a page has room for and a terminal has not."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import accumulate

from tokbench.analysis.comparison import Comparison
from tokbench.analysis.measures import Measured
from tokbench.report.comparing import comparison
from tokbench.report.parts import Curve, Heat, Part

Line = tuple[str, list[tuple[float, float]]]


def page(result: Comparison) -> Iterator[Part]:
    """All of the terminal's window, then heat maps over all corpora, then two curves for each corpus."""
    yield from comparison(result)
    if len(result.corpora) > 1:
        yield _heat(result, "tokens a word", [each.fertility for each in result.results])
        yield _heat(result, "bytes a token", [each.bytes_per_token for each in result.results])
    for ground in result.corpora:
        results = [each for each in result.results if each.corpus == ground.name]
        yield Curve(
            title=f"{ground.name}: how often tokens occur, by rank",
            x="rank of the token",
            y="occurrences, log10",
            series=[_frequencies(each) for each in results],
            log_x=True,
        )
        yield Curve(
            title=f"{ground.name}: texts that fit a length",
            x="tokens, special ones included",
            y="share of texts",
            series=[_fitting(each) for each in results],
            log_x=True,
        )


def _heat(result: Comparison, title: str, values: Sequence[float]) -> Heat:
    """Tokenizers by corpora; the results go corpus by corpus."""
    names = [each.name for each in result.tokenizers]
    rows = [values[place :: len(names)] for place in range(len(names))]
    return Heat(title, names, [ground.name for ground in result.corpora], rows)


def _frequencies(each: Measured) -> Line:
    return each.tokenizer, [(float(rank), math.log10(often)) for rank, often in each.ranks]


def _fitting(each: Measured) -> Line:
    """The share of texts that are no longer than a length."""
    bars = each.lengths.bars
    whole = sum(texts for _, _, texts in bars) or 1
    below = accumulate(texts for _, _, texts in bars)
    return each.tokenizer, [
        (float(max(bar[1], 1)), texts / whole) for bar, texts in zip(bars, below, strict=True)
    ]
