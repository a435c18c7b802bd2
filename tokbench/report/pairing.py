"""A window on base against new over several seeds."""

from __future__ import annotations

from collections.abc import Iterator

from tokbench.finetune.paired import Pair, Proof
from tokbench.report.parts import Grid, Headline, Paragraph, Part

MOODS = {"better": "good", "worse": "bad"}


def proof(result: Proof) -> Iterator[Part]:
    """A verdict a task, then the figures of both sides."""
    for pair in result.pairs:
        yield Headline(
            f"{pair.task}: {pair.new.name} is {_than(pair)} {pair.base.name}: {pair.metric}"
            f" {pair.difference:+.4f}, {result.level:.0%} between {pair.low:+.4f} and {pair.high:+.4f}",
            MOODS.get(pair.verdict, "plain"),
        )
    header = ("task", "tokenizer", "mean", "by seed", "tokens a row", "seconds")
    rows = [
        (
            pair.task,
            side.name,
            f"{side.mean:.4f}",
            " ".join(f"{value:.3f}" for value in side.values),
            f"{side.tokens_per_row:.1f}",
            f"{side.seconds:.1f}",
        )
        for pair in result.pairs
        for side in (pair.base, pair.new)
    ]
    yield Grid(header, rows, right=("mean", "tokens a row", "seconds"))
    yield Paragraph(f"Model: {result.model}. The interval is {result.method}.")


def _than(pair: Pair) -> str:
    return {"better": "better than", "worse": "worse than"}.get(pair.verdict, "not shown to differ from")
