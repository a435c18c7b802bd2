"""Many texts to ids: the library's own ids, some thirty times as fast where the compiled loops serve it.

Words are found by the scanner that counts them; each different word is made into ids once. A text that holds
a token which is matched whole, or that no loop can normalize, goes through the library.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache, partial
from threading import Lock
from typing import TYPE_CHECKING, Protocol

import numpy as np
from tokenizers import Tokenizer, models

from tokbench.native.compiler import loops
from tokbench.native.corpus_encoder import CompiledEncoder, CompiledPipeline, by_library
from tokbench.native.ragged import Ragged, concatenated, ragged
from tokbench.native.scanner import Scanner, scanner_for
from tokbench.native.whole_texts import whole_text_scanner
from tokbench.native.word_counter import TextBatch, map_threads, texts_of
from tokbench.native.word_ids import added_token_matcher, framing_ids
from tokbench.pretrained.folder import untruncated
from tokbench.progress import Progress, silent
from tokbench.training.engine import ENCODING, EngineChoice, check_threads, choose_engine
from tokbench.training.probe import Probe, probed

if TYPE_CHECKING:
    from tokbench.encoding.lengths import Pad, RowLengths

PARALLELISM = "TOKENIZERS_PARALLELISM"  # the library looks at it before every batch


@dataclass(frozen=True, eq=False)
class EncodedTexts(Ragged):
    """The ids, uint32, of each text; `choice` is the engine that made them, and why not the compiled one."""

    choice: EngineChoice


class Encoder(Protocol):
    """What makes ids of texts."""

    def encode(self, batch: TextBatch) -> Ragged:
        """The ids of these texts."""


@dataclass(frozen=True, eq=False)
class LibraryEncoder:
    """The library itself."""

    tokenizer: Tokenizer
    special: bool

    def encode(self, batch: TextBatch) -> Ragged:
        """The ids of these texts."""
        return by_library(self.tokenizer, texts_of(batch), special=self.special)


def encode_batches(
    tokenizer: Tokenizer,
    batches: Iterable[TextBatch],
    *,
    special: bool = True,
    engine: str = "auto",
    size: int | None = 0,
    threads: int | None = None,
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
    choice = several[0].choice if several else EngineChoice("library", "there are no texts")
    return _encoded(concatenated(several), choice)


def stream(
    tokenizer: Tokenizer,
    batches: Iterable[TextBatch],
    *,
    special: bool = True,
    engine: str = "auto",
    size: int | None = 0,
    threads: int | None = None,
    progress: Progress = silent,
) -> Iterator[EncodedTexts]:
    """The ids of each of these batches in turn; few batches wait, so that little is held.

    A batch is a list of texts, or UTF-8 with a line feed after each text, which spares the list.

    `auto` takes the compiled loops where they serve the tokenizer and texts of `size` bytes are worth it:
    that is more where they are not compiled yet. UsageError when `compiled` is asked for and cannot be had.
    The library encodes the first texts as well: where it disagrees it encodes all, and the choice says so.
    `threads` encode at the same time, one by default; the library left alone takes as many as there are
    cores. A second thread of the compiled loops has a table of its own to fill: it saves time, not work.
    """
    check_threads(threads)
    tokenizer = untruncated(tokenizer)
    served = cache(partial(served_encoding, tokenizer, special=special))
    choice = choose_engine(ENCODING, engine, size=size, served=served, progress=progress)
    encoders: list[Encoder] = []
    if choice.compiled:
        pipeline, lookup = served(), loops("encode")
        assert isinstance(pipeline, CompiledPipeline)
        encoders = [CompiledEncoder(pipeline, lookup) for _ in range(threads or 1)]
        choice, batches = probed(choice, batches, _probe(encoders[0], LibraryEncoder(tokenizer, special)))
    if not choice.compiled:
        encoders = [LibraryEncoder(tokenizer, special)] * (threads or 1)
    done = 0
    with nullcontext() if threads is None else without_library_threads():
        for part in _in_order(encoders, batches):
            done += len(part)
            progress("encode", done, None)
            yield _encoded(part, choice)


@dataclass(frozen=True)
class RowShape:
    """How rows are limited and filled up, and at which end they are cut."""

    lengths: RowLengths
    pad: Pad | None
    cut_left: bool


def stream_limited(
    tokenizer: Tokenizer,
    batches: Iterable[Sequence[str] | Sequence[tuple[str, str]]],
    shape: RowShape,
    *,
    special: bool = True,
    threads: int | None = None,
    progress: Progress = silent,
) -> Iterator[EncodedTexts]:
    """The ids of each of these batches of texts or pairs, cut and filled up by a copy of the tokenizer."""
    check_threads(threads)
    copy = _limited(tokenizer, shape)
    choice = EngineChoice("library", "it cuts, fills up and pairs rows")
    done = 0
    with nullcontext() if threads is None else without_library_threads():
        encode = partial(_ids_of, special=special)
        for part in map_threads([copy] * (threads or 1), encode, batches):
            done += len(part)
            progress("encode", done, None)
            yield _encoded(part, choice)


def _ids_of(
    tokenizer: Tokenizer, batch: Sequence[str] | Sequence[tuple[str, str]], *, special: bool
) -> Ragged:
    encoded = tokenizer.encode_batch_fast(batch, add_special_tokens=special)
    return ragged([each.ids for each in encoded], np.uint32)


def _limited(tokenizer: Tokenizer, shape: RowShape) -> Tokenizer:
    """A copy that cuts and fills up."""
    copy = Tokenizer.from_str(tokenizer.to_str())
    copy.encode_special_tokens = tokenizer.encode_special_tokens
    lengths, pad = shape.lengths, shape.pad
    copy.no_truncation()
    if lengths.max_length is not None and lengths.truncation != "none":
        side = "left" if shape.cut_left else "right"
        most = min(lengths.max_length, sys.maxsize)  # that the library can count
        copy.enable_truncation(most, strategy=lengths.truncation, direction=side)
    copy.no_padding()
    if pad is not None:
        copy.enable_padding(
            direction="left" if pad.left else "right",
            pad_id=pad.id,
            pad_type_id=pad.type_id,
            pad_token=pad.token,
            length=pad.to,
            pad_to_multiple_of=pad.multiple_of,
        )
    return copy


class _Withheld:
    """Who keeps the library from threads at the moment, and what the environment said before the first."""

    lock = Lock()
    users = 0
    before: str | None = None


@contextmanager
def without_library_threads() -> Iterator[None]:
    """Let each call of the library do its work itself; it asks the environment anew every time.

    Several threads may ask for it at once: the environment is as it was when the last of them is done.
    """
    with _Withheld.lock:
        if not _Withheld.users:
            _Withheld.before = os.environ.get(PARALLELISM)
            os.environ[PARALLELISM] = "false"
        _Withheld.users += 1
    try:
        yield
    finally:
        with _Withheld.lock:
            _Withheld.users -= 1
            if not _Withheld.users and _Withheld.before is None:
                os.environ.pop(PARALLELISM, None)
            elif not _Withheld.users and _Withheld.before is not None:
                os.environ[PARALLELISM] = _Withheld.before


def served_encoding(tokenizer: Tokenizer, *, special: bool = True) -> CompiledPipeline | str:
    """What a compiled encoder needs to stand in for this tokenizer, or why all is left to the library."""
    why = _unserved_model(tokenizer)
    if why:
        return why
    scanner, sought, ids = (
        _scanner(tokenizer),
        added_token_matcher(tokenizer),
        framing_ids(tokenizer, special=special),
    )
    if isinstance(scanner, str):
        return scanner
    if isinstance(sought, str):
        return sought
    if isinstance(ids, str):
        return ids
    return CompiledPipeline(tokenizer, scanner, *sought, ids, special)


def _scanner(tokenizer: Tokenizer) -> Scanner | str:
    """What makes words of texts, or parts that no merge joins of those that are one word to the library."""
    found = whole_text_scanner(tokenizer)
    return scanner_for(tokenizer) if found is None else found


def _unserved_model(tokenizer: Tokenizer) -> str:
    """Why a model may make other ids of the same word, or ""."""
    model = tokenizer.model
    if isinstance(model, models.BPE):
        return "" if model.dropout is None else "BPE with dropout makes other ids each time"
    if isinstance(model, models.WordPiece | models.WordLevel):
        return ""
    return f"the model {type(model).__name__} has no compiled form"


def _probe(compiled: Encoder, library: Encoder) -> Probe:
    """The ids of texts by both."""

    def ids(encoder: Encoder, texts: list[str]) -> list[list[int]]:
        found = encoder.encode(texts)
        return [found[row].tolist() for row in range(len(found))]

    return Probe(partial(ids, compiled), partial(ids, library))


def _encoded(part: Ragged, choice: EngineChoice) -> EncodedTexts:
    return EncodedTexts(part.ids, part.starts, choice)


def _in_order(encoders: Sequence[Encoder], batches: Iterable[TextBatch]) -> Iterator[Ragged]:
    """The ids of each batch, made by whichever encoder is free."""
    if len(encoders) == 1:
        yield from map(encoders[0].encode, batches)
        return
    yield from map_threads(encoders, lambda encoder, batch: encoder.encode(batch), batches)
