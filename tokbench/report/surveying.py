"""A window on what a file of texts shows of a tokenizer."""

from __future__ import annotations

from collections.abc import Iterator

from tokbench.check.surveyed import ScriptCount, Survey
from tokbench.errors import plural
from tokbench.report.parts import Facts, Grid, Headline, Part

FEWEST = 0.001  # of the characters: scripts below this are one line together
SHOWN = 6  # labels
NUMBERS = ("chars", "words", "tokens", "fertility", "chars/token", "unknown")
NO_WORDS = ("white space", "punctuation", "symbols and emoji", "control", "marks")


def survey(result: Survey) -> Iterator[Part]:
    """The counts by script, the causes of unknown tokens, and what else was seen."""
    rows = [_row(each) for each in _gathered(result)]
    yield Headline(f"{result.name}: {plural(result.texts, 'text')}")
    yield Grid(("script", *NUMBERS), rows, right=NUMBERS)
    if result.causes:
        rows = [(f"{each.tokens:,}", each.reason, "  ".join(each.examples)) for each in result.causes]
        yield Grid(("unknown", "because", "such as"), rows, right=("unknown",))
    yield Facts(list(_facts(result)))


def _row(each: ScriptCount) -> tuple[str, ...]:
    reads = each.words and each.script not in NO_WORDS
    per_word = f"{each.tokens / each.words:.2f}" if reads else "–"
    per_token = f"{each.characters / each.tokens:.2f}" if each.tokens else "–"
    share = f"{each.unknown / each.tokens:.2%}" if each.tokens else "–"
    counts = (f"{each.characters:,}", f"{each.words:,}", f"{each.tokens:,}")
    return each.script, *counts, per_word, per_token, share


def _gathered(result: Survey) -> Iterator[ScriptCount]:
    """The scripts, those with hardly a character in one line, and all."""
    few = [
        each for each in result.scripts if each.characters < FEWEST * result.characters and not each.unknown
    ]
    yield from (each for each in result.scripts if each not in few)
    if few:
        yield _sum(f"{plural(len(few), 'other')}", few)
    yield _sum("all", result.scripts)


def _sum(name: str, scripts: list[ScriptCount] | tuple[ScriptCount, ...]) -> ScriptCount:
    return ScriptCount(
        name,
        sum(each.characters for each in scripts),
        sum(each.words for each in scripts),
        sum(each.tokens for each in scripts),
        sum(each.unknown for each in scripts),
    )


def _facts(result: Survey) -> Iterator[tuple[str, object]]:
    never = result.size - result.used
    yield "never used", f"{never:,} of {plural(result.size, 'token')} ({never / max(1, result.size):.0%})"
    yield "longest text", plural(result.longest, "token")
    if result.labels:
        shown = [f"{label} {count:,}" for label, count in result.labels[:SHOWN]]
        more = len(result.labels) - len(shown)
        yield f"column {result.label_column}", ", ".join(shown) + (f" and {more:,} more" if more else "")
    if result.decomposed:
        yield (
            "not in NFC",
            f"{plural(result.decomposed, 'text')}: {plural(result.decomposed_tokens, 'token')}, "
            + (f"in NFC {result.composed_tokens:,}"),
        )
    if result.korean:
        yield "Korean taken apart", f"{result.taken_apart:,} of {plural(result.korean, 'text')} looked at"
