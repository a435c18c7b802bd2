"""Which engine does the work: the tokenizers library, Python, or the compiled loops.

All give the same result, so what decides is time. For each workload, in this order:

| workload | compiled, if asked for or | otherwise |
|---|---|---|
| train BPE or WordPiece on texts | its blocks are served and the corpus is large | the library |
| count words | the same | the library; dask only if asked for |
| encode many texts | model and blocks are served, and the corpus is large | the library |
| encode rows for fine-tuning | the same, and small rows too once the loops are there | the library |
| learn from counted words | the words are many, or the loops are there | Python |

Large: 2 MiB when the loops are compiled already, 20 MiB when they are not. "The library" trains in a process
of its own (library.py); where its own BPE or WordPiece trainer gives other results in every run, it only
counts there and bpe.py learns. Unigram, WordLevel and characters are always trained by the library.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from tokenizers import Tokenizer

from tokbench.errors import UsageError, did_you_mean
from tokbench.progress import Progress, silent

if TYPE_CHECKING:
    from tokbench.corpus.lines import Sieve
    from tokbench.native.compiler import LoopSet
    from tokbench.native.scanner import Scanner
    from tokbench.training.bpe import Merges
    from tokbench.training.bpe_compiled import WordArrays
    from tokbench.training.word_counts import WordCounts

Engine = Literal["compiled", "library", "python", "dask"]  # what does the work; "auto" asks for the quickest
ENGINES = ("auto", "compiled", "library")
COUNT_ENGINES = (*ENGINES, "dask")
NO_NUMBA = "numba is not installed"
NOT_YET = "the loops are not compiled yet, which"
DIFFERENT = "the compiled loops and the library do not agree on"


@dataclass(frozen=True)
class EngineChoice:
    """Which engine does the work, and why it is not the compiled one; "" when it is."""

    engine: Engine
    why: str = ""

    @property
    def compiled(self) -> bool:
        """Whether the compiled loops do it."""
        return self.engine == "compiled"

    @property
    def fell_back(self) -> bool:
        """Whether the compiled loops were to do it, and the library's answer was another."""
        return self.why.startswith(DIFFERENT)


@dataclass(frozen=True, kw_only=True)
class Workload:
    """Work that the compiled loops can do, the engine that does it otherwise, and how much is worth it.

    task: for "the compiled engine cannot …"; small: below it nothing is compiled; worth: from it on all is,
    even if the loops must be compiled first, some 15 s once; little: what is not worth that.
    """

    task: str
    loops: tuple[LoopSet, ...]
    otherwise: Engine = "library"
    small: int = 2 << 20  # bytes that the library trains on in a second; the tables of a normalizer take two
    worth: int = 20 << 20  # bytes
    little: str = "a small corpus is"


TRAINING = Workload(task="train this", loops=("count", "learn"))
COUNTING = Workload(task="train this", loops=("count",))
ENCODING = Workload(task="encode this", loops=("count", "encode"))
ENCODING_ROWS = Workload(task="encode this", loops=("count", "encode"), small=0)  # sizes are characters
# Sizes are different words; Python learns from so many in some 8 s, about as long as compiling takes.
LEARNING = Workload(
    task="learn here",
    loops=("learn",),
    otherwise="python",
    small=0,
    worth=200_000,
    little="few words are",
)


def choose_engine(
    workload: Workload,
    engine: str = "auto",
    *,
    size: int | None = None,
    served: Callable[[], object] = lambda: None,
    progress: Progress = silent,
) -> EngineChoice:
    """The engine for a workload of this size (None: unknown, taken for large); its loops are ready then.

    `served` returns a string, the reason, when no compiled loop does what the tokenizer at hand does.
    UsageError when `compiled` is asked for and cannot be had, and for an unknown engine.
    """
    why = _why_never(engine) or _why_not_worth(workload, engine, size) or _reason(served())
    if not why:
        from tokbench.native.compiler import why_unavailable

        why = why_unavailable(workload.loops, progress=progress)
    if why and engine == "compiled":
        fix = "--engine auto" if workload.otherwise == "python" else "--engine library"
        raise UsageError(f"the compiled engine cannot {workload.task}: {why}", fix=fix)
    return EngineChoice(workload.otherwise, why) if why else EngineChoice("compiled")


