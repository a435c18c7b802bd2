"""The door of a prediction: what a finished run answers to rows whose labels are hidden."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tokbench.errors import AskedWrongly, FileProblem
from tokbench.finetune.data import HUB, SAMPLE
from tokbench.finetune.plan import Plan
from tokbench.finetune.questions import Questions, hub_questions, official_questions, own_questions
from tokbench.finetune.reading import Reading
from tokbench.finetune.tasks import NER, OWN, TASKS, Task
from tokbench.progress import Progress, silent

if TYPE_CHECKING:
    from tokbench.finetune.predictions import Predicted  # with torch


def predict_with(
    folder: Path, plan: Plan, task: str, *, into: Path, progress: Progress = silent
) -> Predicted:
    """Answer the test rows that plan.data names with the model in `folder`, into files of the folder `into`.

    An empty task is the one the folder was trained on; ax takes a model of mnli.
    """
    if not (folder / "config.json").is_file():
        raise FileProblem(
            f"there is no fine-tuned model in {folder}", fix="tokbench finetune -o RUN makes one"
        )
    chosen = _task(folder, task)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    asked = questions_of(plan, chosen)
    from tokbench.finetune.predictions import predict_all

    return predict_all(folder, asked, chosen, into=into, plan=plan, progress=progress)


def questions_of(plan: Plan, task: Task) -> Sequence[Questions]:
    """The rows to answer, one Questions a file."""
    if plan.reading.text_column is not None or task.name == OWN:
        return [own_questions(_path(plan), task, _columns(plan.reading))]
    if plan.data == SAMPLE:
        raise AskedWrongly(
            "the sample that ships has no test rows", fix="--data FOLDER with the official files"
        )
    if plan.data in (None, HUB):
        from tokbench.finetune.glue import load_glue

        return hub_questions(load_glue(task), task)
    return official_questions(_path(plan), task)


def _columns(reading: Reading) -> tuple[str, ...]:
    if reading.text_column is None:
        raise AskedWrongly("--text-column is needed", fix="name the column that holds the text")
    return tuple(each for each in (reading.text_column, reading.pair_column) if each is not None)


def _path(plan: Plan) -> Path:
    if plan.data in (None, HUB, SAMPLE):
        raise AskedWrongly("rows of your own are in a file", fix="--data FILE")
    return Path(str(plan.data)).expanduser()


def _task(folder: Path, name: str) -> Task:
    chosen = name or _trained_on(folder)
    if chosen == NER:
        raise AskedWrongly(
            "predictions of tagged words have no official file", fix="use transformers' pipeline"
        )
    if chosen in TASKS:
        return TASKS[chosen]
    if chosen != OWN:
        raise AskedWrongly(f"{folder} does not say what it was trained on", fix="name it by --task")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    labels = config.get("id2label", {})
    if config.get("problem_type") == "regression":
        return Task(name=OWN, folder=OWN, texts=(), tsv_texts=(), scores=(float("-inf"), float("inf")))
    named = tuple(labels[number] for number in sorted(labels, key=int))
    return Task(name=OWN, folder=OWN, texts=(), tsv_texts=(), labels=named)


def _trained_on(folder: Path) -> str:
    path = folder / "hyperparameters.json"
    if not path.is_file():
        return ""
    return str(json.loads(path.read_text(encoding="utf-8")).get("task", ""))
