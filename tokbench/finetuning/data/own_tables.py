"""Someone's own table as a task: named columns, labels mapped once, dev rows given or cut off by the seed."""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from tokbench.corpus.parquet import parquet_metadata
from tokbench.corpus.records import TABLES, is_rows, list_around, records
from tokbench.corpus.signatures import python_line
from tokbench.corpus.source import COMPRESSIONS, FORMATS, Source
from tokbench.corpus.sources import find_sources
from tokbench.errors import DataError, FileError, UsageError, clipped, plural
from tokbench.finetuning.data.columns import Columns, choose_columns, no_column
from tokbench.finetuning.data.label_kinds import (
    LabelReading,
    as_written,
    is_list,
    label_set,
    positive_second,
    read_label_sets,
    read_labels,
)
from tokbench.finetuning.data.rows import Raw, Rows, collect
from tokbench.finetuning.data.scalars import flattened, listed_columns, scalar, scalar_text, value_at
from tokbench.finetuning.tasks import OWN, SCORES, Split, Task

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
OF_LABEL_SETS = ("micro_f1", "macro_f1", "subset_accuracy")
LOOKED_AT = 1_000  # rows by which the columns of a table are known
ANY = 10**12  # rows that may be incomplete when they are to be left out


@dataclass(frozen=True)
class OwnTable:
    """The task that someone's files hold, its rows by split, and how they were read.

    `files` are their names by split, `why` what was inferred, with the options that change it.
    """

    task: Task
    rows: dict[str, Rows]
    columns: Columns
    files: Mapping[str, str]
    why: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read_own(data: Path, reading: FinetuneConfig, known: Task | None, *, seed: int) -> OwnTable:
    """The task of the files and its rows by split; `known` is the GLUE task they are in the manner of."""
    files = {name: source_at(path) for name, path in files_in(data, TABLE, dev=reading.dev).items()}
    columns = columns_for(files[TRAIN], reading)
    if known is not None and (len(known.texts) == 2) != bool(columns.pair):
        words = "two texts, so --pair-column is needed" if len(known.texts) == 2 else "one text"
        raise UsageError(f"a row of {known.name} has {words}", fix="name the columns that hold them")
    raws = {name: list(_raws(source, columns, reading)) for name, source in files.items()}
    names = names_of_classes(files[TRAIN], columns, reading)
    task, found = _task(raws[TRAIN], columns, reading, known, names)
    if (known is None or task.regression) and not task.multi_label:
        raws = {
            name: [replace(raw, label=as_written(raw.label)) for raw in some] for name, some in raws.items()
        }
    rows = {name: collect(some, task, name=str(files[name].name)) for name, some in raws.items()}
    named = {name: PurePath(source.name).name for name, source in files.items()}
    if DEV not in rows:
        rows = cut_off(rows[TRAIN], share=reading.dev_share, seed=seed, classes=not task.regression)
        named[DEV] = f"{reading.dev_share:.0%} of {named[TRAIN]}, drawn by the seed"
    around = {source.name: list_around(source) for source in files.values()}
    why = tuple(f"{name}: rows from its list {clipped(key)}" for name, key in around.items() if key)
    why += (found.why,) if found.why else ()
    return OwnTable(task, rows, columns, named, why, found.notes)


def source_at(path: Path) -> Source:
    """The one table at a path."""
    if path.is_dir():
        raise FileError(f"{path} is a folder, and a file is needed", fix="name the file in it")
    [source] = find_sources([path])
    return source


def columns_for(source: Source, reading: FinetuneConfig) -> Columns:
    """The columns of a table that a config names, and those that it leaves to be found."""
    return choose_columns(
        columns_of(source),
        source,
        text=reading.text_column,
        pair=reading.pair_column,
        label=reading.label_column,
        id=reading.id_column,
    )


def _raws(source: Source, columns: Columns, reading: FinetuneConfig) -> Iterator[Raw]:
    names = names_of_classes(source, columns, reading)
    wanted = (*columns.texts, columns.label)
    for place, row in records(source, wanted):
        where = f"{source.name} {place}"
        *texts, label = values_of(source, row, wanted)
        yield Raw(
            where,
            tuple(scalar_text(text, where, column) for text, column in zip(texts, wanted, strict=False)),
            _label(label, where, columns.label, names, reading),
        )


