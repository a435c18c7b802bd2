"""Sentences whose words, or characters, each carry a label: CoNLL files and KLUE's.

One unit and its label a line, an empty line after each sentence, lines with `##` and a space are notes.
The unit is a word in the first column, or a character, as KLUE has it: then spaces have lines of their
own, which carry no entity and are left out of every count.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tokbench.errors import DataError, FileError, plural
from tokbench.finetuning.data.conll_layout import LAST, Layout, find_layout, words_of
from tokbench.finetuning.data.glue import remedy_of
from tokbench.finetuning.data.own_tables import TRAIN, FileKind, files_in
from tokbench.finetuning.tag_scheme import AUTO, TagScheme, entities, find_scheme, must_be_told_apart
from tokbench.finetuning.tasks import Split, Task

OUTSIDE = "O"  # what stands for a label that a file does not give
CONLL = FileKind((".conll", ".conllu", ".bio", ".iob", ".iob2", ".tsv", ".txt"))
WORD, CHARACTER = "word", "character"
WORD_METRICS = ("entity_f1", "entity_precision", "entity_recall")
# KLUE's two come last; the first is what other benchmarks call F1
CHARACTER_METRICS = ("entity_f1", "entity_macro_f1", "character_macro_f1")
MOST_CLASSES_OF_FEW = 20  # words that may all have labels of their own
# of labels that name no entities
NO_ENTITY_METRICS = {
    WORD: ("token_accuracy", "token_macro_f1"),
    CHARACTER: ("token_accuracy", "character_macro_f1"),
}

Sentence = tuple[list[str], list[str]]  # units, their labels


@dataclass(frozen=True)
class Tagged:
    """Sentences of units, and a class id for each; `characters` when they stand without spaces between."""

    units: list[list[str]]
    labels: list[list[int]]
    characters: bool
    left_out: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.units)

    @property
    def texts(self) -> list[str]:
        """Each sentence as one text."""
        between = "" if self.characters else " "
        return [between.join(units) for units in self.units]

    def pick(self, indices: Sequence[int]) -> Tagged:
        """These sentences alone, in this order."""
        units, labels = [self.units[index] for index in indices], [self.labels[index] for index in indices]
        return Tagged(units, labels, self.characters, self.left_out)


@dataclass(frozen=True)
class Sentences:
    """What stands in one file, before its labels are numbers."""

    path: Path
    found: list[Sentence]
    layout: Layout = field(default_factory=Layout)

    @property
    def characters(self) -> bool:
        """Whether the units are characters: short, and spaces among them have lines of their own.

        A no-break space among words is a unit too, and makes no characters of them.
        """
        units = [unit for units, _ in self.found for unit in units]
        return any(map(str.isspace, units)) and sum(map(len, units)) < 2 * len(units)


def read_sentences(
    path: Path,
    *,
    hidden: bool = False,
    word: int | None = None,
    tag: int | None = None,
    like: Layout | None = None,
) -> Sentences:
    """The sentences of one file; DataError names the line that is not a unit and a label.

    `word` and `tag` are columns, from 1; `find_layout` finds those that are not given, unless the file is
    `like` another one. With `hidden` labels may be missing: those are O.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as problem:
        raise FileError(
            f"{path} cannot be read: {problem.strerror}", fix=f"ls -l {shlex.quote(str(path))}"
        ) from problem
    except UnicodeDecodeError as problem:
        line = path.read_bytes()[: problem.start].count(b"\n") + 1
        raise DataError(f"{path} line {line} is not UTF-8", fix=remedy_of(path)) from problem
    lines = [line.rstrip("\r") for line in text.split("\n")]
    layout = like or find_layout(lines, path.name, word=word, tag=tag, hidden=hidden)
    found = list(_sentences(lines, path, layout, OUTSIDE if hidden else ""))
    if not found:
        raise DataError(f"{path} has no sentences", fix="one word, a tab and its label a line")
    return Sentences(path, found, layout)


def _sentences(lines: Sequence[str], path: Path, layout: Layout, missing: str) -> Iterator[Sentence]:
    units: list[str] = []
    labels: list[str] = []
    widths = dict[bool, int]()  # fields of the lines with tabs, and of those with spaces
    for number, line, fields in words_of(lines, layout):
        if fields is None:
            if units:
                yield units, labels
            units, labels = [], []
            continue
        tabs = "\t" in line
        before = widths.setdefault(tabs, len(fields))
        if len(fields) != before and not (tabs and missing):  # it is no table but a text, or damaged
            raise DataError(
                f"{path} line {number} has {plural(len(fields), 'field')} and those before it {before}",
                fix="one word, a tab and its label a line",
            )
        unit, label = _unit(fields, layout, missing)
        if "\0" in line:
            raise DataError(f"{path} line {number} holds a NUL character", fix="take it out of that line")
        if not unit or not label:
            what = f"{path} line {number}: {line!r} is not a word and a label"
            raise DataError(what, fix="one tab between the two")
        units.append(unit)
        labels.append(label)
    if units:
        yield units, labels


def _unit(fields: Sequence[str], layout: Layout, missing: str) -> tuple[str, str]:
    """Unit and label of a line; `missing` is the label of a line that has none."""
    unit = fields[layout.word] if layout.word < len(fields) else ""
    tagged = len(fields) > max(layout.tag, layout.word if layout.tag == LAST else 0)
    alone = layout.tag == LAST and len(fields) <= layout.word + 1  # the last field is the word itself
    label = fields[layout.tag].strip() if tagged and not alone else ""
    return unit, label or missing


