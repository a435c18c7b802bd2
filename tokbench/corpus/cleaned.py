"""A corpus through its cleaning steps: read, changed, filtered, sampled and arranged while it streams."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate

from tokbench.corpus.cleaning.arrangement import Arrangement
from tokbench.corpus.cleaning.choices import Cleaning, parse_cleaning
from tokbench.corpus.cleaning.exact_dedup import Dedup, ExactDuplicates
from tokbench.corpus.cleaning.near_dedup import NearDuplicates
from tokbench.corpus.cleaning.selection import Selection
from tokbench.corpus.cleaning.spool import Scratch
from tokbench.corpus.cleaning.text_batches import Batch, Columns, Step, StepTally
from tokbench.corpus.cleaning.text_steps import length_steps, text_steps
from tokbench.corpus.decoding import half_character
from tokbench.corpus.lines import Sieve, TextPart
from tokbench.corpus.reading import LONGEST_TEXT, Corpus, Intake
from tokbench.corpus.records import records
from tokbench.corpus.tables import as_text, choose_column
from tokbench.errors import DataError, NegativeResultError, UsageError, plural
from tokbench.progress import silent

CleaningSource = str | Sequence[str] | Cleaning
AT_ONCE = 1 << 18  # characters in a batch: texts and what is made of them stay in the processor's cache


class CleaningPass:
    """An iterable of the batches that are left after all steps; `tallies` say what each step has done.

    One pass: it reads the corpus once. `scratch` is where texts wait when a step must see all of them. Raises
    DataError as the readers do, NegativeResultError when a step leaves nothing.
    """

    def __init__(self, corpus: Corpus, choices: Cleaning, scratch: Scratch) -> None:
        self._corpus, self._choices = corpus, choices
        self._read = StepTally("read")
        self._steps: list[tuple[StepTally, Step]] = list(text_steps(choices))
        if choices.dedup:
            tally = StepTally("dedup")
            self._steps.append((tally, Dedup(choices.dedup, tally, ExactDuplicates(scratch))))
        if choices.near:
            tally = StepTally("near")
            self._steps.append((tally, Dedup(choices.dedup or "text", tally, NearDuplicates(scratch))))
        self._steps += length_steps(choices)
        self._selection = Selection(choices, corpus.names, scratch)
        self._arrangement = Arrangement(choices, scratch)

    @property
    def tallies(self) -> list[StepTally]:
        """Those of all steps that run, in their order."""
        return [self._read, *(tally for tally, _ in self._steps), *self._selection.tallies]

    def __iter__(self) -> Iterator[Batch]:
        rows = 0
        for batch in self._arrangement(self._selection(self._cleaned())):
            rows += len(batch.texts)
            if batch.texts:
                yield batch
        if not rows:
            raise self._nothing_left()

    def _cleaned(self) -> Iterator[Batch]:
        for batch in read_batches(self._corpus, self._choices):
            try:
                self._read.utf8_bytes += batch.utf8_bytes
            except UnicodeEncodeError as error:
                raise half_character(error) from error
            self._read.rows += len(batch.texts)
            for _, step in self._steps:
                batch = step(batch)
            yield batch

    def _nothing_left(self) -> NegativeResultError:
        """Which step dropped the last row, or that there was none."""
        names = ", ".join(self._corpus.names[:3])
        last = next((tally for tally in self.tallies if tally.rows and tally.rows == tally.dropped), None)
        if last is None:
            raise DataError(f"no texts in {names}: nothing to read", fix="name a file with at least one text")
        example = f", as {last.example!r}" if last.example else ""
        return NegativeResultError(
            f"no text of {names} is left: the step {last.name} dropped all "
            f"{plural(last.rows, 'text')} that came to it{example}",
            fix=f"leave out {last.name}" if last.name != "empty" else "name a file with at least one text",
        )


def read_batches(corpus: Corpus, choices: Cleaning) -> Iterator[Batch]:
    """All rows of a corpus, blank ones too, as batches of one source each."""
    if choices.keep or choices.rename:
        return _table_batches(corpus, choices)
    batches = _filled(corpus.rows_by_source())
    if choices.dedup in ("paragraph", "document"):
        return _grouped(batches, corpus, choices.dedup)
    return batches


def _filled(parts: Iterable[tuple[int, list[str]]]) -> Iterator[Batch]:
    """Parts put together to batches of about AT_ONCE characters."""
    held: list[str] = []
    size = number = 0
    for source, texts in parts:
        if held and (source != number or size >= AT_ONCE):
            yield Batch(held, number)
            held, size = [], 0
        number = source
        held += texts
        size += sum(map(len, texts))
    if held:
        yield Batch(held, number)


def _grouped(batches: Iterator[Batch], corpus: Corpus, unit: str) -> Iterator[Batch]:
    """Lines of plain files with the number of their paragraph or file, cut between two of those only."""
    texts: list[str] = []
    groups: list[int] = []
    number = size = 0
    for batch in batches:
        source = corpus.sources[batch.source] if corpus.sources else None
        if texts and batch.source != number:
            yield Batch(texts, number, groups=groups)
            texts, groups, size = [], [], 0
        number = batch.source
        if source is None or source.format != "txt":
            yield batch
            continue
        groups += _group_numbers(batch.texts, unit, start=groups[-1] if groups else 0)
        texts += batch.texts
        size += sum(map(len, batch.texts))
        border = bisect_left(groups, groups[-1])  # they rise
        if border:
            yield Batch(texts[:border], number, groups=groups[:border])
            texts, groups = texts[border:], groups[border:]
            size = sum(map(len, texts))
        if size > LONGEST_TEXT:
            raise DataError(
                f"a {unit} of {source.name} is longer than {LONGEST_TEXT:,} characters, which must fit in "
                "memory",
                fix="look at each line by itself: --unit text",
            )
    if texts:
        yield Batch(texts, number, groups=groups)


def _group_numbers(texts: list[str], unit: str, *, start: int) -> list[int]:
    """The number of each line's paragraph, which a blank line raises; a file's lines have one."""
    if unit == "document":
        return [start] * len(texts)
    return list(accumulate((not text or text.isspace() for text in texts), initial=start))[1:]


def _table_batches(corpus: Corpus, choices: Cleaning) -> Iterator[Batch]:
    """Rows of tables with the columns that are kept, under their new names."""
    if not corpus.sources:
        raise UsageError("columns are kept of files, not of objects", fix="leave out keep and rename")
    rename = dict(choices.rename or {})
    for number, source in enumerate(corpus.sources):
        texts: list[str] = []
        columns: list[Columns] = []
        wanted: Sequence[str] | None = None
        name, size = "", 0
        for place, row in records(source, [choices.column, *choices.keep, *rename]):
            if wanted is None:
                name = choose_column(list(row), choices.column or None, source)
                wanted = [choose_column(list(row), each, source) for each in (*choices.keep, *rename)]
            if name not in row:
                raise DataError(f"{source.name}, {place} has no {name!r}", fix="give every object that key")
            texts.append(as_text(row[name], source, place))
            columns.append({rename.get(each, each): row.get(each) for each in wanted if each != name})
            size += len(texts[-1])
            if size >= AT_ONCE:
                yield Batch(texts, number, columns)
                texts, columns, size = [], [], 0
        if texts:
            yield Batch(texts, number, columns)


class CleanedCorpus(Corpus):
    """A corpus that is cleaned anew in each pass: as if its texts had been written to a file and read again.

    Its facts are those of the texts that are left. `tallies` are of the last pass.
    """

    def __init__(self, corpus: Corpus, choices: Cleaning) -> None:
        super().__init__(corpus.sources, column=None, progress=silent)
        self._corpus, self.choices = corpus, choices
        self.tallies: list[StepTally] = []

    @property
    def size(self) -> int | None:
        """That of what is read: how much will be left is not known."""
        return self._corpus.size

    @property
    def names(self) -> tuple[str, ...]:
        """Those of the sources that are read."""
        return self._corpus.names

    def rows_by_source(self) -> Iterator[tuple[int, list[str]]]:
        """The texts that are left, some at a time."""
        with Scratch() as scratch:
            pipeline = CleaningPass(self._corpus, self.choices, scratch)
            for batch in pipeline:
                yield 0, batch.texts
            self.tallies = pipeline.tallies

    def _read(
        self, *, raw: bool, sieve: Sieve | None = None, whole: bool = False
    ) -> Iterator[list[str] | bytes]:
        intake = Intake(raw=raw, whole=whole)
        for _, texts in self.rows_by_source():
            yield from intake.take(TextPart(texts, utf8=_lines(texts)))
        yield from intake.last()
        self._facts = replace(intake.facts(self.names), cleaning=self.choices.record)


def _lines(texts: list[str]) -> bytes:
    """The texts as the lines of a file; nothing where one has a line break of its own."""
    joined = "\n".join(texts) + "\n"
    return b"" if joined.count("\n") != len(texts) or "\r" in joined else joined.encode()


def chosen_cleaning(clean: CleaningSource) -> Cleaning:
    """The choices, of which words may tell."""
    return clean if isinstance(clean, Cleaning) else parse_cleaning(clean)


def cleaned(corpus: Corpus, clean: CleaningSource = ()) -> Corpus:
    """The corpus with these steps, in words or as choices, or as it is when there are none.

    >>> from tokbench.corpus.reading import as_corpus
    >>> [texts for texts in cleaned(as_corpus(["a", "b", "a"]), "dedup")]
    [['a', 'b']]
    """
    choices = chosen_cleaning(clean)
    return corpus if choices.does_nothing else CleanedCorpus(corpus, choices)


def refuse_cleaning(clean: CleaningSource, why: str) -> None:
    """UsageError when steps are asked for where no text passes."""
    if not chosen_cleaning(clean).does_nothing:
        raise UsageError(why, fix="clean the corpus first: tokbench corpus CORPUS -o clean.jsonl.zst")
