"""Words as UTF-8 in a row, as the library spells them: the one form in which counts are kept and merged.

Whichever engine counted, the words are the same bytes here, so that files of counts are the same too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tokbench.training.counts import WordCounts
from tokbench.training.learner_words import WordArrays, byte_characters, of_bytes

Bytes = NDArray[np.uint8]
Numbers = NDArray[np.int64]
AT_ONCE = 1 << 18  # words, or bytes, worked at in one go: what numpy makes on the way is many times as large


@dataclass(frozen=True, eq=False)
class Spelled:
    """Words and their counts.

    utf8: the bytes of all words, one word after the other; lengths: how many each has; counts: how often each
    occurs.
    """

    utf8: Bytes
    lengths: Numbers
    counts: Numbers

    def __len__(self) -> int:
        """How many words there are."""
        return len(self.counts)

    @property
    def places(self) -> Numbers:
        """Start and end of each word, (words, 2)."""
        ends = np.cumsum(self.lengths, dtype=np.int64)
        return np.stack((ends - self.lengths, ends), axis=1)

    def words(self) -> Iterator[bytes]:
        """The words, one by one."""
        utf8 = self.utf8.tobytes()
        return (utf8[start:end] for start, end in self.places.tolist())

    def part(self, start: int, end: int) -> Spelled:
        """The words from one number to another."""
        before, size = int(self.lengths[:start].sum()), int(self.lengths[start:end].sum())
        return Spelled(self.utf8[before : before + size], self.lengths[start:end], self.counts[start:end])

    def take(self, numbers: Numbers) -> Spelled:
        """The words of these numbers, in this order."""
        return gathered(self.utf8, self.places[numbers], self.counts[numbers])

    def by_count(self) -> Spelled:
        """The most frequent first, equally frequent ones by their bytes."""
        return self.take(_sorted(self, -self.counts)[0])

    def by_word(self) -> Spelled:
        """Sorted by the bytes of the words."""
        return self.take(_sorted(self, np.zeros(len(self), np.int64))[0])

    def word_counts(self) -> WordCounts:
        """The same as Python's strings and numbers."""
        counts = zip((word.decode() for word in self.words()), self.counts.tolist(), strict=True)
        return WordCounts(dict(counts))

    def arrays(self) -> WordArrays:
        """The same for the compiled learner."""
        return of_bytes(self.utf8, self.places, self.counts)


def of_counts(counts: WordCounts) -> Spelled:
    """Words counted in Python, in their order."""
    words = [word.encode() for word in counts.counts]
    return Spelled(
        np.frombuffer(b"".join(words), np.uint8),
        np.fromiter(map(len, words), np.int64, len(words)),
        np.fromiter(counts.counts.values(), np.int64, len(words)),
    )


def of_arena(arena: Bytes, places: Numbers, counts: Numbers, *, bytewise: bool, blank: str) -> Spelled:
    """Words as the compiled loops count them, in their order; bytewise and blank tell their spelling."""
    words = gathered(arena, places, counts)
    if bytewise:
        letters = np.array([ord(each) for each in byte_characters()], "<u2")
        cuts = [words.utf8[at : at + AT_ONCE] for at in range(0, len(words.utf8), AT_ONCE)]
        utf8 = b"".join(letters[cut].tobytes().decode("utf-16-le").encode() for cut in cuts)
        sizes = 1 + (letters >= 0x80)
    else:
        utf8 = words.utf8.tobytes().replace(b" ", blank.encode())
        sizes = np.ones(0x100, np.int64)
        sizes[ord(" ")] = len(blank.encode())
    starts = words.places[:, 0]  # no word is empty, which is what reduceat needs
    lengths = np.add.reduceat(sizes[words.utf8], starts, dtype=np.int64) if len(words) else words.lengths
    return Spelled(np.frombuffer(utf8, np.uint8), lengths, counts)


def joined(several: Sequence[Spelled]) -> Spelled:
    """All of these words, one table after the other."""
    if len(several) == 1:
        return several[0]
    return Spelled(
        np.concatenate([each.utf8 for each in several] or [np.zeros(0, np.uint8)]),
        np.concatenate([each.lengths for each in several] or [np.zeros(0, np.int64)]),
        np.concatenate([each.counts for each in several] or [np.zeros(0, np.int64)]),
    )


def summed(words: Spelled) -> Spelled:
    """Each word once, sorted by bytes, its counts added up."""
    order, group = _sorted(words, np.zeros(len(words), np.int64))
    first = np.flatnonzero(np.diff(group, prepend=-1))
    if len(first) == len(words):
        return words.take(order)
    once = words.take(order[first])
    return Spelled(once.utf8, once.lengths, np.add.reduceat(words.counts[order], first))


def gathered(arena: Bytes, places: Numbers, counts: Numbers) -> Spelled:
    """The words at these places, one after the other."""
    lengths = places[:, 1] - places[:, 0]
    ends = np.cumsum(lengths, dtype=np.int64)
    utf8 = np.empty(int(lengths.sum()), np.uint8)
    for start, end in _portions(ends, len(utf8)):
        before = int(ends[start - 1]) if start else 0
        shift = places[start:end, 0] - (ends[start:end] - lengths[start:end])
        at = np.arange(before, ends[end - 1]) + np.repeat(shift, lengths[start:end])
        utf8[before : ends[end - 1]] = arena[at]
    return Spelled(utf8, lengths, counts)


def _portions(ends: Numbers, size: int) -> Iterator[tuple[int, int]]:
    """Numbers of words from, to: about AT_ONCE bytes each."""
    cuts = np.searchsorted(ends, np.arange(AT_ONCE, size + AT_ONCE, AT_ONCE), side="right")
    borders = np.unique(np.concatenate(([0], cuts, [len(ends)]))).tolist()
    return pairwise(borders)


def _sorted(words: Spelled, group: Numbers) -> tuple[Numbers, Numbers]:
    """The numbers of the words sorted by group and then by bytes, and groups that only equal words share.

    Like ordering.ordered, but a word may come twice. Each round goes by eight bytes, read as one number.
    """
    order: Numbers = np.argsort(group, kind="stable")
    group, lengths, starts = group[order], words.lengths, words.places[:, 0]
    numbers = np.ndarray(
        len(words.utf8) + 1, ">u8", np.append(words.utf8, np.zeros(8, np.uint8)), strides=(1,)
    )
    at, begun = np.flatnonzero(_tied(group)), 0
    while len(at):
        left = np.clip(lengths[order[at]] - begun, 0, 9)
        unused = 8 * (8 - np.clip(left, 1, 8)).astype(np.uint64)
        heads = numbers[starts[order[at]] + begun].astype(np.uint64) >> unused << unused
        heads[left == 0] = 0
        sort = np.lexsort((left, heads, group[at]))
        order[at], left, heads, old = order[at][sort], left[sort], heads[sort], group[at][sort]
        new = (np.diff(old) != 0) | (np.diff(heads) != 0) | (np.diff(left) != 0)
        group[at] = np.cumsum(np.append(True, new)) + int(group.max())
        at = at[_tied(group[at]) & (left > 8)]
        begun += 8
    return order, group


def _tied(group: Numbers) -> NDArray[np.bool_]:
    """Which numbers are the same as one beside them."""
    same = group[1:] == group[:-1]
    tied: NDArray[np.bool_] = np.append(same, False) | np.append(False, same)
    return tied
