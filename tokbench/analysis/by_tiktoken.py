"""tiktoken's encodings among those compared: `tiktoken:o200k_base`."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from importlib.util import find_spec
from typing import Any

from tokbench.analysis.batches import encoded_one_by_one, texts_of
from tokbench.analysis.contender import Look, Spans
from tokbench.errors import FileProblem, MissingExtra, did_you_mean
from tokbench.progress import Progress, silent
from tokbench.training.encoder import Batch
from tokbench.training.encoding import EncodedTexts


class OfTiktoken:
    """An Encoding as a contender: bytes, so nothing is unknown and nothing normalized."""

    library = "tiktoken"
    unknown: int | None = None
    around = 0

    def __init__(self, name: str, encoding: Any) -> None:  # noqa: ANN401  tiktoken comes with an extra
        self.name = name
        self._encoding = encoding
        self.ids = int(encoding.n_vocab)
        self.size = len(encoding.token_byte_values()) + len(encoding.special_tokens_set)

    def stream(
        self, batches: Iterable[Batch], *, size: int = 0, progress: Progress = silent
    ) -> Iterator[EncodedTexts]:
        """The ids of each batch in turn."""
        for batch in batches:
            yield encoded_one_by_one(self._encoding.encode_ordinary_batch(texts_of(batch)), self.library)

    def look(self, texts: Sequence[str]) -> Look:
        """These texts one by one, as tiktoken does it on one thread."""
        begun = time.process_time()
        ids = [self._encoding.encode_ordinary(text) for text in texts]
        seconds = time.process_time() - begun
        return Look(ids, [self._spans(each) for each in ids], seconds)

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


def named(name: str) -> OfTiktoken:
    """The encoding of this name, from tiktoken's cache or from where tiktoken fetches it."""
    if find_spec("tiktoken") is None:
        raise MissingExtra(f"tiktoken:{name}", "tiktoken", extra="tiktoken")
    import tiktoken

    known = tiktoken.list_encoding_names()
    if name not in known:
        raise FileProblem(f"tiktoken has no encoding {name!r}", fix=did_you_mean(name, known))
    try:
        encoding = tiktoken.get_encoding(name)
    except (OSError, ValueError) as error:  # requests' errors are OSErrors; a wrong checksum is a ValueError
        raise FileProblem(
            f"tiktoken's {name} is not in its cache and cannot be fetched: {type(error).__name__}",
            fix="fetch it once while online, or let TIKTOKEN_CACHE_DIR name a folder that has it",
        ) from error
    return OfTiktoken(f"tiktoken:{name}", encoding)
