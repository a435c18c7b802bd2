"""Someone's own table as a task: named columns, labels mapped once, dev rows given or cut off by the seed."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tokbench.corpus.records import TABLES, records
from tokbench.corpus.sources import COMPRESSIONS, FORMATS, Source, find_sources
from tokbench.corpus.tables import OTHER_SEPARATOR
from tokbench.errors import DataError, FileError, UsageError, did_you_mean, plural
from tokbench.finetuning.data.rows import Raw, Rows, as_written, collect
from tokbench.finetuning.tasks import OWN, Split, Task

if TYPE_CHECKING:
    from tokbench.finetuning.config import FinetuneConfig

TRAIN, DEV, TEST = "train", "dev", "test"
NAMES = {TRAIN: ("train",), DEV: ("dev", "validation", "valid", "val"), TEST: ("test",)}


@dataclass(frozen=True)
class FileKind:
    """Files of one kind: the endings that count, the most usual first, and those packing may add."""

    endings: tuple[str, ...]
    packed: tuple[str, ...] = ()

    @property
    def example(self) -> str:
        """A name such as an option takes."""
        return f"FILE{self.endings[0]}"

    def has(self, path: Path, words: Sequence[str]) -> bool:
        """Whether the file's name is one of these words with an ending of this kind."""
        name, dot, ending = path.name.lower().partition(".")
        known = {each + more for each in self.endings for more in ("", *self.packed)}
        return name in words and dot + ending in known


def files_in(folder: Path, kind: FileKind, *, dev: str | None = None) -> dict[str, Path]:
    """The file to train on and, if there is one, that of dev rows; `dev` names another one.

    `folder` may be the train file itself.
    """
    if folder.is_file():
        found = {TRAIN: folder}
    else:
        every = {name: _only(folder, name, kind) for name in (TRAIN, DEV) if name == TRAIN or dev is None}
        found = {name: path for name, path in every.items() if path is not None}
        if TRAIN not in found:
            raise _none(folder, TRAIN, kind, fix=f"--data {kind.example} --dev {kind.example}")
    return found if dev is None else {**found, DEV: Path(dev).expanduser()}


def questions_in(folder: Path, kind: FileKind) -> Path:
    """The file of rows to predict: the one in the folder, or `folder` where it is a file itself."""
    if folder.is_file():
        return folder
    found = _only(folder, TEST, kind)
    if found is None:
        raise _none(folder, TEST, kind, fix=f"--data {kind.example}")
    return found


def _only(folder: Path, name: str, kind: FileKind) -> Path | None:
    if not folder.is_dir():
        raise FileError(
            f"there is no {folder}", fix=f"--data {kind.example}, or a folder with train and dev files"
        )
    fitting = [each for each in sorted(folder.iterdir()) if kind.has(each, NAMES[name])]
    if len(fitting) > 1:
        both = " and ".join(each.name for each in fitting[:2])
        named = {TRAIN: "--data FILE --dev FILE", DEV: "--dev FILE", TEST: "--data FILE"}
        raise UsageError(f"{folder} has {both}: which is {name}?", fix=named[name])
    return fitting[0] if fitting else None


def _none(folder: Path, name: str, kind: FileKind, *, fix: str) -> FileError:
    return FileError(f"no {name} file in {folder} ({name}{', '.join(kind.endings)})", fix=fix)


TABLE = FileKind(tuple(end for end, kind in FORMATS.items() if kind in TABLES), tuple(COMPRESSIONS))
MOST_CLASSES = 1_000
ANY = 10**12  # rows that may be incomplete when they are to be left out


def read_own(
    data: Path, reading: FinetuneConfig, known: Task | None, *, seed: int
) -> tuple[Task, dict[str, Rows]]:
    """The task of the files and its rows by split; `known` is the GLUE task they are in the manner of."""
    files = {name: source_at(path) for name, path in files_in(data, TABLE, dev=reading.dev).items()}
    raws = {name: list(_raws(source, reading)) for name, source in files.items()}
    if known is not None and (len(known.texts) == 2) != (reading.pair_column is not None):
        words = "two texts, so --pair-column is needed" if len(known.texts) == 2 else "one text"
        raise UsageError(f"a row of {known.name} has {words}", fix="name the columns that hold them")
    task = _task(raws["train"], reading, known)
    if known is None or task.regression:
        raws = {
            name: [replace(raw, label=as_written(raw.label)) for raw in some] for name, some in raws.items()
        }
    rows = {name: collect(some, task, name=str(files[name].name)) for name, some in raws.items()}
    if "dev" not in rows:
        rows = cut_off(rows["train"], share=reading.dev_share, seed=seed, classes=not task.regression)
    return task, rows


def source_at(path: Path) -> Source:
    """The one table at a path."""
    if path.is_dir():
        raise FileError(f"{path} is a folder, and a file is needed", fix="name the file in it")
    [source] = find_sources([path])
    return source


def _raws(source: Source, reading: FinetuneConfig) -> Iterable[Raw]:
    wanted = _wanted(source, reading)
    for place, row in records(source, wanted):
        missing = [column for column in wanted if column not in row]
        if missing and source.format not in ("json", "jsonl"):
            raise no_column(source, missing[0], list(row))
        *texts, label = (row.get(column) for column in wanted)
        yield Raw(f"{source.name} {place}", tuple(_text(each) for each in texts), label)


