"""Which tokenizer a name means: a folder, a file, an encoding of tiktoken, or a name on the hub."""

from __future__ import annotations

from pathlib import Path

from tokbench.analysis.contender import Contender
from tokbench.corpus.sources import COMPRESSIONS, FORMATS
from tokbench.errors import AskedWrongly

TIKTOKEN = "tiktoken:"
TEXTS = {*FORMATS, *COMPRESSIONS} - {".json"}  # what a corpus ends with and a tokenizer does not


def contender(name: str) -> Contender:
    """The tokenizer of a folder, a tokenizer.json, a SentencePiece .model, `tiktoken:NAME`, or of the hub."""
    if name.startswith(TIKTOKEN):
        from tokbench.analysis.by_tiktoken import named

        return named(name.removeprefix(TIKTOKEN))
    path = Path(name).expanduser()
    if path.suffix == ".model":
        from tokbench.analysis.by_sentencepiece import opened

        return opened(path)
    if path.suffix in TEXTS and path.is_file():
        raise AskedWrongly(
            f"{name} holds texts and is no tokenizer", fix=f"each corpus has its option: --corpus {name}"
        )
    from tokbench.analysis.by_tokenizers import loaded

    return loaded(name)
