"""The order of a run: parts, training, evaluation, saving, proof. Nothing is decided here."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Protocol

from torch import nn

from tokbench.errors import NegativeResultError, RunInterruptedError, UsageError
from tokbench.finetuning.card import card
from tokbench.finetuning.checkpoints import Keeper
from tokbench.finetuning.config import FinetuneConfig, must_be_metric
from tokbench.finetuning.data.batches import Batches
from tokbench.finetuning.data.load import Dataset
from tokbench.finetuning.data.tokenize import EncodedRows, must_fit, tokenize_rows
from tokbench.finetuning.device import Machine, machine_of
from tokbench.finetuning.engines.evaluate import Evaluator
from tokbench.finetuning.engines.loop import FitResult, fit
from tokbench.finetuning.engines.monitor import EvalMonitor, board_of, keep_board
from tokbench.finetuning.environment import environment
from tokbench.finetuning.prepare import (
    PreparedRun,
    choices,
    input_notes,
    limits_of,
    load_parts,
    main_metrics,
    model_inputs_of,
    run_fingerprint,
)
from tokbench.finetuning.result import Run
from tokbench.finetuning.run_files import CHOICES, METRICS, PRINT
from tokbench.finetuning.saving import copy_tokenizer, must_have_room, save_model, write_json
from tokbench.finetuning.tasks import Task
from tokbench.finetuning.verify import Reload, fates, reload
from tokbench.io.atomic import atomic_folder
from tokbench.progress import Progress, leading, silent


class TrainerEngine(Protocol):
    """Trains a model in place: the plan's seed, batches, rates and clipping, so that results agree."""

    def __call__(
        self,
        model: nn.Module,
        batches: Batches,
        plan: FinetuneConfig,
        *,
        rate: float,
        machine: Machine,
        watch: EvalMonitor,
        keeper: Keeper | None,
        progress: Progress,
    ) -> FitResult:
        """Train, and say what came of it."""


def engine_of(plan: FinetuneConfig) -> TrainerEngine:
    """The engine that the plan names; AskedWrongly for a setting it does not take, or several processes."""
    started = int(os.environ.get("WORLD_SIZE", "1"))
    if plan.trainer != "loop" and started > 1:
        raise UsageError(
            f"the {plan.trainer} trainer trains in one process, and {started} were started",
            fix="--trainer loop",
        )
    if plan.trainer == "hf":
        from tokbench.finetuning.engines import hf_trainer

        hf_trainer.check(plan)
        return hf_trainer.fit
    if plan.trainer == "lightning":
        from tokbench.finetuning.engines import lightning_engine

        lightning_engine.check(plan)
        return lightning_engine.fit
    return fit


@dataclass(frozen=True)
class Outcome:
    """What training and evaluation gave."""

    fit: FitResult
    metrics: Mapping[str, float]
    majority: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    kept_step: int  # the step whose weights are kept
    notes: tuple[str, ...]
    peak_memory_mb: float


def run_stages(
    plan: FinetuneConfig,
    data: Dataset,
    *,
    force: bool = False,
    resume: bool = False,
    drawings: Mapping[str, Callable[[Run], str]] | None = None,
    progress: Progress = silent,
) -> Run:
    """Do what the plan says with these rows, and return what came of it.

    `drawings` are file names, and what makes their content of the finished run.
    """
    setting = settle(plan, data, progress=progress)
    keeper = Keeper(plan.output, run_fingerprint(setting), plan, resume)
    try:
        outcome = train_and_score(setting, keeper=keeper, progress=progress)
    except RunInterruptedError:
        raise
    except NegativeResultError:  # a loss that is no number, a full memory: going on would end in the same
        keeper.forget()
        raise
    if not leading():  # another process writes
        return _run(setting, outcome, Reload(0.0, True))
    with atomic_folder(Path(plan.output), force=force) as folder:
        run = _write(setting, outcome, folder, made=keeper.fingerprint)
        for name, draw in (drawings or {}).items():
            (folder / name).write_text(draw(run), encoding="utf-8")
        keep_board(keeper.place, folder)
    keeper.forget()
    return run


def _write(setting: PreparedRun, outcome: Outcome, folder: Path, *, made: str) -> Run:
    """Save everything, and prove it; `made` is the fingerprint, by which the run is known again."""
    save_model(setting.parts.model, folder)
    copy_tokenizer(setting.parts.files.path, folder)
    split, batches = next(iter(setting.evaluation.items()))
    rows = setting.data.evaluation[split]
    proved = reload(
        setting.parts.model, folder, rows, task=setting.task, batches=batches, machine=setting.machine
    )
    run = _run(setting, outcome, proved)
    measured = {name: each for name, each in asdict(run).items() if name != "output"}
    write_json(folder / METRICS, {**measured, "beats_majority": run.beats_majority})
    write_json(folder / CHOICES, {**choices(setting), PRINT: made})
    write_json(folder / "environment.json", asdict(environment()))
    page = card(run, choices(setting), setting.task, setting.parts.tokenizer)
    (folder / "README.md").write_text(page, encoding="utf-8")
    return run


