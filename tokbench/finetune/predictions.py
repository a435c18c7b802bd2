"""Answers to rows whose labels are hidden, in the files that gluebenchmark.com takes, or as a table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from tokbench.errors import AskedWrongly
from tokbench.finetune.batches import Batches
from tokbench.finetune.encoding import encode, must_fit
from tokbench.finetune.fitting import feed_of, limits_of
from tokbench.finetune.folders import load_tokenizer
from tokbench.finetune.loop import predict
from tokbench.finetune.machine import Machine, machine_of
from tokbench.finetune.models import load_model
from tokbench.finetune.plan import Plan
from tokbench.finetune.questions import Questions
from tokbench.finetune.tasks import Task
from tokbench.progress import Progress, silent

HEADER = "index\tprediction\n"


@dataclass(frozen=True, kw_only=True)
class Predicted:
    """The files that were written, and how often each label was given in them; nothing for a score."""

    task: str
    rows: Mapping[str, int]  # by path
    labels: Mapping[str, int]
    notes: tuple[str, ...]


def predict_all(
    folder: Path,
    asked: Sequence[Questions],
    task: Task,
    *,
    into: Path,
    plan: Plan,
    progress: Progress = silent,
) -> Predicted:
    """Answer the rows of `asked` with the model in `folder`; each file into `into`."""
    machine = machine_of(plan)
    tokenizer, model = load_tokenizer(folder), answering(folder, task)
    machine.hold(model)
    written, given = {}, dict.fromkeys(task.labels, 0)
    into.mkdir(parents=True, exist_ok=True)
    for each in asked:
        answers = _answers(model, tokenizer, each, task, plan=plan, machine=machine, progress=progress)
        lines = [f"{index}\t{answer}\n" for index, answer in zip(each.indices, answers, strict=True)]
        path = into / each.submission
        path.with_suffix(".new").write_text(HEADER + "".join(lines), encoding="utf-8")
        path.with_suffix(".new").replace(path)
        written[str(path)] = len(lines)
        for number in range(len(task.labels)):
            given[task.labels[number]] += answers.count(spelled(number, task))
    notes = tuple(note for each in asked for note in each.notes)
    return Predicted(task=task.name, rows=written, labels=given, notes=notes)


def answering(folder: Path, task: Task) -> PreTrainedModel:
    """The model of a folder with its trained head, its labels in the task's order."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    trained = {int(number): label for number, label in config.get("id2label", {}).items()}
    names = tuple(trained[number] for number in sorted(trained))
    if not task.regression and names != task.labels:
        raise AskedWrongly(
            f"the model in {folder} tells {', '.join(names) or 'nothing'} apart, and {task.name} asks for"
            f" {', '.join(task.labels)}",
            fix=f"tokbench finetune --task {'mnli' if task.name == 'ax' else task.name} trains one that fits",
        )
    loaded = load_model(folder, task, seed=0)
    if loaded.notes:
        raise AskedWrongly(
            f"the model in {folder} has no trained head: {loaded.notes[0]}", fix="fine-tune it first"
        )
    return loaded.model


def spelled(number: int, task: Task) -> str:
    """A class id as the submission spells it: 0 and 1, or the label's name.

    >>> from tokbench.finetune.tasks import TASKS
    >>> spelled(1, TASKS["cola"]), spelled(1, TASKS["rte"])
    ('1', 'not_entailment')
    """
    return (task.tsv_labels or task.labels)[number]


def _answers(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    asked: Questions,
    task: Task,
    *,
    plan: Plan,
    machine: Machine,
    progress: Progress,
) -> list[str]:
    feed = feed_of(model, tokenizer, plan.max_length)
    encoded = encode(tokenizer, asked.rows, max_length=feed.max_length, task=task, progress=progress)
    must_fit(encoded, limits_of(model), tokenizer.convert_ids_to_tokens)
    batches = Batches(encoded=encoded, feed=feed, size=plan.batch_size, seed=plan.seed)
    logits = predict(model, batches, machine=machine, progress=progress)
    if task.scores is not None:
        return [f"{score:.3f}" for score in np.clip(logits[:, 0], *task.scores).tolist()]
    return [spelled(number, task) for number in logits.argmax(axis=1).tolist()]
