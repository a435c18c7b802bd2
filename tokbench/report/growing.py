"""A window on what was added, and on how the model followed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tokbench.model.growth import Growth
from tokbench.pretrained.added_tokens import Added
from tokbench.report.parts import Facts, Grid, Headline, Part

if TYPE_CHECKING:
    from tokbench.model.resize import Resized  # with torch, which a window has no need of

MOST_SHOWN = 20

SPECIAL = "markup: never split, decode can leave it out"
REGULAR = "a word: kept in one piece, text like any other"


def growth(result: Growth) -> Iterator[Part]:
    """What is new and what it starts from, then the model's rows and the proof."""
    added = result.added
    new = len(added.special) + len(added.regular)
    yield Headline(
        f"{result.path}: {_count(new, 'new token')}, {added.before:,} → {added.after:,} ids", "good"
    )
    rows = list(_rows(added))
    if rows:
        yield Grid(("id", "token", "kind", "was"), rows[:MOST_SHOWN], right=("id",))
    if len(rows) > MOST_SHOWN:
        yield Facts([("and", f"{len(rows) - MOST_SHOWN:,} more")])
    yield Facts([*_existing(added), *_model(result)])


def _rows(added: Added) -> Iterator[tuple[int, str, str, str]]:
    for tokens, kind in ((added.special, SPECIAL), (added.regular, REGULAR)):
        for token, number in tokens.items():
            pieces = added.pieces.get(token, ())
            yield number, token, kind, _count(len(pieces), "piece") if pieces else "unknown"


def _existing(added: Added) -> Iterator[tuple[str, object]]:
    if added.existing:
        yield "already there", ", ".join(f"{token} {number}" for token, number in added.existing.items())
    if added.declared:
        yield "now reachable", ", ".join(added.declared)


def _model(result: Growth) -> Iterator[tuple[str, object]]:
    if result.plan is None:
        yield "model", "none given: name it with --model to give it rows for the new ids"
        return
    plan = result.plan
    yield "model", result.model
    yield "rows", _resize(plan.rows_before, plan.size)
    yield "spare rows", f"{len(plan.spare_used):,} used, {plan.spare_left:,} left"
    if result.resized is not None:
        yield from _resized(result.resized)
    if result.proof is not None:
        yield (
            "old texts",
            (
                f"{result.proof.texts} give the same hidden states; largest difference "
                f"{result.proof.largest_difference:g}"
            ),
        )


HEADS = {"tied": "tied to the input rows, and still is", "own": "its own rows, grown alike", "none": "none"}


def _resized(resized: Resized) -> Iterator[tuple[str, object]]:
    yield "new rows", f"{resized.started:,}, started as {resized.initializer}"
    bias = ", with a bias a row" if resized.bias else ""
    yield "output head", HEADS[resized.head] + bias


def _resize(before: int, after: int) -> str:
    return f"{before:,}: no resize was needed" if before == after else f"{before:,} → {after:,}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