GOES_ON = ("I", "E", "L", "M")  # marks of a unit that goes on with what is before it


@dataclass(frozen=True)
class TaggedFiles:
    """The task that tagged files hold, their sentences by split, and where word and tag stood."""

    task: Task
    rows: dict[str, Tagged]
    layout: Layout


def read_tagged(
    data: Path,
    *,
    dev: str | None,
    all_pieces: bool,
    tag_scheme: str = AUTO,
    outside: str = "",
    word: int | None = None,
    tag: int | None = None,
) -> TaggedFiles:
    """The task that a file or a folder's files hold, and its rows by split; a file alone has no dev.

    `tag_scheme` and `outside` settle what `find_scheme` finds from the labels otherwise, `word` and `tag`
    the columns (from 1), which are those of the train file for all files.
    """
    files = files_in(data, CONLL, dev=dev)
    read = {TRAIN: read_sentences(files[TRAIN], word=word, tag=tag)}
    layout = read[TRAIN].layout
    read |= {name: read_sentences(path, like=layout) for name, path in files.items() if name != TRAIN}
    characters = any(each.characters for each in read.values())
    found = {label for each in read.values() for _, labels in each.found for label in labels}
    _must_be_labels(found, read[TRAIN])
    scheme = find_scheme(found, scheme=tag_scheme, outside=outside)
    if scheme is not None and tag_scheme == AUTO:
        must_be_told_apart(found, scheme)
    if scheme is not None and found - {scheme.outside}:
        _must_have_entities(read[TRAIN], scheme)
    labels = labels_of(found, scheme)
    if len(labels) == 1:
        raise DataError(
            f"every label in {data} is {labels[0]}: there is nothing to learn", fix="label some words"
        )
    task = Task(
        name="ner",
        folder="ner",
        texts=("words",),
        tsv_texts=("words",),
        labels=labels,
        metrics=metrics_of(scheme, characters=characters),
        scheme=scheme,
        train_rows=len(read[TRAIN].found),
        evaluation=(Split("dev", "dev", "validation", 0),),
        unit=CHARACTER if characters else WORD,
        all_pieces=all_pieces,
        about="Which words are names, and of what?",
    )
    rows = {name: _numbered(each, labels, characters) for name, each in read.items()}
    return TaggedFiles(task, rows, layout)


def _must_be_labels(found: Collection[str], read: Sentences) -> None:
    """Nothing, or an error where the column of the labels holds nearly as many as there are words."""
    words = sum(len(labels) for _, labels in read.found)
    if words > MOST_CLASSES_OF_FEW and len(found) > words / 2:
        column = read.layout.columns["tags"]
        raise DataError(
            f"column {column} of {read.path.name} holds {plural(len(found), 'label')} for"
            f" {plural(words, 'word')}",
            fix="name the column of the labels, counted from 1: --label-column 1 --text-column 2",
        )


def _must_have_entities(read: Sentences, scheme: TagScheme) -> None:
    """Nothing, or an error where the scheme that was named reads no entity in any sentence."""
    if not any(entities(labels, scheme) for _, labels in read.found):
        raise DataError(
            f"read as {scheme.name}, the labels of {read.path.name} name no entity",
            fix=f"--set tag_scheme={AUTO}, or another: tokbench finetune --help",
        )


def metrics_of(scheme: TagScheme | None, *, characters: bool) -> tuple[str, ...]:
    """What is measured: entities where labels name some, single labels where not."""
    if scheme is None:
        return NO_ENTITY_METRICS[CHARACTER if characters else WORD]
    return CHARACTER_METRICS if characters else WORD_METRICS


def labels_of(found: Iterable[str], scheme: TagScheme | None) -> tuple[str, ...]:
    """That outside first, then the marks of each type by name; a type that only begins can also go on.

    >>> labels_of(["B-PER", "O"], TagScheme())
    ('O', 'B-PER', 'I-PER')
    """
    if scheme is None:
        return tuple(sorted(set(found)))
    inside = set(found) - {scheme.outside}
    inside |= {scheme.continued(label) for label in inside}
    return (scheme.outside, *sorted(inside, key=lambda label: scheme.split(label)[::-1]))


def _numbered(read: Sentences, labels: tuple[str, ...], characters: bool) -> Tagged:
    number = {label: index for index, label in enumerate(labels)}
    units = [sentence for sentence, _ in read.found]
    return Tagged(units, [[number[label] for label in each] for _, each in read.found], characters)


def conll(rows: Tagged, predicted: Sequence[Sequence[str]], scheme: TagScheme | None) -> str:
    """The rows as a file that read_sentences reads; `predicted` has a label for each unit that is no space.

    A space inside a name goes on with it, as in KLUE's own files; any other is outside.
    """
    tagged = (
        zip(units, _with_spaces(units, labels, scheme), strict=True)
        for units, labels in zip(rows.units, predicted, strict=True)
    )
    return "".join("".join(f"{unit}\t{label}\n" for unit, label in each) + "\n" for each in tagged)


def _with_spaces(units: Sequence[str], predicted: Sequence[str], scheme: TagScheme | None) -> list[str]:
    """A label for every unit, spaces too."""
    scheme = scheme or TagScheme()
    labels = list[str]()
    after = [*predicted, scheme.outside]  # what follows a space
    said = 0
    for unit in units:
        if not unit.isspace():
            labels.append(predicted[said])
            said += 1
            continue
        before, following = scheme.split(predicted[said - 1] if said else scheme.outside), after[said]
        mark, kind = scheme.split(following)
        inside = mark in GOES_ON and before[1] == kind
        labels.append(following if inside else scheme.outside)
    return labels
