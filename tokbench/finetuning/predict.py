"""Predict test rows with a finished run: which rows, which task; torch loads after that."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokbench.errors import FileError, UsageError, did_you_mean
from tokbench.finetuning.config import FinetuneConfig
from tokbench.finetuning.data.load import (
    HUB,
    SAMPLE,
    Questions,
    hub_questions,
    official_questions,
    own_questions,
    tagged_questions,
)
from tokbench.finetuning.data.own_tables import TABLE, questions_in
from tokbench.finetuning.data.tagging import CHARACTER, CHARACTER_METRICS, CONLL, OUTSIDE, WORD
from tokbench.finetuning.tasks import NER, OWN, TASKS, Task
from tokbench.io.atomic import ELSEWHERE
from tokbench.progress import Progress, silent

if TYPE_CHECKING:
    from tokbench.finetuning.predictions import Predicted  # with torch


def predict_with(
    folder: Path, config: FinetuneConfig, task: str, *, into: Path, progress: Progress = silent
) -> Predicted:
    """Answer the test rows that the config names with the model in `folder`, into files of the folder `into`.

    An empty task is the one the folder was trained on; ax takes a model of mnli.
    """
    if not (folder / "config.json").is_file():
        raise FileError(f"there is no fine-tuned model in {folder}", fix="tokbench finetune -o RUN makes one")
    if into.exists() and not into.is_dir():
        raise FileError(f"{into} is a file, and the output is a folder", fix=ELSEWHERE)
    chosen = _task(folder, task)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    asked = questions_of(config, chosen)
    from tokbench.finetuning.predictions import predict_all

    return predict_all(folder, asked, chosen, into=into, config=config, progress=progress)


def trained_length(folder: Path) -> int:
    """Tokens that rows were cut to when the model in a folder was trained, or the default."""
    return int(_read(folder / "hyperparameters.json").get("max_length", FinetuneConfig.max_length))


def questions_of(config: FinetuneConfig, task: Task) -> Sequence[Questions]:
    """The rows to answer, one Questions a file; in a folder of one's own files it is the one called test."""
    if task.tagging:
        return [tagged_questions(questions_in(_path(config), CONLL), characters=task.unit == CHARACTER)]
    if config.text_column is not None or task.name == OWN:
        return [own_questions(questions_in(_path(config), TABLE), task, _columns(config))]
    if config.data == SAMPLE:
        raise UsageError(
            "the sample that ships has no test rows", fix="--data FOLDER with the official files"
        )
    if config.data in (None, HUB):
        from tokbench.finetuning.data.glue import load_glue

        return hub_questions(load_glue(task), task)
    return official_questions(_path(config), task)


def _columns(reading: FinetuneConfig) -> tuple[str, ...]:
    if reading.text_column is None:
        raise UsageError("--text-column is needed", fix="name the column that holds the text")
    return tuple(each for each in (reading.text_column, reading.pair_column) if each is not None)


def _path(config: FinetuneConfig) -> Path:
    if config.data in (None, HUB, SAMPLE):
        raise UsageError("rows of your own are in a file", fix="--data FILE")
    return Path(str(config.data)).expanduser()


def task_of(name: str) -> Task:
    """A task whose rows can be looked at before there is a model; its labels are not known yet."""
    if name in TASKS:
        return TASKS[name]
    return Task(name=name, folder=name, texts=(), tsv_texts=(), unit=WORD if name == NER else "")


def _task(folder: Path, name: str) -> Task:
    """The task that was asked for, or the run's own, with the labels that its model knows."""
    chosen = name or _trained_on(folder)
    if chosen not in (*TASKS, OWN, NER):
        what = f"no task is called {chosen!r}" if chosen else f"{folder} does not say what it was trained on"
        fix = did_you_mean(chosen, (*TASKS, OWN, NER)) if chosen else "name it by --task"
        raise UsageError(what, fix=fix)
    task = task_of(chosen)
    if chosen in TASKS:
        return task
    config = _read(folder / "config.json")
    if config.get("problem_type") == "regression":
        return replace(task, scores=(float("-inf"), float("inf")))
    labels = config.get("id2label") or {}
    named = tuple(labels[number] for number in sorted(labels, key=int))
    if not task.tagging:
        return replace(task, labels=named)
    if OUTSIDE not in named:
        raise UsageError(
            f"the model in {folder} knows {', '.join(named) or 'no labels'}, and {OUTSIDE} is none of them",
            fix="tokbench finetune --task ner trains one that tags words",
        )
    on_characters = CHARACTER_METRICS[-1] in _read(folder / "metrics.json").get("metrics", {})
    return replace(task, labels=named, unit=CHARACTER if on_characters else WORD)


def _trained_on(folder: Path) -> str:
    return str(_read(folder / "hyperparameters.json").get("task", ""))


def _read(path: Path) -> dict[str, Any]:
    """What a file of the run says; nothing where there is none."""
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as problem:
        raise FileError(f"{path} is no JSON: {problem}", fix="give a folder as it was written") from problem
    return found if isinstance(found, dict) else {}
