"""GLUE from the hub through `datasets`: the local cache first, no waiting for a network that is not there."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from tokbench.corpus.decoding import encoding_of, repaired
from tokbench.corpus.sources import find_sources
from tokbench.errors import DataError, FileError
from tokbench.finetuning.data.rows import Raw, Rows, collect
from tokbench.io.extras import require
from tokbench.io.quiet import quiet_datasets

if TYPE_CHECKING:
    from tokbench.finetuning.tasks import Task

GLUE = "nyu-mll/glue"
SECONDS = 3.0  # one question, no retries: the libraries' own five take 23 s


def read_hub(task: Task) -> dict[str, Rows]:
    """The train rows under "train", and those of each dev split under its name; the local cache first."""
    return dataset_rows(load_glue(task), task)


def load_glue(task: Task) -> Mapping[str, Any]:
    """All splits of a task by their names on the hub, test rows among them; the local cache first."""
    try:
        return _load(task, offline=True)
    except (OSError, ValueError) as absent:
        if not reachable():
            raise DataError(
                f"{GLUE} is not in the local cache and the hub cannot be reached",
                fix=_remedy(task),
            ) from absent
    return _load_online(task)


def reachable() -> bool:
    """Whether the hub answers within three seconds; False without asking when HF_HUB_OFFLINE is set."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    try:
        urlopen(Request(constants.ENDPOINT, method="HEAD"), timeout=SECONDS).close()
    except HTTPError:
        return True  # it answered
    except (URLError, TimeoutError, OSError):
        return False
    return True


def dataset_rows(found: Mapping[str, Any], task: Task) -> dict[str, Rows]:
    """The splits of a loaded dataset (split → columns by name) as rows."""
    splits = {"train": "train", **{split.name: split.hub for split in task.evaluation}}
    missing = [split for split in splits.values() if split not in found]
    if missing:
        raise DataError(f"{GLUE} {task.name} has no split {missing[0]!r}", fix=_remedy(task))
    return {
        name: collect(_raws(found[split], task, split), task, name=f"{GLUE} {task.name} {split}")
        for name, split in splits.items()
    }


def _raws(split: Any, task: Task, name: str) -> Iterator[Raw]:  # noqa: ANN401  a datasets.Dataset, or columns
    texts = [split[column] for column in task.texts]
    for number, (*row, label) in enumerate(zip(*texts, split["label"], strict=True)):
        yield Raw(f"{GLUE} {task.name} {name} row {number}", tuple(row), label)


def _load_online(task: Task) -> Mapping[str, Any]:
    try:
        return _load(task)
    except (OSError, ValueError) as problem:
        raise DataError(f"{GLUE} {task.name} could not be fetched: {problem}", fix=_remedy(task)) from problem


def _load(task: Task, *, offline: bool = False) -> Mapping[str, Any]:
    require("datasets", extra="train", what=f"reading {task.name} from the hub")
    import datasets

    with quiet_datasets(offline=offline):
        loaded: Mapping[str, Any] = datasets.load_dataset(GLUE, task.name)
    return loaded


def _remedy(task: Task) -> str:
    sample = ", or --data sample" if task.name == "sst2" else ""
    return f"--data FOLDER with the official {task.folder} files{sample}"


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
    return collect(_raws_of_file(path, task), task, name=str(path))


def _must_be_there(folder: Path, file: str, task: Task) -> None:
    if folder.is_file():
        raise FileError(
            f"{folder} is a file, and {task.name} is read from a folder with {TRAIN}",
            fix="give the folder, or name the file's columns: --text-column, --label-column",
        )
    if not folder.is_dir():
        raise FileError(f"no folder at {folder}", fix=f"give the folder with {task.name}'s {TRAIN}")
    if not (folder / file).is_file():
        names = ", ".join((TRAIN, *(split.file for split in task.evaluation)))
        raise FileError(f"no {file} in {folder}", fix=f"{task.name} needs {names}")


def _raws_of_file(path: Path, task: Task) -> Iterator[Raw]:
    lines = lines_of(path)
    header = list(task.tsv_header) or next(lines, (0, []))[1]
    wanted = (*task.tsv_texts, task.tsv_label)
    missing = [column for column in wanted if column not in header]
    if missing:
        raise DataError(
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
            raise DataError(f"{place} is not UTF-8: {problem.reason}", fix=remedy_of(path)) from problem
        except csv.Error as problem:
            place = f"{path} line {reader.line_num}"
            raise DataError(f"{place} cannot be read: {problem}", fix="mend that line") from problem


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
