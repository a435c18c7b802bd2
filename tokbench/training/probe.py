"""The first texts of a run, made by the library too, before the compiled loops are believed.

Laws prove what the loops serve (tests/laws); this is for what no law has thought of. It costs some 5 ms.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from tokenizers import Tokenizer

from tokbench.errors import TokbenchError, clipped
from tokbench.io.library_errors import is_of_the_library
from tokbench.native.byte_alphabet import byte_characters
from tokbench.native.scanner import scanner_for
from tokbench.native.word_counter import count_words_compiled, texts_of
from tokbench.training.engine import DIFFERENT, EngineChoice
from tokbench.training.word_counts import counting_pipeline

if TYPE_CHECKING:
    from tokbench.native.scanner import Scanner
    from tokbench.native.word_counter import TextBatch

FIRST, SPREAD = 16, 32  # texts of the first batch: those it begins with, and others from all over it
MOST_CHARACTERS = 1000  # of a text: its beginning is a text too
# What texts seldom hold and blocks take in different ways: nothing, blanks, controls, marks, odd letters.
ODD = (
    *("", " ", "\n", " \t\u3000 ", "a  b\r\nc ", "\x1fa\x00b\x7f", "e\u0301\u0323 \u0301x", "▁a ▁▁b Ġc ##d"),
    *(
        "don't I'LL '''s 'ſ",
        "12345 ½٣四 1,000.5",
        "ǅungla İstanbul ßſ ﬁ Å",
        "한국어 \u1112\u1161\u11ab 中文字 ｶﾞ",
    ),
    *("👩🏽\u200d💻 \ufeff\u200b\ufffd \U000e0001", "x" * 150, "가" * 120),
)
Make = Callable[[list[str]], Any]  # something of texts that can be compared


@dataclass(frozen=True)
class Probe:
    """What the compiled loops make of texts, and what the library does."""

    compiled: Make
    library: Make

    def difference(self, texts: Sequence[str]) -> str | None:
        """A text that they part ways on, or None; nor is there one where the library refuses the texts."""
        if self._alike(texts):
            return None
        return next((text for text in texts if not self._alike([text])), texts[0])

    def _alike(self, texts: Sequence[str]) -> bool:
        try:
            wanted = self.library(list(texts))
        except BaseException as error:
            if not (is_of_the_library(error) or isinstance(error, TokbenchError | UnicodeError | TypeError)):
                raise
            return True  # the run will meet the same error
        try:
            return bool(self.compiled(list(texts)) == wanted)
        except (ValueError, RuntimeError, IndexError):
            return False


def probed(
    choice: EngineChoice, batches: Iterable[TextBatch], probe: Probe
) -> tuple[EngineChoice, Iterator[TextBatch]]:
    """This choice, or the library where the two part ways on the first texts; and all the batches.

    Few texts are taken, and some that few corpora hold.
    """
    rest = iter(batches)
    held = list(_first(rest))
    for texts in (_sample(held[-1:]), ODD):
        odd = probe.difference(texts) if texts else None
        if odd is not None:
            choice = EngineChoice("library", f"{DIFFERENT} {clipped(odd)}")
            break
    return choice, chain(held, rest)


def _first(batches: Iterator[TextBatch]) -> Iterator[TextBatch]:
    """The batches up to the first that has texts."""
    for batch in batches:
        yield batch
        if batch:
            return


def _sample(batches: Sequence[TextBatch]) -> list[str]:
    """The beginnings of some texts of a batch."""
    texts = texts_of(batches[0]) if batches else []
    chosen = chain(texts[:FIRST], texts[FIRST :: max(1, len(texts) // SPREAD)])
    return [text[:MOST_CHARACTERS] for text in chosen]


def probed_counting(
    choice: EngineChoice, tokenizer: Tokenizer, batches: Iterable[TextBatch]
) -> tuple[EngineChoice, Iterator[Any]]:
    """This choice, or the library where the loops and it do not agree on the words of the first texts.

    And the batches, as lists of texts when it is the library.
    """
    scanner = scanner_for(tokenizer)
    assert not isinstance(scanner, str), scanner  # choose_engine asked
    choice, held = probed(choice, batches, _counting_probe(tokenizer, scanner))
    return choice, held if choice.compiled else map(texts_of, held)


def _counting_probe(tokenizer: Tokenizer, scanner: Scanner) -> Probe:
    """Words and their counts, as the compiled loops and as the library's own trainers see them."""
    characters = byte_characters()

    def spelled(word: bytes) -> str:
        if scanner.split.bytewise:
            return "".join([characters[byte] for byte in word])
        return word.decode().replace(" ", scanner.split.blank)

    def compiled(texts: list[str]) -> dict[str, int]:
        found = count_words_compiled([texts], scanner, threads=1)
        words = [found.arena[start:end].tobytes() for start, end in found.places.tolist()]
        return dict(zip(map(spelled, words), found.counts.tolist(), strict=True))

    return Probe(compiled, lambda texts: library_words(tokenizer, texts))


def library_words(tokenizer: Tokenizer, texts: Sequence[str]) -> dict[str, int]:
    """The words that the library's trainers are given of these few texts, and how often; in this process."""
    counting, trainer = counting_pipeline(tokenizer)
    counting.train_from_iterator(texts, trainer)
    words: dict[str, int] = json.loads(trainer.__getstate__())["WordLevelTrainer"]["words"]
    return words
