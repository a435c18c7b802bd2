"""What is written beside a trained tokenizer: from what and how it came to be, without dates or places."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from tokenizers import Tokenizer

from tokbench import __version__
from tokbench.pretrained.folder import tokenizer_text

if TYPE_CHECKING:
    from tokbench.blocks.recipe import Recipe
    from tokbench.corpus.reading import CorpusFacts


@dataclass(frozen=True, kw_only=True)
class Record:
    """The text of tokbench.json, and the sha256 of the tokenizer.json beside it."""

    text: str
    sha256: str


@dataclass(frozen=True)
class CountsFacts:
    """The counts that a tokenizer was trained from.

    fingerprint: of the pipeline and all words; words: different ones; min_count: rarer ones were left out.
    """

    fingerprint: str
    words: int
    min_count: int


def record(
    tokenizer: Tokenizer, recipe: Recipe, corpus: CorpusFacts, counts: CountsFacts | None = None
) -> Record:
    """The same tokenizer, recipe and corpus give the same text, on every day and in every folder."""
    sha256 = hashlib.sha256(tokenizer_text(tokenizer).encode()).hexdigest()
    facts = {
        "schema": "tokbench/record/1",
        "algorithm": recipe.algorithm,
        "vocab_size": {"asked": recipe.vocab_size, "reached": tokenizer.get_vocab_size()},
        "corpus": _corpus(corpus),
        **({"counts": asdict(counts)} if counts else {}),
        "tokenizer_json_sha256": sha256,
        "versions": {"tokbench": __version__, "tokenizers": version("tokenizers")},
    }
    return Record(text=json.dumps(facts, indent=2, ensure_ascii=False) + "\n", sha256=sha256)


def _corpus(corpus: CorpusFacts) -> Mapping[str, Any]:
    """Names without their folders: the same corpus may lie elsewhere. Counts tell no sha256 of the texts."""
    facts = {
        "sources": [source.rpartition("/")[2] for source in corpus.sources],
        "texts": corpus.texts,
        "blank": corpus.blank,
        "utf8_bytes": corpus.utf8_bytes,
    }
    return facts | {"sha256": corpus.sha256} if corpus.sha256 else facts