def _label(value: object, place: str, column: str, names: Sequence[str], reading: FinetuneConfig) -> object:
    """A row's label as written, or the names of all it has; DataError for a list where it has one."""
    if reading.multi_label:
        found = label_set(value, place, column, reading.label_separator)
        named = [named_class(each, names, place, column) for each in found or ()]
        return None if found is None else tuple(str(as_written(each)) for each in named)
    if is_list(value):
        raise DataError(f"{place}: {column!r} is a list: a row has several labels", fix="--multi-label")
    return named_class(scalar(value, place, column), names, place, column)


def values_of(source: Source, row: Mapping[str, object], wanted: Sequence[str]) -> Iterator[object]:
    """The values of these columns; None for one that an object of JSON leaves out."""
    for column in wanted:
        try:
            yield value_at(row, column)
        except KeyError as absent:
            if source.format not in ("json", "jsonl", "parquet"):
                raise no_column(source, column, list(row)) from absent
            yield None


def names_of_classes(source: Source, columns: Columns, reading: FinetuneConfig) -> tuple[str, ...]:
    """The names that the file has for the numbers in the column of labels, unless those are to be scores."""
    return () if reading.task_kind == SCORES else class_names(source).get(columns.label, ())


def class_names(source: Source) -> dict[str, tuple[str, ...]]:
    """The names of the classes by column, where a file of the library datasets says what its numbers are."""
    if source.format != "parquet":
        return {}
    written = parquet_metadata(source).get("huggingface", "")
    try:
        features = json.loads(written or "{}").get("info", {}).get("features", {})
    except (ValueError, AttributeError):  # somebody else's key of that name
        return {}
    return dict(_class_labels(features, "")) if isinstance(features, dict) else {}


