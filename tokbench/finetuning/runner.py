"""Run a fine-tuning: what can be said before torch loads is said here."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from tokbench.errors import plural
from tokbench.finetuning.data.load import HUB, Dataset, read_data
from tokbench.finetuning.defaults import EPOCHS, batch_for
from tokbench.finetuning.read_record import lines_of_record
from tokbench.finetuning.run_files import must_be_wanted, resolve_names
from tokbench.io.atomic import ensure_writable
from tokbench.io.extras import require
from tokbench.progress import Progress, event, note, silent

if TYPE_CHECKING:
    from tokbench.finetuning.config import FinetuneConfig
    from tokbench.finetuning.result import Run

PACKAGES = {"torch": "torch", "sklearn": "scikit-learn", "scipy": "scipy"}  # module → package
# fields of a config that no row depends on
OF_THE_MODEL = ("tokenizer", "model", "output", "pooling", "epochs", "batch_size", "learning_rate")

Log = Callable[[str], object]  # takes a message


def unheard(message: str) -> None:
    """Discard the message."""


def told_once(log: Log) -> Log:
    """The log without the lines that it was told before: runs that are compared read the same rows."""
    told = set[str]()

    def once(message: str) -> None:
        if message not in told:
            told.add(message)
            log(message)

    return once


@dataclass(frozen=True)
class NamedProgress:
    """The progress of one run among several, with its name beside it."""

    progress: Progress
    name: str

    def __call__(self, stage: str, done: int, total: int | None = None) -> None:
        """How far a stage of this run is."""
        self.progress(stage, done, total)
        note(self.progress, stage, self.name)

    def event(self, words: str) -> None:
        """A line of this run."""
        event(self.progress, f"{self.name}: {words}")


class RowsReader:
    """Reads the rows of configs, and keeps the last: runs that are compared read the same ones."""

    def __init__(self) -> None:
        """Nothing is read yet."""
        self._key: list[Any] = []
        self._data: Dataset | None = None

    def __call__(self, config: FinetuneConfig, *, progress: Progress = silent) -> Dataset:
        """The rows, from their files unless those of the last config are the same."""
        key = [getattr(config, each.name) for each in fields(config) if each.name not in OF_THE_MODEL]
        if self._data is None or key != self._key:
            self._data = None  # the memory of the last ones is free for these
            self._data, self._key = read_data(config, progress=progress), key
        return self._data


def train_once(
    config: FinetuneConfig,
    *,
    force: bool = False,
    resume: bool = False,
    drawings: Mapping[str, Callable[[Run], str]] | None = None,
    read: Callable[..., Dataset] = read_data,
    progress: Progress = silent,
    log: Log = unheard,
) -> Run:
    """Train, save, load again and compare; the output appears whole at the end, or not at all.

    What a stopped run has learned lies beside the output; `resume` goes on from there. `drawings` are further
    files of the output: a name, and what makes its content of the run. `read` gives the rows of a config, and
    `log` is told what was read.

    Sets OMP_WAIT_POLICY=PASSIVE unless it is set: torch's idle threads then sleep instead of spinning,
    worth four to six times on two busy cores. It is read once, so it must come before torch is imported.
    """
    ensure_writable(Path(config.output), force=force)
    must_be_wanted(config.output, resume=resume, force=force)
    have_packages(config)
    resolve_names(config)  # what cannot be found is said before torch loads
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    data = read(config, progress=progress)  # needs no torch, so what is wrong with it is said at once
    for line in lines_of_record(data.read):
        log(line)
    from tokbench.finetuning.stages import run_stages

    if config.fast_dev_run:
        size = config.batch_size or batch_for(len(data.train), config.epochs or EPOCHS)
        with TemporaryDirectory(prefix="tokbench-") as place:
            brief = replace(config, epochs=1, batch_size=size, output=str(Path(place) / "run"))
            run = run_stages(brief, few(data, config.fast_dev_run * size), progress=progress, log=log)
        count = plural(config.fast_dev_run, "batch of each split was", "batches of each split were")
        note = f"only {count} gone through, and nothing was kept"
        return replace(run, output="", why="", remedy="", notes=(*run.notes, note))
    return run_stages(config, data, force=force, resume=resume, drawings=drawings, progress=progress, log=log)


def few(data: Dataset, most: int) -> Dataset:
    """The first rows of each split, so many at most."""
    cut = {name: rows.pick(range(min(most, len(rows)))) for name, rows in data.evaluation.items()}
    return replace(data, train=data.train.pick(range(min(most, len(data.train)))), evaluation=cut)


def have_packages(config: FinetuneConfig) -> None:
    """Nothing, or MissingExtraError for the first package that the config needs and that is not installed."""
    wanted = {**PACKAGES, "datasets": "datasets"} if config.data in (None, HUB) else PACKAGES
    for module, package in wanted.items():
        require(module, extra="train", what="finetune", named=package)
