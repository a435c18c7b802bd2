"""Texts that a model is asked before and after it grows, as ids that two tokenizers give alike."""

from __future__ import annotations

from collections.abc import Sequence

from tokenizers import Tokenizer

LONGEST = 32  # tokens of a probe; hardly a model has fewer positions
PROBES = (
    "The quick brown fox jumps over the lazy dog.",
    "It was the best of times, it was the worst of times.",
    "빠른 갈색 여우가 게으른 개를 뛰어넘는다.",
    "def add(a, b):\n    return a + b  # 1 + 2 = 3",
    "naïve café, 12.5 % of 3,000 €",
    "Ünïcödé 😀 emoji, and    spaces",
)


def old_inputs(
    old: Tokenizer,
    new: Tokenizer,
    texts: Sequence[str] = PROBES,
    *,
    rows: int | None = None,
    longest: int = LONGEST,
) -> list[list[int]]:
    """The ids of the texts that both tokenizers split alike: those are the texts nothing may change for.

    What a template puts around them is left out of the comparison, for a role may have moved. With `rows`
    texts with ids beyond them are left out; ids in their order stand for texts where none is left.
    """
    inside = [[each.encode(text, add_special_tokens=False).ids for text in texts] for each in (old, new)]
    alike = [text for text, before, after in zip(texts, *inside, strict=True) if before == after]
    inputs = (old.encode(text).ids[:longest] for text in alike)
    found = [ids for ids in inputs if ids and (rows is None or max(ids) < rows)]
    return found or ([list(range(min(rows, longest)))] if rows else [])