def _class_labels(features: Mapping[str, Any], before: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    for name, feature in features.items():
        if not isinstance(feature, dict):
            continue
        inner = feature.get("feature")  # of a list
        if isinstance(inner, dict) and inner.get("_type") == "ClassLabel":
            feature = inner
        if feature.get("_type") == "ClassLabel":
            names = feature.get("names")
            if isinstance(names, list):
                yield f"{before}{name}", tuple(str(each).strip() for each in names)
        elif "_type" not in feature:
            yield from _class_labels(feature, f"{before}{name}.")


def named_class(label: object, names: Sequence[str], place: str, column: str) -> object:
    """The name of a class that stands there as its number; -1, which hides it, and a name stay."""
    if isinstance(label, float) and label.is_integer():  # as pandas writes numbers beside missing ones
        label = int(label) if names else label
    if not names or isinstance(label, bool) or not isinstance(label, int) or label == -1:
        return label
    if not 0 <= label < len(names):
        raise DataError(
            f"{place}: {column!r} is {label}, and the file names {plural(len(names), 'class', 'classes')}",
            fix="mend that row, or the names in the file",
        )
    return names[label]


def columns_of(source: Source) -> list[str]:
    """The columns of the first rows, those inside objects with dots; DataError where there is none.

    A row of JSON may leave columns out, and others have them.
    """
    rows = [row for _, row in islice(records(source), LOOKED_AT)]
    first = rows[0] if rows else {}
    if not any(rows):
        raise DataError(f"{source.name} has no rows", fix="give a file with a header and rows")
    _must_be_rows(source, first, alone=len(rows) == 1)
    names = dict(flattened(first))
    known = {*first}
    for row in rows[1:]:
        names |= flattened({name: value for name, value in row.items() if name not in known})
        known |= {*row}
    return list(names)


# The rows of JSON files that hold them otherwise, as expressions of a file's `d`: pandas writes columns of
# values by index (its default), objects by index, and "split" tables; others write lists of values a column.
JSON_ROWS = {
    "split": "[dict(zip(d['columns'], r)) for r in d['data']]",
    "index": "list(d.values())",
    "columns": "[dict(zip(d, r)) for r in zip(*(c.values() for c in d.values()))]",
    "lists": "[dict(zip(d, r)) for r in zip(*d.values())]",
}


def _must_be_rows(source: Source, first: Mapping[str, object], *, alone: bool) -> None:
    """Nothing, or DataError where the first object of a file, or its `alone`, is a whole table."""
    tables = [name for name, value in first.items() if is_rows(value)]
    if alone and len(tables) > 1:
        raise DataError(
            f"{source.name} holds {len(tables)} lists of rows ({listed_columns(tables)}): which is it?",
            fix=_rewrite(source, f"d[{tables[0]!r}]"),
        )
    if first and all(isinstance(value, list | dict) for value in first.values()):
        raise DataError(
            f"{source.name} holds one object of columns ({listed_columns(list(first))}), not an object a row",
            fix=_rewrite(source, JSON_ROWS.get(_layout(first), "")),
        )


def _layout(table: Mapping[str, object]) -> str:
    """Which of JSON_ROWS a table is; "" for none of them."""
    kinds = {type(value) for value in table.values()}
    if "columns" in table and "data" in table:
        return "split"
    if len(kinds) > 1:
        return ""
    if kinds == {list}:
        return "lists"
    return "index" if all(name.isdecimal() for name in table) else "columns"


def _rewrite(source: Source, rows: str) -> str:
    """The line that writes the rows, an expression of the file's `d`, into a file beside it."""
    name = PurePath(source.name)
    if name.suffix != ".json" or not rows:  # packed, or lines, or something else
        return 'write an object a row: {"text": "a good film", "label": "good"}'
    out = str(name.with_name(f"{name.stem}-rows.json"))
    opened = f"d = json.load(open({source.name!r}, encoding='utf-8'))"
    return python_line(f"import json; {opened}; json.dump({rows}, open({out!r}, 'w'))")


def _task(
    raws: Iterable[Raw],
    columns: Columns,
    reading: FinetuneConfig,
    known: Task | None,
    names: tuple[str, ...],
) -> tuple[Task, LabelReading]:
    split = (Split(DEV, DEV, "validation", 0),)
    skip = ANY if reading.skip_incomplete else 0
    if known is not None:
        return replace(known, evaluation=split, tests=(), train_rows=0, incomplete=skip), LabelReading(())
    task = Task(
        name=OWN,
        folder=OWN,
        texts=columns.texts,
        tsv_texts=columns.texts,
        tsv_label=columns.label,
        evaluation=split,
        incomplete=skip,
        about="Rows of your own.",
    )
    if reading.multi_label:
        sets = [raw.label for raw in raws if isinstance(raw.label, tuple)]
        found = read_label_sets(sets, columns.label, names)
        task = replace(task, labels=found.labels, threshold=reading.threshold, metrics=OF_LABEL_SETS)
        return task, found
    labels = ((raw.place, raw.label) for raw in raws)
    found = read_labels(labels, columns.label, kind=reading.task_kind, names=names)
    if not found.labels:
        return replace(task, scores=(-math.inf, math.inf), metrics=("pearson", "spearman")), found
    found = positive_second(found, reading.positive)
    metrics = ("accuracy", "f1") if len(found.labels) == 2 else ("accuracy", "macro_f1")
    return replace(task, labels=found.labels, metrics=metrics), found


def cut_off(rows: Rows, *, share: float, seed: int, classes: bool) -> dict[str, Rows]:
    """Train and dev rows of one table: a share of each class, drawn by the seed; at least one row of all.

    Of rows with several labels the rarest counts as the class, so that each label stays in train.
    """
    draw = random.Random(seed)
    times = Counter(each for label in rows.labels if isinstance(label, tuple) for each in label)
    of_class: dict[float, list[int]] = {}
    for index, label in enumerate(rows.labels):
        rarest = (
            min(label, key=lambda each: (times[each], each), default=-1)
            if isinstance(label, tuple)
            else label
        )
        of_class.setdefault(rarest if classes else 0, []).append(index)
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
    return {"train": rows.pick(train), "dev": replace(rows.pick(sorted(chosen)), left_out={})}
