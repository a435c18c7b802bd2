"""Many texts to ids: the library's own ids, some thirty times as fast where the compiled loops serve it.

Words are found by the scanner that counts them; each different word is made into ids once. A text that holds
a token which is matched whole, or that no loop can normalize, goes through the library.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer, models

from tokbench.errors import AskedWrongly
from tokbench.native.compiler import COUNTING, are_compiled, loops, trouble
from tokbench.native.corpus_encoder import Batch, CompiledEncoder, Part, Pipeline, by_library, joined
from tokbench.native.scanner import served
from tokbench.native.word_counter import spread
from tokbench.native.word_ids import LOOKUP, around, needles_of
from tokbench.progress import Progress, silent
from tokbench.training.engine import NOT_YET, SMALL, WORTH, Road, unavailable

NEEDED = (COUNTING, LOOKUP)


@dataclass(frozen=True, eq=False)
class EncodedTexts:
    """Texts as ids: those of text i are ids[starts[i]:starts[i + 1]].

    road: which engine made them, and why it is not the compiled one.
    """

    ids: NDArray[np.uint32]
    starts: NDArray[np.int64]
    road: Road

    def __len__(self) -> int:
        """How many texts there are."""
        return len(self.starts) - 1

    def __getitem__(self, text: int) -> NDArray[np.uint32]:
        """The ids of one text."""
        return self.ids[self.starts[text] : self.starts[text + 1]]


class Encoder(Protocol):
    """What makes ids of texts."""

    def encode(self, batch: Batch) -> Part:
        """The ids of these texts."""


@dataclass(frozen=True, eq=False)
class LibraryEncoder:
    """The library itself."""

    tokenizer: Tokenizer
    special: bool

    def encode(self, batch: Batch) -> Part:
        """The ids of these texts."""
        if isinstance(batch, bytes):
            batch = batch.decode().removesuffix("\n").split("\n") if batch else []
        return by_library(self.tokenizer, batch, special=self.special)


def encode(
    tokenizer: Tokenizer,
    batches: Iterable[Batch],
    *,
    special: bool = True,
    engine: str = "auto",
    size: int = 0,
    threads: int = 1,
    progress: Progress = silent,
) -> EncodedTexts:
    """The ids of all these texts, as `tokenizer.encode_batch` gives them without truncation and padding.

    The other arguments are those of `stream`.
    """
    several = list(
        stream(
            tokenizer, batches, special=special, engine=engine, size=size, threads=threads, progress=progress
        )
    )
    if len(several) == 1:
        return several[0]
    whole = joined([Part(each.ids, np.diff(each.starts)) for each in several])
    return _encoded(whole, several[0].road if several else Road("library", "there are no texts"))


def stream(
    tokenizer: Tokenizer,
    batches: Iterable[Batch],
    *,
    special: bool = True,
    engine: str = "auto",
    size: int = 0,
    threads: int = 1,
    progress: Progress = silent,
) -> Iterator[EncodedTexts]:
    """The ids of each of these batches in turn; few batches wait, so that little is held.

    A batch is a list of texts, or UTF-8 with a line feed after each text, which spares the list.

    `auto` takes the compiled loops where they serve the tokenizer and texts of `size` bytes are worth it:
    that is more where they are not compiled yet. AskedWrongly when `compiled` is asked for and cannot be had.
    A second thread has a table of its own to fill: it saves time, not work.
    """
    tokenizer = _whole(tokenizer)
    pipeline = _pipeline(tokenizer, engine, special=special, size=size, progress=progress)
    encoders: list[Encoder] = [LibraryEncoder(tokenizer, special)]
    road = Road("library", pipeline) if isinstance(pipeline, str) else Road("compiled")
    if isinstance(pipeline, Pipeline):
        lookup = loops(LOOKUP)
        encoders = [CompiledEncoder(pipeline, lookup) for _ in range(threads)]
    done = 0
    for part in _in_order(encoders, batches):
        done += len(part.counts)
        progress("encode", done, None)
        yield _encoded(part, road)


def _pipeline(
    tokenizer: Tokenizer, engine: str, *, special: bool, size: int, progress: Progress
) -> Pipeline | str:
    """What the asked engine needs, or why it is the library."""
    why = unavailable(engine) or _not_worth(engine, size)
    found: Pipeline | str = why or served_encoding(tokenizer, special=special)
    if isinstance(found, Pipeline):
        found = trouble(NEEDED, progress=progress) or found
    if isinstance(found, str) and engine == "compiled":
        raise AskedWrongly(f"the compiled engine cannot encode this: {found}", fix="--engine library")
    return found


def _not_worth(engine: str, size: int) -> str:
    """Why texts of this size are left to the library."""
    if engine != "auto" or size >= WORTH:
        return ""
    if size < SMALL:
        return "the corpus is small"
    return "" if all(map(are_compiled, NEEDED)) else f"{NOT_YET} a small corpus is not worth"


def served_encoding(tokenizer: Tokenizer, *, special: bool = True) -> Pipeline | str:
    """What a compiled encoder needs to stand in for this tokenizer, or why all is left to the library."""
    why = _unserved_model(tokenizer)
    if why:
        return why
    scanner, sought, ids = served(tokenizer), needles_of(tokenizer), around(tokenizer, special=special)
    if isinstance(scanner, str):
        return scanner
    if isinstance(sought, str):
        return sought
    if isinstance(ids, str):
        return ids
    return Pipeline(tokenizer, scanner, *sought, ids, special)


def _unserved_model(tokenizer: Tokenizer) -> str:
    """Why a model may make other ids of the same word, or ""."""
    model = tokenizer.model
    if isinstance(model, models.BPE):
        return "" if model.dropout is None else "BPE with dropout makes other ids each time"
    if isinstance(model, models.WordPiece | models.WordLevel):
        return ""
    return f"the model {type(model).__name__} has no compiled form"


def _whole(tokenizer: Tokenizer) -> Tokenizer:
    """This tokenizer if it neither cuts nor pads, or else one like it that does not."""
    if tokenizer.truncation is None and tokenizer.padding is None:
        return tokenizer
    other = Tokenizer.from_str(tokenizer.to_str())
    other.no_truncation()
    other.no_padding()
    other.encode_special_tokens = tokenizer.encode_special_tokens
    return other


def _encoded(part: Part, road: Road) -> EncodedTexts:
    starts = np.zeros(len(part.counts) + 1, np.int64)
    np.cumsum(part.counts, out=starts[1:])
    return EncodedTexts(part.ids, starts, road)


def _in_order(encoders: Sequence[Encoder], batches: Iterable[Batch]) -> Iterator[Part]:
    """The ids of each batch, made by whichever encoder is free."""
    if len(encoders) == 1:
        yield from map(encoders[0].encode, batches)
        return
    yield from spread(encoders, lambda encoder, batch: encoder.encode(batch), batches)
