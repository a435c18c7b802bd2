"""What a tokenizer must offer to be compared, whichever library it is of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from tokbench.progress import Progress, silent
from tokbench.training.encoder import Batch
from tokbench.training.encoding import EncodedTexts

Spans = list[tuple[int, int]]


@dataclass(frozen=True)
class Look:
    """Some texts encoded on one thread, without special tokens: ids and spans of each, and how long it took.

    spans: the characters of the text that each token stands for. seconds: of processor time, ids alone where
    the library can give them alone.
    """

    ids: list[list[int]]
    spans: list[Spans]
    seconds: float


class Contender(Protocol):
    """One tokenizer among those compared.

    size: its tokens; ids: the highest id and one; unknown: the id of the unknown token, if it has one.
    around: how many special tokens it puts around a text.
    """

    name: str
    library: str
    size: int
    ids: int
    unknown: int | None
    around: int

    def stream(
        self, batches: Iterable[Batch], *, size: int = 0, progress: Progress = silent
    ) -> Iterator[EncodedTexts]:
        """The ids of each batch in turn, without special tokens.

        size: bytes of all that will be encoded, which says whether compiling for it is worth it.
        """

    def look(self, texts: Sequence[str]) -> Look:
        """These texts, closely."""

    def decode(self, ids: Sequence[Sequence[int]]) -> list[str]:
        """The texts that these ids stand for."""

    def normalized(self, text: str) -> str:
        """The text as the model gets to see it."""
