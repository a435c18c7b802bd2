"""A window on what --fix mended, or would mend."""

from __future__ import annotations

from collections.abc import Iterator

from tokbench.check.mending import Mending
from tokbench.errors import plural
from tokbench.report import checking
from tokbench.report.parts import Facts, Grid, Headline, Part


def mending(result: Mending) -> Iterator[Part]:
    """Every change, where it went, and what the rules say afterwards."""
    number = plural(len(result.changes), "change")
    did = f"{number} made" if result.output else f"{number} to make; nothing was written"
    yield Headline(f"{result.tokenizer}: {did}" if result.changes else f"{result.tokenizer}: nothing to mend")
    if result.changes:
        yield Grid(("code", "change"), [(each.code, each.what) for each in result.changes])
    places = [("written", result.output), ("the old files", result.backup)]
    if shown := [(name, place) for name, place in places if place]:
        yield Facts(shown)
    yield Headline("Afterwards" if result.output else "It would be")
    yield from checking.checkup(result.after)
