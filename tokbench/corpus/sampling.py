"""Some texts of a stream that may be longer than memory: each as likely as any other, the same every time."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import numpy as np


class Sample:
    """Keeps texts as they pass: at most so many, of at most so many characters together.

    Every text draws a number; the lowest stay. The same texts in the same order and the same seed give the
    same sample.
    """

    def __init__(self, seed: int, *, texts: int | None = None, characters: int | None = None) -> None:
        self._draw = np.random.default_rng(seed)
        self._texts, self._characters = texts, characters
        self._kept: list[tuple[float, int, str]] = []  # a heap: the highest number comes first
        self._held = self._seen = 0
        self._highest = 2.0  # above every number that is drawn

    def add(self, texts: Sequence[str]) -> None:
        """Look at these texts."""
        drawn = self._draw.random(len(texts))
        for place in np.flatnonzero(drawn < self._highest).tolist():
            if drawn[place] < self._highest:
                heapq.heappush(self._kept, (-float(drawn[place]), self._seen + place, texts[place]))
                self._held += len(texts[place])
                self._let_go()
        self._seen += len(texts)

    def texts(self) -> list[str]:
        """The texts kept, in the order they came."""
        return [text for _, _, text in sorted(self._kept, key=lambda kept: kept[1])]

    def _let_go(self) -> None:
        """Drop the highest numbers while there is too much; one text always stays."""
        while len(self._kept) > 1 and self._is_full():
            number, _, text = heapq.heappop(self._kept)
            self._held -= len(text)
            self._highest = -number

    def _is_full(self) -> bool:
        many = self._texts is not None and len(self._kept) > self._texts
        return many or (self._characters is not None and self._held > self._characters)
