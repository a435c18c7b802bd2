"""Rows without labels, and the file that their answers belong in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tokbench.errors import DataError, FileError, plural
from tokbench.finetuning.data.rows import Rows
from tokbench.finetuning.data.tagging import Tagged, read_sentences
from tokbench.finetuning.tasks import Hidden, Task

INDEX = ("index", "id", "idx")  # the columns that number rows in the official files


@dataclass(frozen=True)
class Questions:
    """Rows, the index of each in its file, and the name of the file for their answers."""

    rows: Rows | Tagged
    indices: list[str]
    submission: str
    notes: tuple[str, ...] = ()


def official_questions(folder: Path, task: Task) -> list[Questions]:
    """The test rows of a task from its official folder, or from the archive's root around it."""
    inside = folder / task.folder
    where = inside if inside.is_dir() else folder
    for test in task.tests:
        if not (where / test.file).is_file():
            names = ", ".join(each.file for each in task.tests)
            raise FileError(f"no {test.file} in {where}", fix=f"the test rows of {task.name} are in {names}")
    return [_official(where / test.file, test, task) for test in task.tests]


def _official(path: Path, test: Hidden, task: Task) -> Questions:
    from tokbench.finetuning.data.glue import lines_of

    lines = lines_of(path)
    header = next(lines, (0, []))[1]
    missing = [column for column in task.tsv_texts if column not in header]
    if missing:
        raise DataError(
            f"{path} has no column {missing[0]!r}", fix=f"its columns: {', '.join(header) or 'none'}"
        )
    where = [header.index(column) for column in task.tsv_texts]
    index = next((header.index(name) for name in INDEX if name in header), None)
    indices: list[str] = []
    rows: list[list[str]] = []
    for number, fields in lines:
        if len(fields) != len(header):
            raise DataError(
                f"{path} line {number} has {plural(len(fields), 'field')} and the header {len(header)}",
                fix="mend that line",
            )
        rows.append([fields[at] for at in where])
        indices.append(str(len(indices)) if index is None else fields[index])
    return _asked(rows, indices, test, task, name=str(path))


def hub_questions(found: Mapping[str, Any], task: Task) -> list[Questions]:
    """The test rows of a loaded dataset (split → columns by name)."""
    asked = []
    for test in task.tests:
        if test.hub not in found:
            raise DataError(f"{task.name} has no split {test.hub!r} on the hub", fix="--data FOLDER")
        split = found[test.hub]
        rows = [list(row) for row in zip(*(split[column] for column in task.texts), strict=True)]
        asked.append(_asked(rows, [*map(str, range(len(rows)))], test, task, name=test.hub))
    return asked


def _asked(
    rows: Sequence[list[str]], indices: list[str], test: Hidden, task: Task, *, name: str
) -> Questions:
    """An empty text is answered as well: every row of the official file must be."""
    if not rows:
        raise DataError(f"{name} has no rows", fix="give the official file")
    pairs = [row[1] for row in rows] if len(task.texts) == 2 else None
    notes: tuple[str, ...] = ()
    if len(rows) != test.rows:
        notes = (
            f"{name} has {plural(len(rows), 'row')}, the official one {test.rows:,}: a submission needs all",
        )
    return Questions(Rows([row[0] for row in rows], pairs, [0] * len(rows)), indices, test.submission, notes)


def own_questions(path: Path, task: Task, columns: tuple[str, ...]) -> Questions:
    """The rows of someone's own table; a column of labels, hidden ones too, is not looked at."""
    from tokbench.corpus.records import records
    from tokbench.finetuning.data.own_tables import columns_of, no_column, source_at

    source = source_at(path)
    there = columns_of(source)
    missing = [column for column in columns if column not in there]
    if missing:
        raise no_column(source, missing[0], there)
    rows = []
    for place, row in records(source, columns):
        missing = [column for column in columns if column not in row]
        if missing:
            raise DataError(
                f"{source.name}, {place} has no column {missing[0]!r}", fix=f"its columns: {', '.join(row)}"
            )
        rows.append(["" if row[column] is None else str(row[column]) for column in columns])
    test = Hidden(path.name, "", len(rows), f"{path.name.split('.')[0]}-predicted.tsv")
    wide = replace(task, texts=columns)
    return _asked(rows, [*map(str, range(len(rows)))], test, wide, name=source.name)


def tagged_questions(path: Path, *, characters: bool) -> Questions:
    """The sentences of a CoNLL file; its labels, which may be missing, are not looked at.

    With `characters` the model was trained on them, and single ones are read as such without a space too.
    """
    read = read_sentences(path, hidden=True)
    units = [sentence for sentence, _ in read.found]
    single = characters and all(len(unit) == 1 for sentence in units for unit in sentence)
    rows = Tagged(units, [[0] * len(sentence) for sentence in units], read.characters or single)
    return Questions(rows, [], f"{path.name.split('.')[0]}-predicted.conll")
