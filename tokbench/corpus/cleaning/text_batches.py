"""Texts on their way through the steps, some at a time, and what each step has done to them so far."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from operator import ne

Columns = dict[str, object]  # the other columns of a row, by name
EXAMPLE = 60  # characters of an example
AROUND = 8  # characters of it before what is shown
BETWEEN = "\0"  # no text of a file holds it: several texts are one string, with this between them


@dataclass(frozen=True)
class Batch:
    """Texts of one source, in their order; what else a row has stands at the same place of the other lists.

    source: its number. columns: what is kept of a table's rows. groups: a number for each text; neighbours of
    one number are the lines of one paragraph or file, which no batch cuts.
    """

    texts: list[str]
    source: int = 0
    columns: list[Columns] | None = None
    groups: list[int] | None = None

    def keep(self, kept: Sequence[object]) -> Batch:
        """Only the rows at which `kept` is true."""
        return replace(
            self,
            texts=list(compress(self.texts, kept)),
            columns=None if self.columns is None else list(compress(self.columns, kept)),
            groups=None if self.groups is None else list(compress(self.groups, kept)),
        )

    @property
    def utf8_bytes(self) -> int:
        """Bytes of all texts as UTF-8."""
        return utf8_size(self.texts)


def utf8_size(texts: Sequence[str]) -> int:
    """Bytes of these texts as UTF-8.

    >>> utf8_size(["a", "é"])
    3
    """
    joined = "".join(texts)
    return len(joined) if joined.isascii() else len(joined.encode())


@dataclass
class StepTally:
    """What one step has done: rows that came, rows and bytes it dropped, rows it changed, and one example.

    Dropped bytes are those that are no longer there: of whole rows, and of rows that became shorter; a step
    that makes texts longer has a negative number of them. `utf8_bytes` are those that were read.
    """

    name: str
    rows: int = 0
    dropped: int = 0
    dropped_bytes: int = 0
    changed: int = 0
    example: str = ""
    utf8_bytes: int = 0

    def keep(self, batch: Batch, kept: Sequence[object]) -> Batch:
        """The rows of a batch that stay; the others are counted."""
        self.rows += len(batch.texts)
        if all(kept):
            return batch
        gone = [text for text, stays in zip(batch.texts, kept, strict=True) if not stays]
        self.dropped += len(gone)
        self.dropped_bytes += utf8_size(gone)
        self.example = self.example or in_one_line(gone[0])
        return batch.keep(kept)

    def change(self, batch: Batch, texts: list[str]) -> Batch:
        """The batch with these texts instead of its own, one for each."""
        self.rows += len(texts)
        if texts == batch.texts:
            return batch
        differs = list(map(ne, batch.texts, texts))
        self.changed += sum(differs)
        self.dropped_bytes += batch.utf8_bytes - utf8_size(texts)
        if not self.example:
            first = differs.index(True)
            self.example = _difference(batch.texts[first], texts[first])
        return replace(batch, texts=texts)


Step = Callable[[Batch], Batch]


def in_one_line(text: str, most: int = EXAMPLE) -> str:
    r"""A text's beginning in one line.

    >>> in_one_line("one\ntwo", 5)
    'one⏎…'
    """
    line = text[: 4 * most].replace("\n", "⏎")
    return repr(line)[1:-1] if len(line) <= most else repr(line[: most - 1])[1:-1] + "…"


def _difference(old: str, new: str) -> str:
    """Two texts from shortly before they begin to differ; by code points where they look alike."""
    at = next((at for at, (one, other) in enumerate(zip(old, new, strict=False)) if one != other), len(new))
    start = at - AROUND if at > EXAMPLE // 2 else 0
    ways = [in_one_line(("…" if start else "") + text[start:], EXAMPLE // 2) for text in (old, new)]
    if unicodedata.normalize("NFC", ways[0]) == unicodedata.normalize("NFC", ways[1]):
        ways = [ascii(text[max(0, at - 1) : at + AROUND])[1:-1] for text in (old, new)]
    return " → ".join(ways)


def in_one(texts: list[str], change: Callable[[str], str]) -> list[str]:
    """Each text changed; all at once, where the change takes each character alone or with its neighbours.

    >>> in_one(["A", "b"], str.lower)
    ['a', 'b']
    """
    joined = BETWEEN.join(texts)
    changed = change(joined)
    if changed is joined:
        return texts
    parts = changed.split(BETWEEN)
    return parts if len(parts) == len(texts) else list(map(change, texts))
