"""Why a piece of text is unknown to a tokenizer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from tokbench.check.alphabets import script_of
from tokbench.check.passage import normalized
from tokbench.check.subject import Subject
from tokbench.check.surveyed import Cause

MOST_EXAMPLES = 5


def causes(subject: Subject, unknown: Mapping[str, int]) -> tuple[Cause, ...]:
    """The reasons why these pieces of text are unknown, the most frequent first."""
    grouped: dict[str, Counter[str]] = {}
    for text, count in unknown.items():
        reason, shown = why_unknown(subject, text)
        grouped.setdefault(reason, Counter())[shown] += count
    found = [
        Cause(reason, texts.total(), tuple(text for text, _ in texts.most_common(MOST_EXAMPLES)))
        for reason, texts in grouped.items()
    ]
    return tuple(sorted(found, key=lambda cause: (-cause.tokens, cause.reason)))


def why_unknown(subject: Subject, text: str) -> tuple[str, str]:
    """The reason, and what to show of it: the character, or the word."""
    word = normalized(subject, text).strip()
    longest = subject.raw.get("model", {}).get("max_input_chars_per_word")
    if subject.kind == "WordPiece" and longest and len(word) > longest:
        return f"longer than {longest} characters", word
    if subject.has("pre_tokenizer", "ByteLevel") and subject.kind in ("WordPiece", "WordLevel"):
        return f"the blocks do not fit: ByteLevel before {subject.kind}", word
    if subject.kind == "WordLevel" and len(word) > 1:
        return "a word that is not in the vocabulary", word
    missing = list(_missing(subject, word))
    if not missing:
        return "known letters that no pieces put together", word
    if missing[0].startswith("##"):
        return "a letter is known only at the start of a word, not inside one", missing[0]
    if subject.kind == "WordPiece" and len(missing) < len(word):
        what = script_of(missing[0])
        return f"one unknown character ({what}) makes the whole word unknown", missing[0]
    return f"{script_of(missing[0])}: characters that are not in the vocabulary", missing[0]


def _missing(subject: Subject, word: str) -> Iterator[str]:
    """The characters that have no piece at all; failing these, the ##c that have none."""
    prefix = subject.raw.get("model", {}).get("continuing_subword_prefix") or ""
    inside = [each for at, each in enumerate(word) if at and f"{prefix}{each}" not in subject.vocabulary]
    absent = [each for each in word if each not in subject.vocabulary
              and (not prefix or f"{prefix}{each}" not in subject.vocabulary)]  # fmt: skip
    yield from absent or (f"{prefix}{each}" for each in inside)
