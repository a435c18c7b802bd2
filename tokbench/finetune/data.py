"""The rows of a plan: the hub's, an official folder's, or the sample that ships."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tokbench.errors import AskedWrongly
from tokbench.finetune.plan import Plan
from tokbench.finetune.rows import Rows
from tokbench.finetune.tasks import Task, task_named
from tokbench.progress import Progress, silent

SAMPLE, HUB = "sample", "hub"
SAMPLES = {"sst2": "sst2-sample"}  # task → name among the shipped corpora


@dataclass(frozen=True)
class Dataset:
    """The rows to train on, those to evaluate on by split, and what a reader should know of them."""

    train: Rows
    evaluation: Mapping[str, Rows]
    notes: tuple[str, ...]


def read_data(plan: Plan, *, progress: Progress = silent) -> Dataset:
    """The rows a plan names, the train rows cut to a seeded sample when it says so."""
    task = task_named(plan.task)
    progress("read", 0)
    rows = _read(plan.data or HUB, task)
    train = rows.pop("train")
    notes = _notes(task, train, rows) if plan.data != SAMPLE else (_sample_note(train, rows),)
    if plan.max_train_rows is not None and plan.max_train_rows < len(train):
        order = random.Random(plan.seed).sample(range(len(train)), plan.max_train_rows)
        notes += (f"{plan.max_train_rows:,} of {len(train):,} train rows were drawn by the seed",)
        train = train.pick(order)
    if not task.regression and len(set(train.labels)) == 1:
        notes += (f"all train rows are {task.labels[int(train.labels[0])]}: there is nothing to learn",)
    return Dataset(train, rows, notes)


def _read(data: str, task: Task) -> dict[str, Rows]:
    if data == HUB:
        from tokbench.finetune.glue import read_hub

        return read_hub(task)
    from tokbench.finetune.official import read_official

    return read_official(_sample_folder(task) if data == SAMPLE else Path(data).expanduser(), task)


def _sample_folder(task: Task) -> Path:
    if task.name not in SAMPLES:
        raise AskedWrongly(
            f"no sample ships for {task.name}, only for {', '.join(SAMPLES)}",
            fix=f"--data FOLDER with the official {task.folder} files",
        )
    from tokbench.corpus.shipped import shipped

    return shipped(SAMPLES[task.name])


def _sample_note(train: Rows, rows: Mapping[str, Rows]) -> str:
    dev = sum(map(len, rows.values()))
    return f"the sample that ships: {len(train)} train and {dev} dev rows, too few for a claim"


def _notes(task: Task, train: Rows, rows: Mapping[str, Rows]) -> tuple[str, ...]:
    official = {"train": task.train_rows, **{split.name: split.rows for split in task.evaluation}}
    notes = []
    for name, split in {"train": train, **rows}.items():
        if len(split) != official[name]:
            notes.append(f"{name} has {len(split):,} rows, the official {task.name} has {official[name]:,}")
        if split.left_out:
            notes.append(f"{len(split.left_out)} incomplete rows were left out: {', '.join(split.left_out)}")
    return tuple(notes)
