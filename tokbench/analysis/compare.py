"""Several tokenizers on several corpora, parallel ones too: each is read once, and each batch goes to all."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice, tee, zip_longest
from operator import attrgetter, itemgetter
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np

from tokbench.analysis.backends import Backend, backend_for
from tokbench.analysis.corpus_metrics import gini, parity
from tokbench.analysis.corpus_stats import CorpusStats, StatsCollector, sample_batches
from tokbench.analysis.measure import (
    Measured,
    Scorer,
    Tally,
    ensure_pairs,
    measure_bits_per_byte,
    probe,
)
from tokbench.corpus.lines import TextPart, read_txt
from tokbench.corpus.reading import Corpus, CorpusSource, are_paths, as_corpus
from tokbench.corpus.sources import find_sources
from tokbench.errors import DataError, UsageError
from tokbench.native.ragged import Ragged, equal_rows
from tokbench.pretrained.lineage import lineage_of, sha256_of
from tokbench.progress import Progress, silent
from tokbench.results import Result

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tokbench.corpus.source import Source
    from tokbench.pretrained.folder import TokenizerSource
    from tokbench.pretrained.lineage import Lineage

ROWS = 4096  # lines taken at once
TEXTS = "texts"  # the name of a corpus that no file holds

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
    backends: Sequence[Backend], parallel: Sequence[str | Sequence[str]], *, progress: Progress = silent
) -> Parity:
    """The tokens of each language; DataError where they do not have the same number of lines."""
    languages = _languages(parallel)
    aligned = _Aligned(languages, progress)
    copies = tee(aligned, len(backends) * len(languages))
    places = [(each, at) for each in backends for at in range(len(languages))]
    streams = [
        each.stream(map(itemgetter(at), batches), size=sum(language.size for language in languages))
        for (each, at), batches in zip(places, copies, strict=True)
    ]
    tokens = np.zeros((len(backends), len(languages)), np.int64)
    for row in zip(*streams, strict=True):
        tokens += np.array([len(each.ids) for each in row]).reshape(tokens.shape)
    rows = [_row(each.name, counts) for each, counts in zip(backends, tokens.tolist(), strict=True)]
    names = tuple(language.name for language in languages)
    return Parity(languages=names, lines=aligned.lines, left_out=aligned.left_out, rows=tuple(rows))


def _row(name: str, tokens: Sequence[int]) -> ParityRow:
    ratios = tuple(parity(tokens=each, tokens_of_base=tokens[0]) for each in tokens)
    return ParityRow(tokenizer=name, tokens=tuple(tokens), parity=ratios, gini=gini(np.array(tokens)))


@dataclass(frozen=True)
class _Language:
    """The lines of one language, in a file or in memory; `origin` is what errors call them."""

    name: str
    origin: str
    size: int
    lines: Callable[[], Iterable[str]]


def _languages(parallel: Sequence[str | Sequence[str]]) -> list[_Language]:
    """One plain file, or one list of lines, for each language."""
    if len(parallel) < 2:
        raise UsageError(
            "parity needs two files or more, whose lines say the same",
            fix="--parallel base.txt --parallel other.txt",
        )
    origins = [os.fspath(each) if isinstance(each, str | os.PathLike) else TEXTS for each in parallel]
    names = _apart(short(origins, stems=True))
    found = [None if name == TEXTS else find_sources([name]) for name in origins]
    languages = []
    for given, name, origin, sources in zip(parallel, names, origins, found, strict=True):
        if sources is None:
            from tokbench.corpus.objects import held_texts  # files need none of it

            lines: Sequence[str] = [*held_texts(given, None)]
            languages.append(_Language(name, name, sum(map(len, lines)), partial(iter, lines)))
            continue
        if len(sources) != 1 or sources[0].format != "txt" or sources[0].is_stdin:
            raise DataError(f"{origin} is not one file of plain lines", fix="give one .txt file a language")
        languages.append(_Language(name, sources[0].name, sources[0].size, partial(_lines, sources[0])))
    return languages


class _Aligned:
    """The lines of all files side by side, those left out that are blank in one of them."""

    def __init__(self, languages: Sequence[_Language], progress: Progress) -> None:
        self._languages = languages
        self._progress = progress
        self.lines = self.left_out = 0

    def __iter__(self) -> Iterator[Rows]:
        rows = zip_longest(*(each.lines() for each in self._languages))
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
        sides = list(zip(self._languages, row, strict=True))
        ended = [each.origin for each, text in sides if text is None]
        if ended:
            more = [each.origin for each, text in sides if text is not None]
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


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A tokenizer that was compared: the name it has in tables, how it was asked for, whose, its tokens.

    model: the language model that its texts were shown to, if one was. lineage: what it was made of, where
    its folder says so.
    """

    name: str
    asked: str
    library: str
    size: int
    model: str | None = None
    lineage: Lineage | None = None


