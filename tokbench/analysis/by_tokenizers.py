"""Tokenizers of the tokenizers library among those compared."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from tokenizers import Tokenizer, decoders
from tokenizers.models import Unigram
from tokenizers.normalizers import Normalizer

from tokbench.analysis.contender import Look
from tokbench.errors import AskedWrongly
from tokbench.pretrained.edge import is_of_the_library
from tokbench.pretrained.folder import load
from tokbench.progress import Progress, silent
from tokbench.training import encoding
from tokbench.training.encoder import Batch
from tokbench.training.encoding import EncodedTexts

PARALLELISM = "TOKENIZERS_PARALLELISM"  # the library looks at it before every batch


class OfTokenizers:
    """A Tokenizer as a contender."""

    library = "tokenizers"

    def __init__(self, name: str, tokenizer: Tokenizer) -> None:
        self.name = name
        self.tokenizer = Tokenizer.from_str(tokenizer.to_str())
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()
        vocabulary = tokenizer.get_vocab(with_added_tokens=True)
        self.size = len(vocabulary)
        self.ids = max(vocabulary.values(), default=-1) + 1
        self.unknown = _unknown(tokenizer, vocabulary)
        self.around = tokenizer.num_special_tokens_to_add(False)
        self._bytewise = _writes_bytes(_state(tokenizer.normalizer))

    def stream(
        self, batches: Iterable[Batch], *, size: int = 0, progress: Progress = silent
    ) -> Iterator[EncodedTexts]:
        """The ids of each batch in turn, by the compiled loops where they serve."""
        with _in_words(self.name):
            yield from encoding.stream(
                self.tokenizer, batches, special=False, size=size, progress=_of_compiling(progress)
            )

    def look(self, texts: Sequence[str]) -> Look:
        """These texts by the library itself."""
        with _in_words(self.name), _one_thread():
            begun = time.process_time()
            encoded = self.tokenizer.encode_batch(list(texts), add_special_tokens=False)
            seconds = time.process_time() - begun
        return Look([each.ids for each in encoded], [each.offsets for each in encoded], seconds)

    def decode(self, ids: Sequence[Sequence[int]]) -> list[str]:
        """The texts that these ids stand for, special tokens written out."""
        texts: list[str] = self.tokenizer.decode_batch(
            [list(each) for each in ids], skip_special_tokens=False
        )
        return texts

    def normalized(self, text: str) -> str:
        """The text after the normalizer; where that writes bytes as letters, read back."""
        if self.tokenizer.normalizer is None:
            return text
        written: str = self.tokenizer.normalizer.normalize_str(text)
        return str(decoders.ByteLevel().decode([written])) if self._bytewise else written


def loaded(name: str) -> OfTokenizers:
    """The tokenizer of a folder, of a tokenizer.json or of a name on the hub."""
    return OfTokenizers(name, load(name).tokenizer)


def _state(normalizer: Normalizer | None) -> Mapping[str, Any]:
    """A normalizer as tokenizer.json writes it, {} for none."""
    state: Mapping[str, Any] = {} if normalizer is None else json.loads(normalizer.__getstate__())
    return state


def _unknown(tokenizer: Tokenizer, vocabulary: Mapping[str, int]) -> int | None:
    """The id of the unknown token; Unigram names no token but the id."""
    if isinstance(tokenizer.model, Unigram):
        found: int | None = json.loads(tokenizer.model.__getstate__()).get("unk_id")
        return found
    return vocabulary.get(tokenizer.model.unk_token or "")


def _of_compiling(progress: Progress) -> Progress:
    """Only what is not told by whoever reads the texts."""

    def told(stage: str, done: int, total: int | None = None) -> None:
        if stage == "compile":
            progress(stage, done, total)

    return told


def _writes_bytes(normalizer: Mapping[str, Any]) -> bool:
    """Whether a normalizer, or one inside it, is ByteLevel."""
    return normalizer.get("type") == "ByteLevel" or any(
        map(_writes_bytes, normalizer.get("normalizers") or ())
    )


@contextmanager
def _one_thread() -> Iterator[None]:
    """The library without its threads."""
    before = os.environ.get(PARALLELISM)
    os.environ[PARALLELISM] = "false"
    try:
        yield
    finally:
        if before is None:
            del os.environ[PARALLELISM]
        else:
            os.environ[PARALLELISM] = before


@contextmanager
def _in_words(name: str) -> Iterator[None]:
    """What the library refuses, as a sentence."""
    try:
        yield
    except BaseException as error:
        if not is_of_the_library(error):
            raise
        raise AskedWrongly(
            f"{name} cannot encode this corpus: {error}", fix=f"tokbench check {name}"
        ) from error
