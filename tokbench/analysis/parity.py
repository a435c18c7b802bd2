"""What the same content costs in several languages: files whose lines say the same, one language each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, tee, zip_longest
from operator import itemgetter

import numpy as np

from tokbench.analysis.backends import Backend
from tokbench.analysis.corpus_metrics import gini, parity
from tokbench.corpus.lines import TextPart, read_txt
from tokbench.corpus.sources import Source, find_sources
from tokbench.errors import DataError, UsageError
from tokbench.progress import Progress, silent

ROWS = 4096  # lines taken at once

Rows = Sequence[Sequence[str]]  # of each language, its lines


@dataclass(frozen=True, kw_only=True)
class ParityRow:
    """One tokenizer: tokens of each language, and over those of the base language; gini of the tokens."""

    tokenizer: str
    tokens: tuple[int, ...]
    parity: tuple[float, ...]
    gini: float


@dataclass(frozen=True, kw_only=True)
class Parity:
    """Languages, the base first; `lines` were compared, `left_out` were blank in one of them."""

    languages: tuple[str, ...]
    lines: int
    left_out: int
    rows: tuple[ParityRow, ...]


def measure_parity(
    backends: Sequence[Backend],
    paths: Sequence[str],
    names: Sequence[str],
    *,
    progress: Progress = silent,
) -> Parity:
    """The tokens of each language; DataError where the files do not have the same number of lines."""
    sources = _sources(paths)
    aligned = _Aligned(sources, progress)
    feeds = tee(aligned, len(backends) * len(paths))
    places = [(each, language) for each in backends for language in range(len(paths))]
    streams = [
        each.stream(map(itemgetter(language), feed), size=sum(source.size for source in sources))
        for (each, language), feed in zip(places, feeds, strict=True)
    ]
    tokens = np.zeros((len(backends), len(paths)), np.int64)
    for row in zip(*streams, strict=True):
        tokens += np.array([len(each.ids) for each in row]).reshape(tokens.shape)
    rows = [_row(each.name, counts) for each, counts in zip(backends, tokens.tolist(), strict=True)]
    return Parity(languages=tuple(names), lines=aligned.lines, left_out=aligned.left_out, rows=tuple(rows))


def _row(name: str, tokens: Sequence[int]) -> ParityRow:
    ratios = tuple(parity(tokens=each, tokens_of_base=tokens[0]) for each in tokens)
    return ParityRow(tokenizer=name, tokens=tuple(tokens), parity=ratios, gini=gini(np.array(tokens)))


def _sources(paths: Sequence[str]) -> list[Source]:
    """One plain file for each language."""
    if len(paths) < 2:
        raise UsageError(
            "parity needs two files or more, whose lines say the same",
            fix="--parallel base.txt --parallel other.txt",
        )
    found = [find_sources([path]) for path in paths]
    for path, sources in zip(paths, found, strict=True):
        if len(sources) != 1 or sources[0].format != "txt" or sources[0].path is None:
            raise DataError(f"{path} is not one file of plain lines", fix="give one .txt file a language")
    return [sources[0] for sources in found]


class _Aligned:
    """The lines of all files side by side, those left out that are blank in one of them."""

    def __init__(self, sources: Sequence[Source], progress: Progress) -> None:
        self._sources = sources
        self._progress = progress
        self.lines = self.left_out = 0

    def __iter__(self) -> Iterator[Rows]:
        rows = zip_longest(*(_lines(source) for source in self._sources))
        while taken := list(islice(rows, ROWS)):
            self._same_end(taken[-1])
            kept = [row for row in taken if all(text.strip() for text in row)]
            self.lines += len(kept)
            self.left_out += len(taken) - len(kept)
            self._progress("parity", self.lines)
            if kept:
                yield [list(language) for language in zip(*kept, strict=True)]
        if not self.lines:
            raise DataError("the parallel files share no line with text", fix="look at the files")

    def _same_end(self, row: Sequence[str | None]) -> None:
        ended = [source.name for source, text in zip(self._sources, row, strict=True) if text is None]
        if ended:
            more = [source.name for source, text in zip(self._sources, row, strict=True) if text is not None]
            raise DataError(
                f"{ended[0]} has fewer lines than {more[0]}, so they do not say the same",
                fix="give files whose lines belong together: line 7 of one translates line 7 of the other",
            )


def _lines(source: Source) -> Iterator[str]:
    """All lines, blank ones too, whole."""
    return chain.from_iterable(_whole(read_txt(source, lambda done: None)))


def _whole(parts: Iterable[TextPart]) -> Iterator[list[str]]:
    begun = ""
    for part in parts:
        texts = list(part.texts)
        if texts:
            texts[0], begun = begun + texts[0], ""
        begun += part.unfinished
        yield texts
    if begun:
        yield [begun]