def check_engine(engine: str, known: Sequence[str] = ENGINES) -> None:
    """UsageError for an engine that is none of these."""
    if engine not in known:
        raise UsageError(f"there is no engine {engine}", fix=did_you_mean(engine, known))


def check_threads(threads: int | None) -> None:
    """UsageError for a number of threads that does no work; None leaves it to the engine."""
    if threads is not None and threads < 1:
        raise UsageError(f"{threads} threads do no work", fix="give 1 or more, or leave it out")


def _why_never(engine: str) -> str:
    """Why nothing is compiled, whatever there is to do."""
    check_engine(engine)
    if engine == "library":
        return "it was asked for"
    if os.environ.get("TOKBENCH_NO_COMPILE", "") not in ("", "0"):
        return "TOKBENCH_NO_COMPILE is set"
    if find_spec("llvmlite") is None or find_spec("numba") is None:
        return NO_NUMBA
    return ""


def _why_not_worth(workload: Workload, engine: str, size: int | None) -> str:
    """Why work of this size is not worth compiling for."""
    if engine != "auto" or size is None or size >= workload.worth:
        return ""
    if size < workload.small:
        return "the corpus is small"
    from tokbench.native.compiler import are_compiled

    return "" if are_compiled(workload.loops) else f"{NOT_YET} {workload.little} not worth"


def _reason(served: object) -> str:
    return served if isinstance(served, str) else ""


def served_words(tokenizer: Tokenizer) -> Scanner | str:
    """What makes words of texts as this tokenizer does, or why that is left to the library."""
    from tokbench.native.scanner import scanner_for

    return scanner_for(tokenizer)


Learn = Callable[..., "Merges"]  # takes the options of bpe.learn


def learning_from(
    tokenizer: Tokenizer,
    batches: Iterable[Any],
    *,
    engine: Engine,
    threads: int | None = None,
    progress: Progress = silent,
) -> Learn:
    """Learns the merges of these texts: compiled, or in Python from words that the library counts.

    `threads` count words, by default one of the compiled loops, or the library's; one learns.
    Batches are lists of texts; the compiled loops also take UTF-8 with a line feed after each text.
    """
    if engine == "compiled":
        counted = partial(_counted_compiled, tokenizer, batches, threads or 1, progress)
        return partial(_learn_compiled, counted, progress)
    from tokbench.training.word_counts import library_counts

    words = partial(library_counts, tokenizer, batches, threads=threads, progress=progress)
    return partial(_learn_in_python, words, progress)


class CountedWords(Protocol):
    """Words that were counted before, in both of the forms that the learners take."""

    def word_counts(self) -> WordCounts:
        """For the learner in Python."""

    def arrays(self) -> WordArrays:
        """For the compiled learner."""


def learning_from_counts(counts: CountedWords, *, engine: Engine, progress: Progress = silent) -> Learn:
    """Learns the merges of counted words, the same as of the texts they were counted in."""
    if engine == "compiled":
        return partial(_learn_compiled, counts.arrays, progress)
    return partial(_learn_in_python, counts.word_counts, progress)


def _learn_compiled(words: Callable[[], WordArrays], progress: Progress, **options: Any) -> Merges:  # noqa: ANN401
    from tokbench.training.bpe_compiled import learn_compiled

    return learn_compiled(words(), progress=progress, **options).merges()


def _learn_in_python(words: Callable[[], WordCounts], progress: Progress, **options: Any) -> Merges:  # noqa: ANN401
    from tokbench.training.bpe import learn

    return learn(words(), progress=progress, **options)


def _counted_compiled(
    tokenizer: Tokenizer, batches: Iterable[Any], threads: int, progress: Progress
) -> WordArrays:
    """The words of these texts, in no order: the learner needs none."""
    from tokbench.native.word_counter import count_words_compiled
    from tokbench.training.bpe_compiled import arrays_of_bytes

    scanner = served_words(tokenizer)
    assert not isinstance(scanner, str), scanner  # choose_engine asked
    found = count_words_compiled(batches, scanner, threads=threads, in_order=False, progress=progress)
    return arrays_of_bytes(
        found.arena, found.places, found.counts, bytewise=found.bytewise, blank=found.blank
    )


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
