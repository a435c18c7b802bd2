"""SentencePiece .model files among those compared."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tokbench.analysis.batches import encoded_one_by_one, texts_of
from tokbench.analysis.contender import Look
from tokbench.errors import FileProblem, MissingExtra
from tokbench.progress import Progress, silent
from tokbench.training.encoder import Batch
from tokbench.training.encoding import EncodedTexts


class OfSentencePiece:
    """A SentencePieceProcessor as a contender; it puts nothing around texts unless asked."""

    library = "sentencepiece"
    around = 0

    def __init__(self, name: str, processor: Any) -> None:  # noqa: ANN401  sentencepiece comes with an extra
        self.name = name
        self._processor = processor
        self.size = self.ids = int(processor.vocab_size())
        self.unknown: int | None = int(processor.unk_id())

    def stream(
        self, batches: Iterable[Batch], *, size: int = 0, progress: Progress = silent
    ) -> Iterator[EncodedTexts]:
        """The ids of each batch in turn."""
        for batch in batches:
            yield encoded_one_by_one(self._processor.encode(texts_of(batch)), self.library)

    def look(self, texts: Sequence[str]) -> Look:
        """These texts on one thread."""
        begun = time.process_time()
        ids = [self._processor.encode(text) for text in texts]
        seconds = time.process_time() - begun
        spans = [list(self._processor.encode_as_offset_mapping(text)["offsets"]) for text in texts]
        return Look(ids, spans, seconds)

    def decode(self, ids: Sequence[Sequence[int]]) -> list[str]:
        """The texts that these ids stand for."""
        return [self._processor.decode(list(each)) for each in ids]

    def normalized(self, text: str) -> str:
        """The text after SentencePiece's normalizer, spaces as ▁."""
        return str(self._processor.normalize(text))


def opened(path: Path) -> OfSentencePiece:
    """The model in this file."""
    if not path.is_file():
        raise FileProblem(f"there is no SentencePiece model at {path}", fix="check the path")
    if find_spec("sentencepiece") is None:
        raise MissingExtra(str(path), "sentencepiece", extra="sentencepiece")
    import sentencepiece

    try:
        processor = sentencepiece.SentencePieceProcessor(model_proto=path.read_bytes())
    except (OSError, RuntimeError) as error:
        raise FileProblem(
            f"{path} is not a SentencePiece model: {' '.join(str(error).split()) or type(error).__name__}",
            fix="take a whole copy of it",
        ) from error
    return OfSentencePiece(str(path), processor)
