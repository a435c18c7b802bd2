"""Two roads from texts to merges, with the same merges at their end: the compiled loops, or the library."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from tokenizers import Tokenizer

from tokbench.errors import AskedWrongly, did_you_mean
from tokbench.progress import Progress, silent
from tokbench.training import merges
from tokbench.training.merges import Merges
from tokbench.training.words import count_words

NO_NUMBA = "numba is not installed"
ENGINES = ("auto", "compiled", "library")
WORTH = 20 << 20  # bytes of a corpus from which compiling, some 15 s once, is soon repaid
SMALL = 2 << 20  # bytes of a corpus that the library trains in a second; the tables of a normalizer take two


@dataclass(frozen=True)
class Road:
    """Which engine trains, and why it is not the compiled one; "" when it is."""

    engine: str
    why: str = ""

    @property
    def compiled(self) -> bool:
        """Whether the compiled loops count and learn."""
        return self.engine == "compiled"


def road(tokenizer: Tokenizer, engine: str = "auto", *, size: int = 0) -> Road:
    """The road for the normalizer and pre_tokenizer of this tokenizer.

    `auto` takes the compiled loops where they serve the blocks and the corpus, of `size` bytes, is worth it:
    20 MiB where they are not compiled yet. AskedWrongly when `compiled` is asked for and cannot be had.
    """
    if engine not in ENGINES:
        raise AskedWrongly(f"there is no engine {engine}", fix=did_you_mean(engine, ENGINES))
    why = _why_not(tokenizer, engine, size)
    if why and engine == "compiled":
        raise AskedWrongly(f"the compiled engine cannot train this: {why}", fix="--engine library")
    return Road("library", why) if why else Road("compiled")


def _why_not(tokenizer: Tokenizer, engine: str, size: int) -> str:
    if engine == "library":
        return "it was asked for"
    if os.environ.get("TOKBENCH_NO_COMPILE", "") not in ("", "0"):
        return "TOKBENCH_NO_COMPILE is set"
    if find_spec("llvmlite") is None or find_spec("numba") is None:
        return NO_NUMBA
    if engine == "auto" and size < SMALL:
        return "the corpus is small"
    from tokbench.training.learner_job import MERGING
    from tokbench.training.machine import are_compiled
    from tokbench.training.pipelines import served

    if engine == "auto" and size < WORTH and not (are_compiled() and are_compiled(MERGING)):
        return "the loops are not compiled yet, which a small corpus is not worth"
    scanner = served(tokenizer)
    return scanner if isinstance(scanner, str) else ""


def learn(
    tokenizer: Tokenizer,
    batches: Iterable[Any],
    *,
    compiled: bool,
    progress: Progress = silent,
    **options: Any,  # noqa: ANN401  those of merges.learn
) -> Merges:
    """The merges of these texts; `options` are those of merges.learn, and so is the result on both roads.

    Batches are lists of texts; the compiled loops also take UTF-8 with a line feed after each text.
    """
    if not compiled:
        counts = count_words(tokenizer, batches, progress=progress)
        return merges.learn(counts, progress=progress, **options)
    from tokbench.training.compiled import count
    from tokbench.training.learner import learn as learn_compiled
    from tokbench.training.learner_words import of_bytes
    from tokbench.training.pipelines import served

    scanner = served(tokenizer)
    if isinstance(scanner, str):
        raise AskedWrongly(f"the compiled engine cannot train this: {scanner}", fix="--engine library")
    counted = count(batches, scanner, threads=1, in_order=False, progress=progress)
    words = of_bytes(
        counted.arena, counted.places, counted.counts, bytewise=counted.bytewise, blank=counted.blank
    )
    return learn_compiled(words, progress=progress, **options).merges()
