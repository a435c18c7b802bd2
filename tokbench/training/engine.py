"""Two roads from texts to merges, with the same merges at their end: the compiled loops, or the library."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from tokenizers import Tokenizer

from tokbench.errors import UsageError, did_you_mean
from tokbench.progress import Progress, silent
from tokbench.training import bpe
from tokbench.training.bpe import Merges
from tokbench.training.word_counts import WordCounts, count_words

if TYPE_CHECKING:
    from tokbench.corpus.lines import Sieve
    from tokbench.native.compiler import Kernels
    from tokbench.training.bpe_compiled import WordArrays

NO_NUMBA = "numba is not installed"
NOT_YET = "the loops are not compiled yet, which"
ENGINES = ("auto", "compiled", "library")
WORTH = 20 << 20  # bytes of a corpus from which compiling, some 15 s once, is soon repaid
FEW_WORDS = 200_000  # different words that the learner in Python takes some 8 s for, as long as compiling
SMALL = 2 << 20  # bytes of a corpus that the library trains in a second; the tables of a normalizer take two


@dataclass(frozen=True)
class EngineChoice:
    """Which engine trains, and why it is not the compiled one; "" when it is."""

    engine: str
    why: str = ""

    @property
    def compiled(self) -> bool:
        """Whether the compiled loops count and learn."""
        return self.engine == "compiled"


def choose_engine(
    tokenizer: Tokenizer,
    engine: str = "auto",
    *,
    size: int = 0,
    learning: bool = True,
    progress: Progress = silent,
) -> EngineChoice:
    """The road for the normalizer and pre_tokenizer of this tokenizer; the loops it needs are ready then.

    `auto` takes the compiled loops where they serve the blocks and the corpus, of `size` bytes, is worth it:
    20 MiB where they are not compiled yet. AskedWrongly when `compiled` is asked for and cannot be had.
    Without `learning` the words are only counted.
    """
    why = why_not_compiled(engine) or _not_worth(engine, size, learning=learning) or _unserved(tokenizer)
    why = why or _trouble(learning=learning, progress=progress)
    if why and engine == "compiled":
        raise UsageError(f"the compiled engine cannot train this: {why}", fix="--engine library")
    return EngineChoice("library", why) if why else EngineChoice("compiled")


def choose_learner(engine: str = "auto", *, words: int = 0, progress: Progress = silent) -> EngineChoice:
    """The road from so many counted words: the compiled learner, or the one in Python.

    The library's trainers take texts only.
    """
    why = why_not_compiled(engine)
    if not why:
        from tokbench.native.compiler import are_compiled, why_unavailable
        from tokbench.training.bpe_compiled import MERGING

        few = engine == "auto" and words < FEW_WORDS and not are_compiled(MERGING)
        why = f"{NOT_YET} few words are not worth" if few else why_unavailable([MERGING], progress=progress)
    if why and engine == "compiled":
        raise UsageError(f"the compiled engine cannot learn here: {why}", fix="--engine auto")
    return EngineChoice("python", why) if why else EngineChoice("compiled")


def why_not_compiled(engine: str) -> str:
    """Why nothing is compiled whatever there is to do, or ""; AskedWrongly for an engine that is not one."""
    if engine not in ENGINES:
        raise UsageError(f"there is no engine {engine}", fix=did_you_mean(engine, ENGINES))
    if engine == "library":
        return "it was asked for"
    if os.environ.get("TOKBENCH_NO_COMPILE", "") not in ("", "0"):
        return "TOKBENCH_NO_COMPILE is set"
    if find_spec("llvmlite") is None or find_spec("numba") is None:
        return NO_NUMBA
    return ""


def _not_worth(engine: str, size: int, *, learning: bool) -> str:
    """Why a corpus is too small for the compiled loops."""
    if engine != "auto" or size >= WORTH:
        return ""
    if size < SMALL:
        return "the corpus is small"
    from tokbench.native.compiler import are_compiled

    return (
        "" if all(map(are_compiled, _needed(learning=learning))) else f"{NOT_YET} a small corpus is not worth"
    )


def _unserved(tokenizer: Tokenizer) -> str:
    from tokbench.native.scanner import scanner_for

    scanner = scanner_for(tokenizer)
    return scanner if isinstance(scanner, str) else ""


def _trouble(*, learning: bool, progress: Progress) -> str:
    """Why the loops cannot be had, "" once they are ready."""
    from tokbench.native.compiler import why_unavailable

    return why_unavailable(_needed(learning=learning), progress=progress)


def _needed(*, learning: bool) -> list[Kernels]:
    """The loops that count, and those that learn."""
    from tokbench.native.compiler import COUNTING

    if not learning:
        return [COUNTING]
    from tokbench.training.bpe_compiled import MERGING

    return [COUNTING, MERGING]


Learn = Callable[..., Merges]  # takes the options of merges.learn


def learning_from(
    tokenizer: Tokenizer, batches: Iterable[Any], *, compiled: bool, progress: Progress = silent
) -> Learn:
    """Learning from these texts."""
    return partial(learn_merges, tokenizer, batches, compiled=compiled, progress=progress)


def learn_merges(
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
        return bpe.learn(counts, progress=progress, **options)
    from tokbench.native.scanner import scanner_for
    from tokbench.native.word_counter import count_words_compiled
    from tokbench.training.bpe_compiled import arrays_of_bytes, learn_compiled

    scanner = scanner_for(tokenizer)
    if isinstance(scanner, str):
        raise UsageError(f"the compiled engine cannot train this: {scanner}", fix="--engine library")
    counted = count_words_compiled(batches, scanner, threads=1, in_order=False, progress=progress)
    words = arrays_of_bytes(
        counted.arena, counted.places, counted.counts, bytewise=counted.bytewise, blank=counted.blank
    )
    return learn_compiled(words, progress=progress, **options).merges()


class CountedWords(Protocol):
    """Words that were counted before, in both of the forms that the learners take."""

    def word_counts(self) -> WordCounts:
        """For the learner in Python."""

    def arrays(self) -> WordArrays:
        """For the compiled learner."""


def learn_from_counts(
    counts: CountedWords,
    *,
    compiled: bool,
    progress: Progress = silent,
    **options: Any,  # noqa: ANN401  those of merges.learn
) -> Merges:
    """The merges of counted words, the same as of the texts they were counted in."""
    if not compiled:
        return bpe.learn(counts.word_counts(), progress=progress, **options)
    from tokbench.training.bpe_compiled import learn_compiled

    return learn_compiled(counts.arrays(), progress=progress, **options).merges()


@runtime_checkable
class InBytes(Protocol):
    """Texts that can also be had as UTF-8, such as a Corpus."""

    def blocks(self, sieve: Sieve | None = None) -> Iterator[list[str] | bytes]:
        """Batches that are lists of texts, or UTF-8 with a line feed after each text."""


def in_bytes(batches: Iterable[Any], *, progress: Progress = silent) -> Iterable[Any]:
    """The same texts as the compiled loops are quickest with: as UTF-8, if they can be had so."""
    if not isinstance(batches, InBytes):
        return batches
    from tokbench.native.word_counter import compiled_sieve

    return batches.blocks(compiled_sieve(progress=progress))
