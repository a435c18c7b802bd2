"""Windows on what became of whole corpora: words counted, texts encoded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tokbench.errors import plural
from tokbench.report.parts import Facts, Headline, Paragraph, Part

if TYPE_CHECKING:
    from tokbench.pretrained.encode_corpus import EncodedCorpus
    from tokbench.training.counted import Counted


def counted(result: Counted) -> Iterator[Part]:
    """Where the counts are, what was counted, and what was left out."""
    yield Headline(f"{result.path}: {plural(result.words, 'different word')}", "good")
    corpus = result.corpus
    yield Facts(
        [
            ("words", f"{result.total:,} with repetitions"),
            (
                "corpus",
                f"{plural(corpus.texts, 'text')}, {plural(corpus.utf8_bytes, 'byte')}, "
                f"{corpus.blank:,} blank left out",
            ),
            ("fingerprint", result.fingerprint),
            ("engine", engine(result.engine, result.why)),
        ]
    )
    if result.min_count > 1:
        yield Paragraph(left_out(result.min_count))


def left_out(min_count: int) -> str:
    """What a user of counts without the rare words has to know."""
    return (
        f"Words that occur fewer than {min_count} times were left out: a tokenizer trained from these counts "
        "never sees them, nor characters that only they have, and may differ from one trained on the texts."
    )


def encoded(result: EncodedCorpus) -> Iterator[Part]:
    """Which files there are, how much is in them, how fast they came."""
    files = ", ".join(map(str, result.files)) or result.format or "nowhere"
    yield Headline(f"{files}: {plural(result.tokens, 'token')} of {plural(result.texts, 'text')}", "good")
    seconds = max(result.seconds, 1e-3)
    yield Facts(
        [
            (
                "bytes of text",
                f"{result.utf8_bytes:,}, {result.utf8_bytes / max(1, result.tokens):.2f} a token",
            ),
            ("format", f"{result.format}, ids in {result.dtype}" if result.dtype else result.format),
            ("time", f"{seconds:.1f} s, {result.utf8_bytes / seconds / 1e6:,.1f} MB a second"),
            ("engine", engine(result.engine, result.why)),
        ]
    )


def engine(name: str, why: str) -> str:
    """Which engine did it, and why it was not the compiled one."""
    return f"{name}: {why}" if why else name