def settle(plan: FinetuneConfig, data: Dataset, *, progress: Progress = silent) -> PreparedRun:
    """Load, check and encode; the last moment at which nothing has been trained."""
    engine_of(plan)  # what is wrong with it is said before anything is loaded
    machine, task = machine_of(plan), data.task
    must_be_metric(plan.metric, task)
    parts = load_parts(plan, task)
    must_have_room(parts.model, Path(plan.output))
    limits = limits_of(parts.model)
    feed = model_inputs_of(parts.model, parts.tokenizer, plan.max_length)
    batches = {}
    for name, rows in {"train": data.train, **data.evaluation}.items():
        encoded = tokenize_rows(
            parts.tokenizer,
            rows,
            max_length=feed.max_length,
            task=task,
            cache=plan.cache == "on",
            progress=progress,
        )
        must_fit(encoded, limits, parts.tokenizer.convert_ids_to_tokens)
        batches[name] = Batches(encoded=encoded, feed=feed, size=plan.batch_size, seed=plan.seed)
    train = batches.pop("train")
    setting = PreparedRun(plan, task, data, parts, machine, train, batches)
    return replace(setting, parts=replace(parts, notes=(*parts.notes, *input_notes(setting))))


def train_and_score(
    setting: PreparedRun, *, keeper: Keeper | None = None, progress: Progress = silent
) -> Outcome:
    """Train the model in place and hold it against the dev rows."""
    model, machine, plan = setting.parts.model, setting.machine, setting.plan
    machine.forget_peak()
    machine.hold(model)
    judge = Evaluator(model, setting.task, setting.evaluation, machine, progress)
    watch = EvalMonitor(
        judge,
        plan,
        plan.metric or main_metrics(setting.task)[0],
        len(setting.train),
        board=board_of(plan, keeper.place if keeper else None),
    )
    trained = engine_of(plan)(
        model,
        setting.train,
        plan,
        rate=setting.parts.rate,
        machine=machine,
        watch=watch,
        keeper=keeper,
        progress=progress,
    )
    if watch.kept is not watch.done[-1] or not judge.answers:
        judge()
    return Outcome(
        fit=trained,
        metrics=judge.metrics,
        majority=judge.majority,
        intervals=judge.intervals,
        kept_step=watch.kept.step,
        notes=(*trained.notes, *judge.notes),
        peak_memory_mb=machine.peak_memory_mb(),
    )


def _run(setting: PreparedRun, outcome: Outcome, proved: Reload) -> Run:
    plan, task, train = setting.plan, setting.task, setting.train.encoded
    new_tokens, no_gradient = fates(setting.parts, train, outcome.fit)
    rows = len(train) * outcome.fit.steps / len(setting.train)
    return Run(
        task=task.name,
        classes=setting.data.classes,
        metrics=outcome.metrics,
        majority=outcome.majority,
        intervals=outcome.intervals,
        main=main_metrics(task),
        train_rows=len(train),
        dev_rows=sum(len(each.encoded) for each in setting.evaluation.values()),
        tokens=len(train.ids),
        padding=setting.train.padding(plan.epochs, replayed=outcome.fit.replayed > 0),
        truncated=_truncated(train, *(each.encoded for each in setting.evaluation.values())),
        steps=outcome.fit.steps,
        loss=outcome.fit.loss,
        learning_rate=setting.parts.rate,
        max_length=setting.train.feed.max_length,
        parameters=sum(each.numel() for each in setting.parts.model.parameters()),
        device=setting.machine.device.type,
        precision=setting.machine.precision,
        seconds=outcome.fit.seconds,
        rows_per_second=rows / outcome.fit.seconds,
        peak_memory_mb=outcome.peak_memory_mb,
        reload_difference=proved.difference,
        same_ids=proved.same_ids,
        new_tokens=new_tokens,
        no_gradient=no_gradient,
        notes=(*setting.data.notes, *setting.parts.notes, *outcome.notes, *_doubts(outcome, task)),
        engine=plan.trainer,
        kept_step=outcome.kept_step,
        losses=outcome.fit.losses,
        evaluations=outcome.fit.evaluations,
        output=plan.output,
    )


def _doubts(outcome: Outcome, task: Task) -> Iterator[str]:
    """Where the interval of a metric that is above the constant answer's reaches down to it."""
    for name in main_metrics(task):
        low = outcome.intervals.get(name, (outcome.metrics[name],))[0]
        if low <= outcome.majority[name] < outcome.metrics[name]:
            yield (
                f"the interval of {name} reaches down to the constant answer's {outcome.majority[name]:.4f}:"
                " more dev rows or seeds would tell (tokbench prove)"
            )


def _truncated(*several: EncodedRows) -> int:
    return sum(each.truncated for each in several)