@dataclass(frozen=True, kw_only=True)
class Adapted:
    """A tokenizer beside the one that it was made of, on one corpus: texts that stay, and tokens.

    unchanged: the share of the texts whose tokens are those of the base, by their new ids where they moved.
    tokens: over those of the base.
    """

    corpus: str
    tokenizer: str
    base: str
    unchanged: float
    tokens: float


@dataclass(frozen=True)
class Lead:
    """Who writes a corpus in the fewest tokens, of those that lose nothing where there are such.

    `fewer_tokens` is the share of the tokens of `second`, the next of them, that it saves: 0.8 is a fifth of
    the tokens. None for the only one.
    """

    corpus: str
    tokenizer: str
    second: str = ""
    fewer_tokens: float | None = None


def lead(results: Sequence[Measured]) -> Lead:
    """The lead among the measurements of one corpus."""
    ordered = sorted(results, key=attrgetter("tokens"))
    best, *others = [each for each in ordered if not each.unknown] or ordered
    if not others or not others[0].tokens:
        return Lead(best.corpus, best.tokenizer)
    return Lead(best.corpus, best.tokenizer, others[0].tokenizer, 1 - best.tokens / others[0].tokens)


@dataclass(frozen=True, kw_only=True, repr=False)
class Comparison(Result, kind="comparison", table="results"):
    """Every tokenizer on every corpus; `results` go corpus by corpus, tokenizers in the order asked for.

    `leads` say of each corpus who writes it shortest, and by how much; `adapted` holds each tokenizer that
    was made of another one here against that one.
    """

    tokenizers: tuple[Compared, ...]
    corpora: tuple[CorpusStats, ...]
    results: tuple[Measured, ...]
    parity: Parity | None
    sample: int | None
    seed: int
    leads: tuple[Lead, ...] = ()
    adapted: tuple[Adapted, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CompareOptions:
    """How to compare: so many texts of each corpus (all without), drawn by a seed; a longest input."""

    column: str | None = None
    sample: int | None = None
    seed: int = 42
    max_length: int | None = None


@dataclass(frozen=True)
class Work:
    """Who is compared, each with its model or None, and the bytes that all of them will encode together."""

    backends: Sequence[Backend]
    scorers: Sequence[Scorer | None]
    size: int | None
    progress: Progress
    kinships: Sequence[Kinship] = ()


@dataclass(frozen=True)
class Kinship:
    """Places among the backends: a tokenizer, and the one that it was made of; moved: old id → new id."""

    place: int
    base: int
    moved: NDArray[np.int64] | None


def compare(
    tokenizers: TokenizerSource | Sequence[TokenizerSource] | Mapping[str, TokenizerSource],
    corpora: CorpusSource | Sequence[CorpusSource] | Mapping[str, CorpusSource] = (),
    *,
    parallel: Sequence[str | Sequence[str]] = (),
    scorers: Sequence[Scorer | None] = (),
    column: str | None = None,
    sample: int | None = None,
    seed: int = CompareOptions.seed,
    max_length: int | None = None,
    progress: Progress = silent,
) -> Comparison:
    """Measure these tokenizers on these corpora, and on parallel files, the base language first.

    Several corpora are a list of them, or a dictionary by the names that they get; a list of strings is a
    list of paths, or, where they lead nowhere, the texts of one corpus. A corpus is a path, a folder, a glob
    or "-", texts, or a table, of which `column` names the texts. `parallel` are files, or lists of lines,
    whose lines say the same in several languages. `scorers` are the language models of the tokenizers, in
    their order, None for one without. Everything is looked up before anything is read.

    >>> import tokbench as tb
    >>> texts = ["the cat sat on the mat", "the cats sat on mats"] * 9
    >>> small, large = (tb.train(texts, "bpe", vocab_size=size) for size in (260, 280))
    >>> found = tb.compare({"small": small, "large": large}, {"cats": texts})
    >>> [(each.tokenizer, each.corpus, each.tokens) for each in found.results]
    [('small', 'cats', 297), ('large', 'cats', 99)]
    """
    options = CompareOptions(column=column, sample=sample, seed=seed, max_length=max_length)
    if not _is_given(corpora) and not parallel:
        raise UsageError("there is nothing to compare on", fix="name a corpus: --corpus corpus.txt")
    asked, backends = _backends(tokenizers)
    lineages, kinships = _kinships(_sources(tokenizers), backends)
    scorers = [*scorers, *[None] * (len(backends) - len(scorers))]
    ensure_pairs(backends, scorers)
    opened = {
        name: as_corpus(corpus, column=column, progress=_named(progress, name))
        for name, corpus in named_corpora(corpora).items()
    }
    work = Work(backends, scorers, _size([*opened.values()] * len(backends)), progress, kinships)
    found = [measure(name, corpus, work, options) for name, corpus in opened.items()]
    return Comparison(
        tokenizers=tuple(
            Compared(
                name=each.name,
                asked=name,
                library=each.library,
                size=each.size,
                model=None if scorer is None else scorer.name,
                lineage=lineage,
            )
            for each, name, scorer, lineage in zip(backends, asked, scorers, lineages, strict=True)
        ),
        corpora=tuple(stats for stats, _, _ in found),
        results=tuple(measured for _, several, _ in found for measured in several),
        parity=measure_parity(backends, parallel, progress=progress) if parallel else None,
        sample=sample,
        seed=seed,
        leads=tuple(lead(several) for _, several, _ in found),
        adapted=tuple(each for _, _, adapted in found for each in adapted),
    )


def _is_given(corpora: object) -> bool:
    return not isinstance(corpora, Sized) or isinstance(corpora, str) or len(corpora) > 0


def _backends(
    tokenizers: TokenizerSource | Sequence[TokenizerSource] | Mapping[str, TokenizerSource],
) -> tuple[list[str], list[Backend]]:
    """How each tokenizer was asked for, and what measures it, under a name that no other has."""
    if isinstance(tokenizers, Mapping):
        asked = list(tokenizers)
        backends = [backend_for(each) for each in tokenizers.values()]
        names = asked
    else:
        sources = _sources(tokenizers)
        backends = [backend_for(each) for each in sources]
        asked = [
            each if isinstance(each, str) else backend.name
            for each, backend in zip(sources, backends, strict=True)
        ]
        names = _apart(short(asked))
    for backend, name in zip(backends, names, strict=True):
        backend.name = name
    return asked, backends


def _sources(
    tokenizers: TokenizerSource | Sequence[TokenizerSource] | Mapping[str, TokenizerSource],
) -> list[Any]:
    if isinstance(tokenizers, Mapping):
        return list(tokenizers.values())
    return list(tokenizers) if isinstance(tokenizers, list | tuple) else [tokenizers]


def _kinships(
    sources: Sequence[Any], backends: Sequence[Backend]
) -> tuple[list[Lineage | None], list[Kinship]]:
    """What each tokenizer was made of, and which of them were made of another one here."""
    lineages = [lineage_of(each) for each in sources]
    if not any(lineages):
        return lineages, []
    hashes = [sha256_of(each) for each in sources]
    kinships = []
    for place, lineage in enumerate(lineages):
        if lineage is None or not lineage.base_sha256 or lineage.act == "transplant":
            continue
        bases = [at for at, each in enumerate(hashes) if each == lineage.base_sha256 and at != place]
        if bases:
            kinships.append(Kinship(place, bases[0], _by_old_id(lineage, backends[bases[0]].ids)))
    return lineages, kinships


def _by_old_id(lineage: Lineage, ids: int) -> NDArray[np.int64] | None:
    """New ids by old ones, -1 for a token that is gone; None where all stayed."""
    if lineage.moved is None:
        return None
    moved = np.full(ids, -1, np.int64)
    pairs = np.array([*lineage.moved.items()], np.int64).reshape(-1, 2)
    pairs = pairs[pairs[:, 0] < ids]
    moved[pairs[:, 0]] = pairs[:, 1]
    return moved


def named_corpora(
    corpora: CorpusSource | Sequence[CorpusSource] | Mapping[str, CorpusSource],
) -> dict[str, CorpusSource]:
    """Each corpus by the name that it has in tables: that of its file, or texts.

    >>> named_corpora(["en.txt", "more/ko.txt"])
    {'en': 'en.txt', 'ko': 'more/ko.txt'}
    >>> list(named_corpora([["a text"], ["another"]])), list(named_corpora(["a text", "another"]))
    (['texts', 'texts 2'], ['texts'])
    """
    if isinstance(corpora, Mapping):
        return dict(corpora)
    several = list(corpora) if isinstance(corpora, list | tuple) else [corpora]
    if isinstance(corpora, list | tuple) and all(isinstance(each, str) for each in corpora):
        several = several if not several or are_paths(corpora) else [several]
    names = [os.fspath(each) if isinstance(each, str | os.PathLike) else TEXTS for each in several]
    return dict(zip(_apart(short(names, stems=True)), several, strict=True))


def _apart(names: Sequence[str]) -> list[str]:
    """The names, with a number where one came before.

    >>> _apart(["texts", "en", "texts"])
    ['texts', 'en', 'texts 2']
    """
    seen = Counter[str]()
    found = []
    for name in names:
        seen[name] += 1
        found.append(name if seen[name] == 1 else f"{name} {seen[name]}")
    return found


def short(names: Sequence[str], *, stems: bool = False) -> list[str]:
    """The last part of each name, or all of it where two would be alike.

    >>> short(["runs/a/tok", "runs/b/tok", "gpt2"])
    ['runs/a/tok', 'runs/b/tok', 'gpt2']
    >>> short(["data/en.txt.gz", "ko.txt"], stems=True)
    ['en', 'ko']
    """
    lasts = [PurePath(name).name or name for name in names]
    if stems:
        lasts = [last.split(".")[0] or last for last in lasts]
    return [last if lasts.count(last) == 1 else name for name, last in zip(names, lasts, strict=True)]


def _named(progress: Progress, name: str) -> Progress:
    """The same progress, its stage named after the corpus."""
    return lambda stage, done, total=None: progress(f"Comparing on {name}", done, total)


def _size(corpora: Sequence[Corpus]) -> int | None:
    """The bytes of all; None with standard input, whose size nobody knows."""
    sizes = [corpus.size for corpus in corpora]
    return None if None in sizes else sum(size for size in sizes if size is not None)


def measure(
    name: str, corpus: Corpus, work: Work, options: CompareOptions
) -> tuple[CorpusStats, list[Measured], list[Adapted]]:
    """All tokenizers on one corpus, which is read once."""
    backends = work.backends
    collector, tallies = StatsCollector(options.seed), [Tally(each) for each in backends]
    drawn = sample_batches(corpus, sample=options.sample, seed=options.seed)
    own, *copies = tee(drawn, len(backends) + 1)
    streams = [
        each.stream(batches, size=work.size, progress=work.progress)
        for each, batches in zip(backends, copies, strict=True)
    ]
    kin = [_UnchangedTexts(each) for each in work.kinships]
    for batch, *encoded in zip(own, *streams, strict=True):  # a batch is held until all have had it
        collector.add(batch)
        for each in kin:
            each.add(encoded)
        for tally, part in zip(tallies, encoded, strict=True):
            tally.add(part)
    stats, closer = collector.stats(name, corpus), collector.closer()
    measured = [
        tally.measured(
            stats,
            probe(tally.backend, closer, size=work.size),
            max_length=options.max_length,
            bits_per_byte=None
            if scorer is None
            else measure_bits_per_byte(
                scorer,
                tally.backend,
                closer,
                stage=f"{scorer.name} on {name}",
                progress=work.progress,
            ),
        )
        for tally, scorer in zip(tallies, work.scorers, strict=True)
    ]
    return stats, measured, [each.measured(name, measured, stats.texts) for each in kin]


class _UnchangedTexts:
    """How many texts have the same tokens in a tokenizer and in the one that it was made of."""

    def __init__(self, kinship: Kinship) -> None:
        self._kinship, self._texts = kinship, 0

    def add(self, encoded: Sequence[Ragged]) -> None:
        """Count these texts, as every tokenizer encoded them."""
        before, moved = encoded[self._kinship.base], self._kinship.moved
        before = before if moved is None else Ragged(moved[before.ids], before.starts)
        self._texts += int(equal_rows(before, encoded[self._kinship.place]).sum())

    def measured(self, corpus: str, results: Sequence[Measured], texts: int) -> Adapted:
        """The two on this corpus of so many texts."""
        own, base = results[self._kinship.place], results[self._kinship.base]
        return Adapted(
            corpus=corpus,
            tokenizer=own.tokenizer,
            base=base.tokenizer,
            unchanged=self._texts / max(1, texts),
            tokens=own.tokens / max(1, base.tokens),
        )
