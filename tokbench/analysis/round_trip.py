"""Whether texts come back from their ids: to the letter, or as the normalizer wanted them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class RoundTrip:
    """What came back of so many texts.

    exact: the share that came back to the letter; normalized: the share that did but for the normalizer's
    changes and white space. first: a text that came back otherwise, and what came.
    """

    texts: int
    exact: float
    normalized: float
    first: tuple[str, str] | None


def round_trip(texts: Sequence[str], back: Sequence[str], normalize: Callable[[str], str]) -> RoundTrip:
    """What became of these texts; `back` are the same after encoding and decoding.

    A text that comes back exactly counts as normalized too.

    >>> round_trip(["A b", "c", "日"], ["a b", "c", "?"], str.lower).normalized
    0.6666666666666666
    """
    exact = same = 0
    first = None
    for text, other in zip(texts, back, strict=True):
        if text == other:
            exact += 1
            same += 1
        elif letters(other) == letters(normalize(text)):
            same += 1
        elif first is None:
            first = (text, other)
    whole = len(texts) or 1
    return RoundTrip(texts=len(texts), exact=exact / whole, normalized=same / whole, first=first)


def letters(text: str) -> str:
    """A text without white space, or the ▁ that SentencePiece writes for it.

    >>> letters("▁a b")
    'ab'
    """
    return "".join(text.replace("▁", " ").split())
