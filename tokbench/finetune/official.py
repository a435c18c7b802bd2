"""The official GLUE folders: tab-separated files without quoting, each task with columns of its own."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from tokbench.corpus.guesses import encoding_of, repaired
from tokbench.corpus.sources import find_sources
from tokbench.errors import DataProblem, FileProblem
from tokbench.finetune.rows import Raw, Rows, collect
from tokbench.finetune.tasks import Task

TRAIN = "train.tsv"
LONGEST = 1 << 26  # characters of a field
GUESSED = 1 << 22  # bytes looked at to guess an encoding


def read_official(folder: Path, task: Task) -> dict[str, Rows]:
    """The train rows under "train", and those of each dev split under its name.

    `folder` holds the files themselves, or is the archive's root with the task's folder in it.
    """
    inside = folder / task.folder
    where = inside if not (folder / TRAIN).exists() and inside.is_dir() else folder
    files = {"train": TRAIN, **{split.name: split.file for split in task.evaluation}}
    for file in files.values():
        _must_be_there(where, file, task)
    return {name: read_file(where / file, task) for name, file in files.items()}


def read_file(path: Path, task: Task) -> Rows:
    """The rows of one file."""
    return collect(_raws(path, task), task, name=str(path))


def _must_be_there(folder: Path, file: str, task: Task) -> None:
    if folder.is_file():
        raise FileProblem(
            f"{folder} is a file, and {task.name} is read from a folder with {TRAIN}",
            fix="give the folder, or name the file's columns: --text-column, --label-column",
        )
    if not folder.is_dir():
        raise FileProblem(f"no folder at {folder}", fix=f"give the folder with {task.name}'s {TRAIN}")
    if not (folder / file).is_file():
        names = ", ".join((TRAIN, *(split.file for split in task.evaluation)))
        raise FileProblem(f"no {file} in {folder}", fix=f"{task.name} needs {names}")


def _raws(path: Path, task: Task) -> Iterator[Raw]:
    lines = lines_of(path)
    header = list(task.tsv_header) or next(lines, (0, []))[1]
    wanted = (*task.tsv_texts, task.tsv_label)
    missing = [column for column in wanted if column not in header]
    if missing:
        raise DataProblem(
            f"{path} has no column {missing[0]!r}", fix=f"its columns: {', '.join(header) or 'none'}"
        )
    where = [header.index(column) for column in wanted]
    for number, fields in lines:
        whole = len(fields) == len(header)  # a field too many has shifted the others
        *texts, label = (fields[index] for index in where) if whole else [None] * len(where)
        yield Raw(f"{path} line {number}", tuple(texts), label)


def lines_of(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Line number and fields of every line that is not blank."""
    # utf-8-sig because mrpc's files begin with a BOM; QUOTE_NONE because a " in them is a letter
    with path.open(encoding="utf-8-sig", newline="") as file:
        csv.field_size_limit(max(csv.field_size_limit(), LONGEST))  # the module's own is 128 KiB
        reader = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        try:
            yield from ((reader.line_num, fields) for fields in reader if fields)
        except UnicodeDecodeError as problem:
            place = f"{path} line {_line_of_bad_byte(path)}"
            raise DataProblem(f"{place} is not UTF-8: {problem.reason}", fix=remedy_of(path)) from problem
        except csv.Error as problem:
            place = f"{path} line {reader.line_num}"
            raise DataProblem(f"{place} cannot be read: {problem}", fix="mend that line") from problem


def remedy_of(path: Path) -> str:
    """The command that makes UTF-8 of a file that is something else, by the likeliest encoding."""
    [source] = find_sources([path])
    encoding = encoding_of(path.read_bytes()[:GUESSED], at_start=True)
    return repaired(source, f"iconv -f {encoding} -t UTF-8{' -c' if encoding == 'UTF-8' else ''}")


def _line_of_bad_byte(path: Path) -> int:
    """Counted over again: a file is decoded in blocks, so the reader does not know."""
    content = path.read_bytes()
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as problem:
        return content.count(b"\n", 0, problem.start) + 1
    return 0  # mended in between
