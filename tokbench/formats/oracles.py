"""Whoever else encodes a file's texts: the format's own package, asked for the same ids.

tiktoken's algorithm is also GPT-2's, so it proves vocab.json with merges.txt. Special tokens are text to all
of them here, as they are to the makers' own encode_ordinary.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokenizers import Tokenizer

from tokbench.formats.bert_vocab import bert_oracle
from tokbench.formats.byte_level_files import merges_oracle
from tokbench.formats.sentencepiece_models import sentencepiece_oracle
from tokbench.formats.tiktoken_files import tekken_oracle, tiktoken_oracle

if TYPE_CHECKING:
    from tokbench.formats.portable import Oracle, ReadTokenizer


@dataclass(frozen=True)
class NoOracle:
    """Why nobody can be asked: the package that is missing, or that there is none; and what helps."""

    why: str
    fix: str = ""


TIKTOKEN = "pip install 'tokbench[tiktoken]'"
# Format → who encodes it, and what installs them.
ORACLES: dict[str, tuple[Callable[[ReadTokenizer], Oracle], str]] = {
    "tiktoken": (tiktoken_oracle, TIKTOKEN),
    "merges": (merges_oracle, TIKTOKEN),
    "sentencepiece": (sentencepiece_oracle, "pip install 'tokbench[sentencepiece]'"),
    "tekken": (tekken_oracle, "pip install mistral-common"),
    "vocab": (bert_oracle, ""),
}


def oracle_for(read: ReadTokenizer) -> Oracle | NoOracle:
    """Who gives the ids of this format, or why nobody does."""
    if read.kind not in ORACLES:
        return NoOracle("no package encodes CLIP's merges without its model")
    make, fix = ORACLES[read.kind]
    return or_why_not(lambda: make(read), fix)


def or_why_not(make: Callable[[], Oracle | NoOracle], fix: str) -> Oracle | NoOracle:
    """The oracle that is made, or the package that is missing for it, which `fix` installs."""
    try:
        return make()
    except ImportError as error:
        return NoOracle(f"{error.name or 'its package'} is not installed", fix)


def specials_as_text(tokenizer: Tokenizer) -> Tokenizer:
    """A copy that reads special tokens as text, as the oracles do."""
    copy = Tokenizer.from_str(tokenizer.to_str())
    copy.encode_special_tokens = True
    return copy