def _wanted(source: Source, reading: FinetuneConfig) -> list[str]:
    """The columns to read; UsageError for one that must be named, DataError for one that is not there."""
    columns = columns_of(source)
    for option, column in (("--text-column", reading.text_column), ("--label-column", reading.label_column)):
        if column is None:
            raise UsageError(f"{source.name}: {option} is needed", fix=f"its columns: {', '.join(columns)}")
    named = (reading.text_column, reading.pair_column, reading.label_column)
    wanted = [column for column in named if column is not None]
    for column in wanted:
        if column not in columns:
            raise no_column(source, column, columns)
    return wanted


def columns_of(source: Source) -> list[str]:
    """The columns of the first row; DataError where there is none."""
    _, first = next(iter(records(source)), ("", {}))
    if not first:
        raise DataError(f"{source.name} has no rows", fix="give a file with a header and rows")
    return list(first)


def no_column(source: Source, column: str, columns: Sequence[str]) -> DataError:
    """What to say of a column that is not there: the nearest, or what parts the fields instead."""
    other = OTHER_SEPARATOR.fullmatch(columns[0]) if len(columns) == 1 else None
    if other and source.format in ("csv", "tsv"):
        return DataError(
            f"{source.name} has one column, {columns[0]!r}: it seems to be parted by {other[1].strip(' ')!r}",
            fix="use commas in .csv files and tabs in .tsv files",
        )
    near = did_you_mean(column, columns)
    hint = f"{near} " if near.startswith("did you mean") else ""
    return DataError(
        f"{source.name} has no column {column!r}", fix=f"{hint}its columns: {', '.join(columns)}"
    )


def _text(value: object) -> object:
    """Numbers as text: a column of titles may hold 1984."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _task(raws: Iterable[Raw], reading: FinetuneConfig, known: Task | None) -> Task:
    split = (Split("dev", "dev", "validation", 0),)
    skip = ANY if reading.skip_incomplete else 0
    if known is not None:
        return replace(known, evaluation=split, tests=(), train_rows=0, incomplete=skip)
    written = [word for raw in raws if (word := as_written(raw.label))]
    columns = tuple(each for each in (reading.text_column, reading.pair_column) if each is not None)
    task = Task(
        name=OWN,
        folder=OWN,
        texts=columns,
        tsv_texts=columns,
        tsv_label=str(reading.label_column),
        evaluation=split,
        incomplete=skip,
        about="Rows of your own.",
    )
    scores = _scores(written)
    if scores is not None:
        return replace(task, scores=scores, metrics=("pearson", "spearman"))
    labels = ordered_labels(written)
    hidden = next((raw.place for raw in raws if as_written(raw.label) == "-1"), "")
    _must_be_classes(labels, written, str(reading.label_column), hidden=hidden)
    return replace(
        task, labels=labels, metrics=("accuracy", "f1") if len(labels) == 2 else ("accuracy", "macro_f1")
    )


def ordered_labels(written: Iterable[str]) -> tuple[str, ...]:
    """Each label once: whole numbers by size, words by name. The place of a label is its class id.

    >>> ordered_labels(["10", "9", "10"]), ordered_labels(["pos", "neg"])
    (('9', '10'), ('neg', 'pos'))
    """
    labels = set(written)
    numbers = all(_whole(label) for label in labels)
    return tuple(sorted(labels, key=int) if numbers else sorted(labels))


def _whole(label: str) -> bool:
    return label.removeprefix("-").isdecimal()


def _scores(written: Sequence[str]) -> tuple[float, float] | None:
    """Lowest and highest when all labels are numbers and one has a fraction; None when they are classes."""
    try:
        numbers = [float(word) for word in written]
    except ValueError:
        return None
    if not numbers or all(_whole(word) for word in written):
        return None
    return float("-inf"), float("inf")


def _must_be_classes(labels: Sequence[str], written: Sequence[str], column: str, *, hidden: str) -> None:
    """`hidden` is the place of the first row whose label is -1."""
    if hidden:
        raise DataError(
            f"{hidden}: {column!r} is -1, which hides a label: such rows are for prediction only",
            fix="take them out; afterwards: tokbench predict RUN --data FILE --text-column COLUMN",
        )
    if len(labels) == 1:
        raise DataError(
            f"every row's {column!r} is {labels[0]!r}: there is nothing to learn",
            fix="give rows of two classes at least, or name the column with the labels by --label-column",
        )
    if len(labels) > MOST_CLASSES or (len(written) > 20 and len(labels) > len(written) / 2):
        raise DataError(
            f"column {column!r} holds {plural(len(labels), 'label')} in {plural(len(written), 'row')}",
            fix="name the column with the labels by --label-column",
        )


def cut_off(rows: Rows, *, share: float, seed: int, classes: bool) -> dict[str, Rows]:
    """Train and dev rows of one table: a share of each class, drawn by the seed; at least one row of all."""
    draw = random.Random(seed)
    of_class: dict[float, list[int]] = {}
    for index, label in enumerate(rows.labels):
        of_class.setdefault(label if classes else 0, []).append(index)
    dev: list[int] = []
    for indices in of_class.values():
        dev += draw.sample(indices, round(len(indices) * share))
    if not dev:
        dev = [draw.randrange(len(rows))]
    if len(dev) == len(rows):
        raise DataError(
            f"{plural(len(rows), 'row is', 'rows are')} too few to cut dev rows off",
            fix="give more rows, or --dev FILE",
        )
    chosen = set(dev)
    train = [index for index in range(len(rows)) if index not in chosen]
    return {"train": rows.pick(train), "dev": replace(rows.pick(sorted(chosen)), left_out=[])}
