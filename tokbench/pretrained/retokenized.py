"""Words of a sample that two tokenizers split differently: what new tokens do to texts, seen beforehand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tokenizers import Encoding, Tokenizer

MOST_TEXTS = 200_000  # about 20 MB of lines; a sample, not a corpus


@dataclass(frozen=True)
class WordChange:
    """A word of the sample, how often it changed, and its tokens before and after."""

    word: str
    count: int
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True)
class Changed:
    """How many texts were read and how many are split differently; their words, the most frequent first."""

    texts: int
    changed: int
    words: tuple[WordChange, ...]
    stopped: bool = False


def changed_words(old: Tokenizer, new: Tokenizer, batches: Iterable[Sequence[str]]) -> Changed:
    """Compare text by text, so that a token of several words is seen as well; stops at MOST_TEXTS texts."""
    counts: Counter[tuple[str, tuple[str, ...], tuple[str, ...]]] = Counter()
    texts = changed = 0
    stopped = False
    for batch in batches:
        pairs = zip(
            batch, *(each.encode_batch(batch, add_special_tokens=False) for each in (old, new)), strict=True
        )
        for text, before, after in pairs:
            if before.ids != after.ids:
                changed += 1
                counts.update(_words(text, before, after))
        texts += len(batch)
        if texts >= MOST_TEXTS:
            stopped = True
            break
    words = tuple(WordChange(word, count, one, two) for (word, one, two), count in counts.most_common())
    return Changed(texts, changed, words, stopped)


def _words(
    text: str, before: Encoding, after: Encoding
) -> Iterator[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """The stretches without white space whose tokens differ; a token of two words joins them to one."""
    edges = _spans(text, before, after)
    one, two = _grouped(before, edges), _grouped(after, edges)
    for at, (start, end) in enumerate(edges):
        if one[at] != two[at]:
            yield text[start:end], tuple(one[at]), tuple(two[at])


def _spans(text: str, *encodings: Encoding) -> list[tuple[int, int]]:
    """The words, joined where a token of either encoding reaches over the space between them."""
    spans: list[tuple[int, int]] = []
    start = 0
    for word in text.split():
        start = text.index(word, start)
        spans.append((start, start + len(word)))
        start += len(word)
    reaching = {end for encoding in encodings for end in _bridged(text, encoding)}
    joined: list[tuple[int, int]] = []
    for span in spans:
        if joined and joined[-1][1] in reaching:
            joined[-1] = (joined[-1][0], span[1])
        else:
            joined.append(span)
    return joined


def _bridged(text: str, encoding: Encoding) -> Iterator[int]:
    """Where a word ends inside a token, with another word in the same token."""
    for start, end in encoding.offsets:
        piece = text[start:end]
        for place, letter in enumerate(piece):
            inside = piece[:place].strip() and piece[place:].strip()
            if letter.isspace() and inside and not piece[place - 1].isspace():
                yield start + place


def _grouped(encoding: Encoding, spans: Sequence[tuple[int, int]]) -> list[list[str]]:
    """The tokens of each span; a token belongs to the span that holds its last letter."""
    groups: list[list[str]] = [[] for _ in spans]
    at = 0
    for token, (_, end) in zip(encoding.tokens, encoding.offsets, strict=True):
        while at < len(spans) - 1 and end > spans[at][1]:
            at += 1
        if spans:
            groups[at].append(token)
    return groups
