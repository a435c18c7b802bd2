"""What comes out of the readers becomes batches: blank texts dropped, long ones cut, the rest counted."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from itertools import chain, groupby
from typing import cast

from tokbench.corpus.cutting import LIMIT, cut
from tokbench.corpus.lines import Part, Sieved

BATCH = 1 << 20  # bytes from which a batch is full


class Intake:
    """Counts of the texts so far, before any cutting; a text of white space only is blank and no text.

    With `raw`, lines come out as UTF-8 with a line feed after each, where no long one had to be cut.
    """

    def __init__(self, *, raw: bool = False) -> None:
        self._raw = raw
        self.texts = self.blank = self.utf8_bytes = 0
        self.sha256 = sha256()  # over all texts, each followed by a line feed
        self._held: list[list[str] | bytes] = []  # for the next batches, in the order of the source
        self._size = 0  # bytes in it
        self._long = _Unfinished()

    def take(self, part: Part) -> Iterator[list[str] | bytes]:
        """The batches that this part fills."""
        if part.sieved is not None:
            self._sieved(part.sieved)
            yield from self._full()
            return
        texts, utf8 = part.texts, part.utf8
        if self._long.begun and texts:
            yield from self._go_on(texts[0])
            self._finish()
            texts, utf8 = texts[1:], b""
        self._whole(texts, utf8)
        yield from self._full()
        if part.unfinished:
            yield from self._go_on(part.unfinished)

    def last(self) -> Iterator[list[str] | bytes]:
        """The batches that are left: texts that stand together, and lines that do."""
        for kind, parts in groupby(self._held, type):
            if kind is bytes:
                yield b"".join(cast(Iterator[bytes], parts))
            else:
                yield list(chain.from_iterable(cast(Iterator[list[str]], parts)))

    def _sieved(self, sieved: Sieved) -> None:
        self.texts += sieved.texts
        self.blank += sieved.blank
        self.sha256.update(sieved.utf8)
        self.utf8_bytes += len(sieved.utf8) - sieved.texts
        self._size += len(sieved.utf8)
        self._held.append(sieved.utf8)

    def _whole(self, texts: list[str], utf8: bytes) -> None:
        kept, lines = _not_blank(texts), self._raw and bool(utf8)
        self.blank += len(texts) - len(kept)
        if not kept:
            return
        if len(kept) < len(texts) or not utf8:
            utf8 = ("\n".join(kept) + "\n").encode()
        self.sha256.update(utf8)
        self.texts += len(kept)
        self.utf8_bytes += len(utf8) - len(kept)
        self._size += len(utf8)
        if len(utf8) > LIMIT and max(map(len, kept)) > LIMIT:
            kept, lines = [piece for text in kept for piece in _pieces(text)], False
        self._held.append(utf8 if lines else kept)

    def _full(self) -> Iterator[list[str] | bytes]:
        if self._size >= BATCH:
            yield from self.last()
            self._held, self._size = [], 0

    def _go_on(self, part: str) -> Iterator[list[str] | bytes]:
        for text in self._long.add(part):
            data = text.encode()
            self.sha256.update(data)
            self.utf8_bytes += len(data)
            pieces, self._long.rest = cut(self._long.rest + text)
            self._held.append(pieces)
            self._size += len(data)
            yield from self._full()

    def _finish(self) -> None:
        if self._long.held:
            self.blank += 1
        else:
            self.texts += 1
            self.sha256.update(b"\n")
            self._held.append([self._long.rest])
        self._long = _Unfinished()


class _Unfinished:
    """A text of which not all has come: what is not yet cut, or, as long as it may be blank, all of it."""

    def __init__(self) -> None:
        self.begun = False
        self.rest = ""
        self.held: list[str] = []

    def add(self, part: str) -> list[str]:
        """What can be counted now: nothing while all is white space, then that and everything after it."""
        blank_so_far = bool(self.held) or not self.begun
        self.begun = True
        if not blank_so_far:
            return [part]
        if not part or part.isspace():
            # A line of nothing but spaces may be longer than memory: equal parts are one string.
            self.held.append(self.held[-1] if part in self.held[-1:] else part)
            return []
        ready, self.held = [*self.held, part], []
        return ready


def _not_blank(texts: list[str]) -> list[str]:
    """The texts with more in them than white space; most blank ones are empty, so those go first."""
    kept = list(filter(None, texts))
    return [text for text in kept if not text.isspace()] if any(map(str.isspace, kept)) else kept


def _pieces(text: str) -> list[str]:
    pieces, rest = cut(text)
    return [*pieces, rest]
