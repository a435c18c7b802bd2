"""What a language model makes of a corpus: bits per byte, whichever tokenizer the model reads with."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Protocol

from tokbench.analysis.contender import Contender
from tokbench.analysis.ratios import bits_per_byte
from tokbench.errors import AskedWrongly
from tokbench.progress import Progress, silent

AT_ONCE = 32  # texts between two words of progress


class Scorer(Protocol):
    """A causal language model that reads one of the tokenizers compared.

    rows: the ids it has an embedding for, one more than the highest.
    """

    name: str
    rows: int

    def bits(self, texts: Sequence[Sequence[int]]) -> float:
        """The sum of -log2 p(token | tokens before it) over all tokens of these texts, each by itself."""


def ensure_pairs(contenders: Sequence[Contender], scorers: Sequence[Scorer | None]) -> None:
    """Raise AskedWrongly where a model has no row for an id of its tokenizer."""
    for contender, scorer in zip(contenders, scorers, strict=True):
        if scorer is not None and scorer.rows < contender.ids:
            raise AskedWrongly(
                f"{scorer.name} has {scorer.rows:,} rows and {contender.name} has ids up to "
                f"{contender.ids - 1:,}: it is not the model of this tokenizer",
                fix="--model TOKENIZER=MODEL says which model reads which tokenizer",
            )


def surprise(
    scorer: Scorer, contender: Contender, texts: Sequence[str], *, stage: str, progress: Progress = silent
) -> float:
    """Bits per byte of these texts: the tokenizer writes their ids, the model says how likely they are.

    A model takes long, so progress is told in tokens, under the name of this stage.
    """
    [encoded] = contender.stream([list(texts)])
    ids = [encoded.ids[start:end].tolist() for start, end in pairwise(encoded.starts.tolist())]
    bits, done, whole = 0.0, 0, len(encoded.ids)
    for begin in range(0, len(ids), AT_ONCE):
        several = ids[begin : begin + AT_ONCE]
        progress(stage, done, whole)
        bits += scorer.bits(several)
        done += sum(map(len, several))
    progress(stage, done, whole)
    return bits_per_byte(bits=bits, utf8_bytes=sum(len(text.encode()) for text in texts))
