"""New rows out of old ones by what both tokenizers make of the same texts: arrays in, shares of old rows out.

Both encode the same texts. An old token that lies under several new ones is shared out among them by its
characters; what a new token got of each old one, over all its occurrences, says what it stands for. Only
offsets are used, so families, marks of words, case and normalizers do not matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from tokenizers import Tokenizer

    Ids = NDArray[np.int64]

POWER = 2  # of a share: 1, 2 and 3 compared by benchmarks/transplant_starts.py
AT_ONCE = 1 << 19  # characters whose tokens are laid over each other at once: some 100 MB


@dataclass(frozen=True, eq=False)
class TokenSpans:
    """The tokens of texts that lie one behind the other: their ids (N), and where each begins and ends.

    `characters` is the length of all texts. Tokens without a character, such as special ones, are left out;
    those of a byte-level tokenizer that share a character have it all.
    """

    ids: Ids
    begins: Ids
    ends: Ids
    characters: int
    tokens: int

    @classmethod
    def of(cls, tokenizer: Tokenizer, texts: Sequence[str]) -> TokenSpans:
        """What a tokenizer that neither truncates nor pads makes of these texts."""
        encodings = tokenizer.encode_batch(texts, add_special_tokens=False)
        ids = np.fromiter(chain.from_iterable(each.ids for each in encodings), np.int64)
        pairs = chain.from_iterable(chain.from_iterable(each.offsets for each in encodings))
        offsets = np.fromiter(pairs, np.int64).reshape(-1, 2)
        lengths = np.array([len(text) for text in texts], np.int64)
        firsts = np.repeat(np.cumsum(lengths) - lengths, [len(each) for each in encodings])
        full = offsets[:, 1] > offsets[:, 0]
        begins, ends = ((offsets[:, at] + firsts)[full] for at in (0, 1))
        return cls(ids[full], begins, ends, int(lengths.sum()), len(ids))


class _Cover(NamedTuple):
    """Which token lies on which character: one entry for each of both, in the order of the characters."""

    token: Ids
    character: Ids
    on: Ids  # tokens on each character
    first: Ids  # entry of each character


def _cover(spans: TokenSpans) -> _Cover:
    lengths = spans.ends - spans.begins
    token = np.repeat(np.arange(len(lengths)), lengths)
    character = np.arange(len(token)) + np.repeat(spans.begins - np.cumsum(lengths) + lengths, lengths)
    if (np.diff(character) < 0).any():
        order = np.argsort(character, kind="stable")
        token, character = token[order], character[order]
    on = np.bincount(character, minlength=spans.characters)
    return _Cover(token, character, on, np.cumsum(on) - on)


class Overlaps(NamedTuple):
    """Tokens of both that lie on the same characters, by their places, and the share of the old one there."""

    new: Ids
    old: Ids
    share: NDArray[np.float64]


def overlaps(new: TokenSpans, old: TokenSpans) -> Overlaps:
    """Where tokens of the same texts meet.

    Tokens on one character, which are parts of its bytes, have equal parts of it, in their order. The shares
    of an old token under new ones sum to 1, less what lies under none.

    >>> ids, cat = np.arange(2), TokenSpans(np.array([7]), np.array([0]), np.array([3]), 3, 1)
    >>> overlaps(TokenSpans(ids, np.array([0, 1]), np.array([1, 3]), 3, 2), cat).share.round(2).tolist()
    [0.33, 0.67]
    """
    mine, theirs = _cover(new), _cover(old)
    partners = theirs.on[mine.character]
    here = np.repeat(np.arange(len(partners)), partners)
    nth = np.arange(len(here)) - np.repeat(np.cumsum(partners) - partners, partners)
    there = theirs.first[mine.character[here]] + nth
    common = _common(mine, theirs, here, nth)
    pairs = mine.token[here] * max(1, len(old.ids)) + theirs.token[there]
    runs = np.flatnonzero(np.diff(pairs, prepend=-1))  # to sort all characters takes four times as long
    whole = np.bincount(theirs.token, 1 / theirs.on[theirs.character], minlength=len(old.ids))
    pairs, at = np.unique(pairs[runs], return_inverse=True)
    met = np.bincount(at, np.add.reduceat(common, runs) if len(runs) else common, minlength=len(pairs))
    new_at, old_at = np.divmod(pairs, max(1, len(old.ids)))
    some = met > 0
    return Overlaps(new_at[some], old_at[some], (met / whole[old_at])[some])


def _common(mine: _Cover, theirs: _Cover, here: Ids, nth: Ids) -> NDArray[np.float64]:
    """How much of a character tokens of both have in common: entry `here` of mine, the `nth` of theirs."""
    character = mine.character[here]
    parts, others = mine.on[character], theirs.on[character]
    common = np.ones(len(here))
    several = np.flatnonzero((parts > 1) | (others > 1))
    place = (here - mine.first[character])[several]
    parts, others, other = parts[several], others[several], nth[several]
    first = np.maximum(
        place * others, other * parts
    )  # in units of 1 / (parts * others), so that all is exact
    last = np.minimum((place + 1) * others, (other + 1) * parts)
    common[several] = np.maximum(last - first, 0) / (parts * others)
    return common


@dataclass(frozen=True, eq=False)
class AlignedRows:
    """New id → the old ids that stand where it stands, and the share of each.

    A pair an entry: `new`, `old` (P), by new and then old ids, and `shares` (P), which sum to 1 for each new
    id. `times` (V) says how often each new id occurs. Of the texts: how many, their UTF-8 bytes, and the
    tokens of both.
    """

    new: Ids
    old: Ids
    shares: NDArray[np.float64]
    times: Ids
    texts: int
    utf8_bytes: int
    tokens_before: int
    tokens: int

    def __len__(self) -> int:
        return len(np.unique(self.new))

    def of(self, number: int) -> tuple[tuple[int, ...], tuple[float, ...]]:
        """The old ids and the shares of one new id; none for one that did not occur on a character."""
        first, last = np.searchsorted(self.new, (number, number + 1))
        return tuple(self.old[first:last].tolist()), tuple(self.shares[first:last].tolist())


def aligned_rows(
    batches: Iterable[Sequence[str]], new: Tokenizer, old: Tokenizer, *, size: int, rows: int
) -> AlignedRows:
    """What each of `size` new ids stands for among the first `rows` old ones, over all texts of the batches.

    A new row is the mean of the old rows under its token, each weighted by the square of the share it has of
    it, summed over all occurrences: what is wholly there says more than what reaches beyond. Both tokenizers
    neither truncate nor pad.
    """
    pairs = np.zeros(0, np.int64)
    sums: NDArray[np.float64] = np.zeros(0)
    times, counts = np.zeros(size, np.int64), np.zeros(4, np.int64)
    for texts in chain.from_iterable(map(_cut, batches)):
        mine, theirs = TokenSpans.of(new, texts), TokenSpans.of(old, texts)
        times += np.bincount(mine.ids, minlength=size)
        counts += (len(texts), sum(len(text.encode()) for text in texts), theirs.tokens, mine.tokens)
        met = overlaps(mine, theirs)
        ids = theirs.ids[met.old]
        inside = ids < rows  # a vocabulary may be larger than its matrix
        found = (mine.ids[met.new] * rows + ids)[inside]
        pairs, at = np.unique(np.concatenate([pairs, found]), return_inverse=True)
        much = np.concatenate([sums, met.share[inside] ** POWER])
        sums = np.bincount(at, much, minlength=len(pairs)).astype(np.float64)
    owners, ids = np.divmod(pairs, rows)
    whole = np.bincount(owners, sums, minlength=size)
    return AlignedRows(owners, ids, sums / whole[owners], times, *counts.tolist())


def _cut(texts: Sequence[str]) -> Iterable[Sequence[str]]:
    """The texts in parts of about AT_ONCE characters."""
    first = held = 0
    for at, text in enumerate(texts):
        held += len(text)
        if held >= AT_ONCE:
            yield texts[first : at + 1]
            first, held = at + 1, 0
    if texts[first:]:
        yield texts[first:]
