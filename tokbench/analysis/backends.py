"""What a tokenizer must offer to be compared, whichever library it is of."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from tokenizers import Tokenizer, decoders
from tokenizers.models import Unigram
from tokenizers.normalizers import Normalizer

from tokbench.corpus.source import COMPRESSIONS, FORMATS
from tokbench.encoding import encode_texts
from tokbench.encoding.encode_texts import EncodedTexts, without_library_threads
from tokbench.errors import FileError, UsageError, did_you_mean
from tokbench.formats.recognize import has_its_name
from tokbench.io.extras import require
from tokbench.io.library_errors import is_of_the_library
from tokbench.native.ragged import ragged
from tokbench.native.word_counter import TextBatch, texts_of
from tokbench.pretrained.folder import TokenizerSource, load, untruncated
from tokbench.progress import Progress, silent
from tokbench.training.engine import EngineChoice

Spans = list[tuple[int, int]]


@dataclass(frozen=True)
class EncodedSample:
    """Some texts encoded on one thread, without special tokens: ids and spans of each, and how long it took.

    spans: the characters of the text that each token stands for. seconds: of processor time, ids alone where
    the library can give them alone.
    """

    ids: list[list[int]]
    spans: list[Spans]
    seconds: float


class Backend(Protocol):
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
        self, batches: Iterable[TextBatch], *, size: int | None = 0, progress: Progress = silent
    ) -> Iterator[EncodedTexts]:
        """The ids of each batch in turn, without special tokens.

        size: bytes of all that will be encoded, which says whether compiling for it is worth it.
        """

    def encode_sample(self, texts: Sequence[str]) -> EncodedSample:
        """These texts with their spans, and the time that it took."""

    def decode(self, ids: Sequence[Sequence[int]]) -> list[str]:
        """The texts that these ids stand for."""

    def normalized(self, text: str) -> str:
        """The text as the model gets to see it."""


def encoded_one_by_one(ids: Sequence[Sequence[int]], library: str) -> EncodedTexts:
    """The ids of several texts, which this library made, as one array.

    >>> encoded_one_by_one([[5], [6, 7]], "tiktoken").starts.tolist()
    [0, 1, 3]
    """
    flat = ragged(ids, np.uint32)
    return EncodedTexts(flat.ids, flat.starts, EngineChoice("library", f"{library} made them"))


class SentencePieceBackend:
    """A SentencePieceProcessor as a backend; it puts nothing around texts unless asked."""

    library = "sentencepiece"
    around = 0

    def __init__(self, name: str, processor: Any) -> None:  # noqa: ANN401  sentencepiece comes with an extra
        self.name = name
        self._processor = processor
        self.size = self.ids = int(processor.vocab_size())
        self.unknown: int | None = int(processor.unk_id())

    def stream(
        self, batches: Iterable[TextBatch], *, size: int | None = 0, progress: Progress = silent
    ) -> Iterator[EncodedTexts]:
        """The ids of each batch in turn."""
        for batch in batches:
            yield encoded_one_by_one(self._processor.encode(texts_of(batch)), self.library)

    def encode_sample(self, texts: Sequence[str]) -> EncodedSample:
        """These texts on one thread."""
        begun = time.process_time()
        ids = [self._processor.encode(text) for text in texts]
        seconds = time.process_time() - begun
        spans = [list(self._processor.encode_as_offset_mapping(text)["offsets"]) for text in texts]
        return EncodedSample(ids, spans, seconds)

    def decode(self, ids: Sequence[Sequence[int]]) -> list[str]:
        """The texts that these ids stand for."""
        return [self._processor.decode(list(each)) for each in ids]

    def normalized(self, text: str) -> str:
        """The text after SentencePiece's normalizer, spaces as ▁."""
        return str(self._processor.normalize(text))


def load_sentencepiece(path: Path) -> SentencePieceBackend:
    """The model in this file."""
    if not path.is_file():
        raise FileError(f"there is no SentencePiece model at {path}", fix="check the path")
    require("sentencepiece", extra="sentencepiece", what=str(path))
    import sentencepiece

    try:
        processor = sentencepiece.SentencePieceProcessor(model_proto=path.read_bytes())
    except (OSError, RuntimeError) as error:
        raise FileError(
            f"{path} is not a SentencePiece model: {' '.join(str(error).split()) or type(error).__name__}",
            fix="take a whole copy of it",
        ) from error
    return SentencePieceBackend(str(path), processor)


