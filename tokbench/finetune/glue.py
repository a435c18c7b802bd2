"""GLUE from the hub through `datasets`: the local cache first, no waiting for a network that is not there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from tokbench.errors import DataProblem, MissingExtra
from tokbench.finetune.rows import Raw, Rows, collect
from tokbench.finetune.tasks import Task

GLUE = "nyu-mll/glue"
SECONDS = 3.0  # one question, no retries: the libraries' own five take 23 s


def read_hub(task: Task) -> dict[str, Rows]:
    """The train rows under "train", and those of each dev split under its name; the local cache first."""
    return rows_of(load_glue(task), task)


def load_glue(task: Task) -> Mapping[str, Any]:
    """All splits of a task by their names on the hub, test rows among them; the local cache first."""
    try:
        with _offline():
            return _load(task)
    except (OSError, ValueError) as absent:
        if not reachable():
            raise DataProblem(
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


def rows_of(found: Mapping[str, Any], task: Task) -> dict[str, Rows]:
    """The splits of a loaded dataset (split → columns by name) as rows."""
    splits = {"train": "train", **{split.name: split.hub for split in task.evaluation}}
    missing = [split for split in splits.values() if split not in found]
    if missing:
        raise DataProblem(f"{GLUE} {task.name} has no split {missing[0]!r}", fix=_remedy(task))
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
        raise DataProblem(
            f"{GLUE} {task.name} could not be fetched: {problem}", fix=_remedy(task)
        ) from problem


def _load(task: Task) -> Mapping[str, Any]:
    try:
        import datasets
    except ImportError as absent:
        raise MissingExtra(f"reading {task.name} from the hub", "datasets", extra="train") from absent
    shown = not datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        loaded: Mapping[str, Any] = datasets.load_dataset(GLUE, task.name)
    finally:
        if shown:
            datasets.enable_progress_bars()
    return loaded


@contextmanager
def _offline() -> Iterator[None]:
    """Have `datasets` look into its cache alone while the block runs; it reads this flag at each call."""
    try:
        from datasets import config, logging
    except ImportError as absent:
        raise MissingExtra("reading GLUE from the hub", "datasets", extra="train") from absent
    before, level = config.HF_HUB_OFFLINE, logging.get_verbosity()
    config.HF_HUB_OFFLINE = True
    logging.set_verbosity_error()
    try:
        yield
    finally:
        config.HF_HUB_OFFLINE = before
        logging.set_verbosity(level)


def _remedy(task: Task) -> str:
    sample = ", or --data sample" if task.name == "sst2" else ""
    return f"--data FOLDER with the official {task.folder} files{sample}"
