"""What a run may bring besides itself: all tasks, every pooling, another tokenizer, answers to test rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from tokbench.errors import AskedWrongly, plural
from tokbench.finetune.finetune import finetune
from tokbench.finetune.places import leading
from tokbench.finetune.plan import Plan
from tokbench.finetune.predicting import predict_with, questions_of, task_of
from tokbench.finetune.run import Run
from tokbench.finetune.several import (
    Comparison,
    Glue,
    Start,
    Train,
    against,
    all_tasks,
    compare_poolings,
    unsaid,
)
from tokbench.finetune.tasks import ALL, TASKS
from tokbench.progress import Progress, silent

ANSWERS = "predictions"
Done = Run | Glue | Comparison


@dataclass(frozen=True, kw_only=True)
class Beside:
    """What is asked beside one run; at most one of the comparisons."""

    predict: bool = False  # answer the test rows, in the files that gluebenchmark.com takes
    compare_pooling: bool = False
    baseline: str | None = None  # another tokenizer

    def __post_init__(self) -> None:
        if self.compare_pooling and self.baseline is not None:
            raise AskedWrongly(
                "--compare-pooling and --baseline are two comparisons", fix="make one after the other"
            )


def carry(
    plan: Plan,
    beside: Beside,
    *,
    force: bool = False,
    resume: bool = False,
    drawings: Mapping[str, Callable[[Run], str]] | None = None,
    progress: Progress = silent,
    told: Callable[[str], None] = unsaid,
) -> Done:
    """One run, or several where all tasks, all poolings or another tokenizer are asked for.

    Test rows are looked for before anything is trained; their answers lie in the output, below predictions.
    Of several runs `resume` takes the finished ones as they are, which `told` is told of.
    """
    train: Train = partial(_one, drawings=drawings, progress=progress)
    start = Start(force=force, resume=resume, told=told, progress=progress)
    if beside.predict:
        train = partial(_and_predict, train=train, strict=plan.task != ALL, progress=progress)
    if plan.task == ALL:
        if beside.compare_pooling or beside.baseline is not None:
            raise AskedWrongly("a comparison is made on one task", fix="--task sst2, say")
        return all_tasks(plan, train, start)
    if beside.compare_pooling:
        return compare_poolings(plan, train, start)
    if beside.baseline is not None:
        return against(plan, beside.baseline, train, start)
    return train(plan, force=force, resume=resume, finished=None)


def in_words(done: Done) -> str:
    """The result in one line."""
    match done:
        case Run(metrics=metrics):
            return ", ".join(f"{name} {value:.4f}" for name, value in metrics.items())
        case Glue(runs=runs, average=average):
            return f"GLUE {average:.1f} over {', '.join(runs)}"
        case Comparison(runs=runs):
            return "; ".join(f"{name}: {in_words(run)}" for name, run in runs.items())


def _one(
    plan: Plan,
    *,
    force: bool,
    resume: bool,
    finished: Run | None,
    drawings: Mapping[str, Callable[[Run], str]] | None,
    progress: Progress,
) -> Run:
    """The run that is finished, or that comes of the plan now."""
    return finished or finetune(plan, force=force, resume=resume, drawings=drawings, progress=progress)


def _and_predict(
    plan: Plan,
    *,
    force: bool,
    resume: bool,
    finished: Run | None,
    train: Train,
    strict: bool,
    progress: Progress,
) -> Run:
    """Train, and answer the test rows; where there are none, an error before or a note afterwards."""
    names = [plan.task] + (["ax"] if plan.task == "mnli" and not plan.reading.columns else [])
    found = {name: _why_not(plan, name) for name in names}
    if strict and found[plan.task]:
        raise AskedWrongly(
            f"nothing was trained, there is nothing to predict: {found[plan.task]}", fix="leave out --predict"
        )
    run = train(plan, force=force, resume=resume, finished=finished)
    if not leading() or plan.chosen.fast_dev_run:  # there is no model to load
        return run
    notes = [f"{name} was not predicted: {why}" for name, why in found.items() if why]
    for name in (name for name in names if not found[name]):
        notes += _answered(plan, name, again=finished is None, progress=progress)
    return replace(run, notes=(*run.notes, *notes))


def _answered(plan: Plan, name: str, *, again: bool, progress: Progress) -> list[str]:
    """Where the answers to the test rows are; they are made unless they are there and not asked for again."""
    folder = Path(plan.output)
    asked = [] if again else questions_of(plan, task_of(name))
    rows = {folder / ANSWERS / each.submission: len(each.indices) for each in asked}
    notes = [note for each in asked for note in each.notes]
    if again or not all(path.is_file() for path in rows):
        written = predict_with(folder, plan, name, into=folder / ANSWERS, progress=progress)
        rows, notes = {Path(path): count for path, count in written.rows.items()}, list(written.notes)
    return [*(f"the answers to {plural(count, 'row')} are in {path}" for path, count in rows.items()), *notes]


def _why_not(plan: Plan, name: str) -> str:
    """Why the test rows of a task cannot be had; nothing when they can."""
    if (name not in TASKS or plan.reading.columns) and Path(str(plan.data)).is_file():
        return f"{plan.data} holds the rows to train on; afterwards: tokbench predict RUN --data FILE"
    try:
        questions_of(plan, task_of(name))
    except AskedWrongly as problem:
        return str(problem)
    return ""