class TiktokenBackend:
    """An Encoding as a backend: bytes, so nothing is unknown and nothing normalized."""

    library = "tiktoken"
    unknown: int | None = None
    around = 0

    def __init__(self, name: str, encoding: Any) -> None:  # noqa: ANN401  tiktoken comes with an extra
        self.name = name
        self._encoding = encoding
        self.ids = int(encoding.n_vocab)
        self.size = len(encoding.token_byte_values()) + len(encoding.special_tokens_set)

    def stream(
        self, batches: Iterable[TextBatch], *, size: int | None = 0, progress: Progress = silent
    ) -> Iterator[EncodedTexts]:
        """The ids of each batch in turn."""
        for batch in batches:
            yield encoded_one_by_one(self._encoding.encode_ordinary_batch(texts_of(batch)), self.library)

    def encode_sample(self, texts: Sequence[str]) -> EncodedSample:
        """These texts one by one, as tiktoken does it on one thread."""
        begun = time.process_time()
        ids = [self._encoding.encode_ordinary(text) for text in texts]
        seconds = time.process_time() - begun
        return EncodedSample(ids, [self._spans(each) for each in ids], seconds)

    def decode(self, ids: Sequence[Sequence[int]]) -> list[str]:
        """The texts that these ids stand for."""
        return [self._encoding.decode(list(each)) for each in ids]

    def normalized(self, text: str) -> str:
        """The text itself."""
        return text

    def _spans(self, ids: list[int]) -> Spans:
        """From where a token begins to where the next one does."""
        text, starts = self._encoding.decode_with_offsets(ids)
        return list(zip(starts, [*starts[1:], len(text)], strict=True))


def load_tiktoken(name: str) -> TiktokenBackend:
    """The encoding of this name, from tiktoken's cache or from where tiktoken fetches it."""
    require("tiktoken", extra="tiktoken", what=f"tiktoken:{name}")
    import tiktoken

    known = tiktoken.list_encoding_names()
    if name not in known:
        raise FileError(f"tiktoken has no encoding {name!r}", fix=did_you_mean(name, known))
    try:
        encoding = tiktoken.get_encoding(name)
    except (OSError, ValueError) as error:  # requests' errors are OSErrors; a wrong checksum is a ValueError
        raise FileError(
            f"tiktoken's {name} is not in its cache and cannot be fetched: {type(error).__name__}",
            fix="fetch it once while online, or let TIKTOKEN_CACHE_DIR name a folder that has it",
        ) from error
    return TiktokenBackend(f"tiktoken:{name}", encoding)


class HfBackend:
    """A Tokenizer as a backend."""

    library = "tokenizers"

    def __init__(self, name: str, tokenizer: Tokenizer) -> None:
        self.name = name
        self.tokenizer = untruncated(tokenizer)
        vocabulary = tokenizer.get_vocab(with_added_tokens=True)
        self.size = len(vocabulary)
        self.ids = max(vocabulary.values(), default=-1) + 1
        self.unknown = unknown_id_of(tokenizer, vocabulary)
        self.around = tokenizer.num_special_tokens_to_add(False)
        self._bytewise = _writes_bytes(_state(tokenizer.normalizer))

    def stream(
        self, batches: Iterable[TextBatch], *, size: int | None = 0, progress: Progress = silent
    ) -> Iterator[EncodedTexts]:
        """The ids of each batch in turn, by the compiled loops where they serve."""
        with _in_words(self.name):
            yield from encode_texts.stream(
                self.tokenizer, batches, special=False, size=size, progress=_of_compiling(progress)
            )

    def encode_sample(self, texts: Sequence[str]) -> EncodedSample:
        """These texts by the library itself."""
        with _in_words(self.name), without_library_threads():
            begun = time.process_time()
            encoded = self.tokenizer.encode_batch(list(texts), add_special_tokens=False)
            seconds = time.process_time() - begun
        return EncodedSample([each.ids for each in encoded], [each.offsets for each in encoded], seconds)

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


def load_library_tokenizer(name: str) -> HfBackend:
    """The tokenizer of a folder, of a tokenizer.json or of a name on the hub."""
    return HfBackend(name, load(name).tokenizer)


def _state(normalizer: Normalizer | None) -> Mapping[str, Any]:
    """A normalizer as tokenizer.json writes it, {} for none."""
    state: Mapping[str, Any] = {} if normalizer is None else json.loads(normalizer.__getstate__())
    return state


def unknown_id_of(tokenizer: Tokenizer, vocabulary: Mapping[str, int]) -> int | None:
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
def _in_words(name: str) -> Iterator[None]:
    """What the library refuses, as a sentence."""
    try:
        yield
    except BaseException as error:
        if not is_of_the_library(error):
            raise
        raise UsageError(
            f"{name} cannot encode this corpus: {error}", fix=f"tokbench check {shlex.quote(name)}"
        ) from error


TIKTOKEN = "tiktoken:"
TEXTS = {*FORMATS, *COMPRESSIONS} - {".json"}  # what a corpus ends with and a tokenizer does not


def backend_for(name: TokenizerSource) -> Backend:
    """The tokenizer of a folder, a tokenizer.json, a SentencePiece .model, `tiktoken:NAME`, or of the hub."""
    if not isinstance(name, str):
        folder = load(name)
        return HfBackend(folder.name, folder.untruncated)
    if name.startswith(TIKTOKEN):
        return load_tiktoken(name.removeprefix(TIKTOKEN))
    path = Path(name).expanduser()
    if path.suffix == ".model":
        return load_sentencepiece(path)
    if path.suffix in TEXTS and path.is_file() and not has_its_name(path):
        raise UsageError(
            f"{name} holds texts and is no tokenizer", fix=f"each corpus has its option: --corpus {name}"
        )

    return load_library_tokenizer(name)
