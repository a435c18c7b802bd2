"""A window on whether two tokenizers are the same."""

from __future__ import annotations

from collections.abc import Iterator

from tokbench.check.sameness import Difference, Sameness
from tokbench.report.parts import Facts, Grid, Headline, Part

MOST = 24  # ids and tokens of the example that are shown


def sameness(result: Sameness) -> Iterator[Part]:
    """The verdict, the shortest text that shows it, the figures."""
    mood = "good" if result.passed else "bad"
    yield Headline(f"{result.names[0]} and {result.names[1]}: {result.verdict}; {result.reason}", mood)
    if result.example is not None:
        what = {"ids": "gives", "pair": "given twice, as a pair, gives", "decoded": "comes back as"}
        yield Headline(f"the shortest text found: {result.example.text!r} {what[result.example.what]}")
        yield _sides_of(result, result.example)
    yield Facts(list(_facts(result)))


def _sides_of(result: Sameness, example: Difference) -> Grid:
    rows = [
        (name, " ".join(map(repr, tokens[:MOST])), " ".join(map(str, ids[:MOST])))
        for name, tokens, ids in zip(_sides(result), example.tokens, example.ids, strict=True)
    ]
    return Grid(("", "tokens", "ids"), rows)


def _sides(result: Sameness) -> tuple[str, str]:
    """Both names; with which is which when they are the same or long."""
    one, other = result.names
    return (one, other) if one != other else (f"{one} (first)", f"{other} (second)")


def _facts(result: Sameness) -> Iterator[tuple[str, object]]:
    if result.texts:
        yield "texts tried", f"{result.texts:,}, {result.differing:,} differ"
    yield "sizes", f"{result.sizes[0]:,} and {result.sizes[1]:,} (highest id + 1)"
    if result.moved:
        yield "tokens of both", f"{result.moved:,} have another id"
    if any(result.only):
        yield "tokens of one only", f"{result.only[0]:,} and {result.only[1]:,}"
    if result.parts:
        yield "written differently", ", ".join(result.parts)
    for role in result.roles:
        yield "role", role
    one, other = result.sha256
    yield "sha256", one if one == other else f"{one[:16]}… and {other[:16]}…"
