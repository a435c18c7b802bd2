"""The order of a run: parts, training, evaluation, saving, proof."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedModel

from tokbench.errors import UsageError
from tokbench.finetuning.card import card, command
from tokbench.finetuning.checkpoints import CheckpointStore, resumable_run
from tokbench.finetuning.config import FinetuneConfig, must_be_metric
from tokbench.finetuning.data.batches import Batches
from tokbench.finetuning.data.tokenize import EncodedRows, must_fit, seen_ids, tokenize_rows
from tokbench.finetuning.defaults import better_plan, plan_steps, width_of
from tokbench.finetuning.device import Machine, machine_of
from tokbench.finetuning.engines import loop
from tokbench.finetuning.engines.loop import Evaluator, predict_logits
from tokbench.finetuning.engines.monitor import EvalMonitor, board_of, keep_board
from tokbench.finetuning.engines.objective import class_weights, constant_loss, objective_of
from tokbench.finetuning.engines.state import FitResult, TrainerEngine, TrainingJob
from tokbench.finetuning.engines.step import memory_in_words
from tokbench.finetuning.environment import environment
from tokbench.finetuning.metrics import must_judge, truth_of
from tokbench.finetuning.models import (
    copy_tokenizer,
    how_to_load,
    load_classifier,
    load_tokenizer,
    must_have_room,
    save_model,
    start_at,
    write_json,
)
from tokbench.finetuning.prepare import (
    LoadedParts,
    PreparedRun,
    copied_rows,
    hyperparameters,
    input_notes,
    limits_of,
    load_parts,
    main_metrics,
    model_inputs_of,
    run_fingerprint,
)
from tokbench.finetuning.read_record import all_cut, line_of_cuts, rescaling, with_cuts
from tokbench.finetuning.result import Run, nothing_learned
from tokbench.finetuning.run_files import HYPERPARAMETERS, METRICS, PRINT
from tokbench.io.atomic import atomic_folder
from tokbench.progress import Progress, event, leading, silent

if TYPE_CHECKING:
    from tokbench.finetuning.data.load import Dataset
    from tokbench.finetuning.data.rows import Rows
    from tokbench.finetuning.data.tagging import Tagged
    from tokbench.finetuning.tasks import Task


def engine_of(config: FinetuneConfig) -> TrainerEngine:
    """The engine that the config names; UsageError where several processes were started and it takes one."""
    started = int(os.environ.get("WORLD_SIZE", "1"))
    if config.trainer != "loop" and started > 1:
        raise UsageError(
            f"the {config.trainer} trainer trains in one process, and {started} were started",
            fix="--trainer loop",
        )
    if config.trainer == "hf":
        from tokbench.finetuning.engines import hf_trainer

        return hf_trainer
    if config.trainer == "lightning":
        from tokbench.finetuning.engines import lightning_engine

        return lightning_engine
    return loop


@dataclass(frozen=True)
class Outcome:
    """What training and evaluation gave."""

    fit: FitResult
    metrics: Mapping[str, float]
    majority: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    kept_step: int  # the step whose weights are kept
    same_answers: tuple[str, ...]  # splits on which all rows get one and the same
    notes: tuple[str, ...]
    peak_memory_mb: float


def run_stages(
    config: FinetuneConfig,
    data: Dataset,
    *,
    force: bool = False,
    resume: bool = False,
    drawings: Mapping[str, Callable[[Run], str]] | None = None,
    progress: Progress = silent,
    log: Callable[[str], object] = str,
) -> Run:
    """Do what the config says with these rows, and return what came of it.

    `drawings` are file names, and what makes their content of the finished run; `log` is told of cut rows.
    """
    with memory_in_words():
        prepared = prepare_run(config, data, progress=progress)
        checkpoint_store = CheckpointStore(config.output, run_fingerprint(prepared), config, resume)
    if cuts := line_of_cuts(prepared.data.read):
        log(cuts)
    with resumable_run(checkpoint_store, progress), memory_in_words():
        outcome = train_and_score(prepared, checkpoint_store=checkpoint_store, progress=progress)
        if not leading():  # another process writes
            return _judged(_run(prepared, outcome, Reload(0.0, True)), prepared, outcome)
        with atomic_folder(Path(config.output), force=force) as folder:
            run = _write(prepared, outcome, folder, made=checkpoint_store.fingerprint)
            for name, draw in (drawings or {}).items():
                (folder / name).write_text(draw(run), encoding="utf-8")
            keep_board(checkpoint_store.place, folder)
    checkpoint_store.forget()
    return run


OF_ITS_PLACE = ("output", "command")  # not written into a run, which may be moved


def _write(prepared: PreparedRun, outcome: Outcome, folder: Path, *, made: str) -> Run:
    """Save everything, and prove it; `made` is the fingerprint, by which the run is known again."""
    save_model(prepared.parts.model, folder, code=bool(prepared.config.portable))
    copy_tokenizer(prepared.parts.files.path, folder)
    split, batches = next(iter(prepared.evaluation.items()))
    rows = prepared.data.evaluation[split]
    proved = reload(
        prepared.parts.model, folder, rows, task=prepared.task, batches=batches, machine=prepared.machine
    )
    choices = hyperparameters(prepared)
    run = _judged(_run(prepared, outcome, proved), prepared, outcome)
    line = how_to_load(prepared.parts.model, run.output, code=bool(prepared.config.portable))
    run = replace(run, command=command(choices, output=run.output, whole=True), load_with=line)
    measured = {name: each for name, each in asdict(run).items() if name not in OF_ITS_PLACE}
    write_json(folder / METRICS, {**measured, "beats_majority": run.beats_majority, "learned": run.learned})
    write_json(folder / "environment.json", {**asdict(environment()), "threads": choices["threads"]})
    write_json(folder / HYPERPARAMETERS, {**choices, "command": command(choices, whole=True), PRINT: made})
    page = card(run, choices, prepared.task, prepared.parts.tokenizer)
    (folder / "README.md").write_text(page, encoding="utf-8")
    return run


def prepare_run(config: FinetuneConfig, data: Dataset, *, progress: Progress = silent) -> PreparedRun:
    """Load, check and encode; the last moment at which nothing has been trained."""
    engine_of(config).check(config)  # what is wrong with it is said before anything is loaded
    machine, task = machine_of(config), data.task
    must_be_metric(config.metric, task)
    parts = load_parts(config, task)
    must_have_room(parts.model, Path(config.output))
    plan = plan_steps(config, len(data.train), width_of(parts.model.config))
    if task.regression and parts.fresh_head:
        start_at(parts.model, float(np.mean(data.train.labels)))
    limits = limits_of(parts.model)
    model_inputs = model_inputs_of(parts.model, parts.tokenizer, config.max_length)
    batches = {}
    for name, rows in {"train": data.train, **data.evaluation}.items():
        encoded = tokenize_rows(
            parts.tokenizer,
            rows,
            max_length=model_inputs.max_length,
            task=task,
            cache=config.cache == "on",
            progress=progress,
        )
        must_fit(encoded, limits, parts.tokenizer, str(parts.model.name_or_path))
        batches[name] = Batches(
            encoded=encoded, model_inputs=model_inputs, size=plan.batch_size, seed=config.seed
        )
    cut = {name: each.encoded.truncated for name, each in batches.items()}
    data = replace(data, read=with_cuts(data.read, cut, model_inputs.max_length))
    train = batches.pop("train")
    if not config.fast_dev_run:
        must_judge(task, {name: truth_of(each.encoded) for name, each in batches.items()})
    weights = class_weights(config.class_weights, task, train.encoded.labels)
    prepared = PreparedRun(config, task, data, parts, plan, machine, train, batches, weights)
    said = {each.encoded.note: None for each in (train, *batches.values()) if each.encoded.note}
    notes = (
        *parts.notes,
        *(f"the library encoded the rows: {why}" for why in said),
        *input_notes(prepared),
        *all_cut(data.read),
    )
    return replace(prepared, parts=replace(parts, notes=notes))


def train_and_score(
    prepared: PreparedRun, *, checkpoint_store: CheckpointStore | None = None, progress: Progress = silent
) -> Outcome:
    """Train the model in place and evaluate it on the dev rows."""
    model, machine, config = prepared.parts.model, prepared.machine, prepared.config
    machine.forget_peak()
    machine.hold(model)
    asked: list[int] = []
    evaluator = Evaluator(model, prepared.task, prepared.evaluation, machine, progress, asked)
    monitor = EvalMonitor(
        evaluator,
        config,
        config.metric or main_metrics(prepared.task)[0],
        len(prepared.train),
        board=board_of(config, checkpoint_store.place if checkpoint_store else None),
    )
    objective = objective_of(prepared.class_weights, prepared.task, machine.device)
    job = TrainingJob(
        model,
        prepared.train,
        config,
        prepared.plan,
        machine,
        monitor,
        checkpoint_store,
        progress,
        objective,
        asked,
    )
    if prepared.plan.why:
        event(progress, prepared.plan.why)
    trained = engine_of(config).fit(job)
    if monitor.kept is not monitor.done[-1] or not evaluator.answers:
        evaluator()
    return Outcome(
        fit=trained,
        metrics=evaluator.metrics,
        majority=evaluator.majority,
        intervals=evaluator.intervals,
        kept_step=monitor.kept.step,
        same_answers=evaluator.constant,
        notes=trained.notes,
        peak_memory_mb=machine.peak_memory_mb(),
    )


def _run(prepared: PreparedRun, outcome: Outcome, proved: Reload) -> Run:
    config, task, train = prepared.config, prepared.task, prepared.train.encoded
    new_tokens, no_gradient = fates(prepared.parts, train, outcome.fit)
    return Run(
        task=task.name,
        classes=prepared.data.classes,
        metrics=outcome.metrics,
        majority=outcome.majority,
        intervals=outcome.intervals,
        main=main_metrics(task),
        train_rows=len(train),
        dev_rows=sum(len(each.encoded) for each in prepared.evaluation.values()),
        tokens=len(train.ids),
        padding=prepared.train.padding(prepared.plan.epochs, replayed=outcome.fit.replayed > 0),
        read=prepared.data.read,
        steps=outcome.fit.steps,
        train_loss=outcome.fit.train_loss,
        constant_loss=constant_loss(train, task, prepared.class_weights),
        epochs=prepared.plan.epochs,
        batch_size=prepared.plan.batch_size,
        learning_rate=prepared.plan.learning_rate,
        max_length=prepared.train.model_inputs.max_length,
        parameters=sum(each.numel() for each in prepared.parts.model.parameters()),
        device=prepared.machine.device.type,
        precision=prepared.machine.precision,
        seconds=outcome.fit.seconds,
        rows_per_second=outcome.fit.steps * len(train) / len(prepared.train) / outcome.fit.seconds,
        peak_memory_mb=outcome.peak_memory_mb,
        reload_difference=proved.difference,
        same_ids=proved.same_ids,
        new_tokens=new_tokens,
        no_gradient=no_gradient,
        notes=(*prepared.data.notes, *prepared.parts.notes, *outcome.notes, *_doubts(outcome, task)),
        class_weights=prepared.class_weights,
        engine=config.trainer,
        output=config.output,
        **_course(outcome),
    )


def _course(outcome: Outcome) -> dict[str, Any]:
    """The losses and evaluations of a run, and the step that was kept, by their fields."""
    fit = outcome.fit
    return {"kept_step": outcome.kept_step, "losses": fit.losses, "evaluations": fit.evaluations}


SMOOTHED = "label_smoothing_factor"  # an option of the hf trainer that lifts every loss


def _judged(run: Run, prepared: PreparedRun, outcome: Outcome) -> Run:
    """The run, with why it learned nothing and what may help."""
    config = prepared.config
    smoothed = SMOOTHED in config.trainer_options
    why = nothing_learned(run, outcome.same_answers, losses_compare=not smoothed)
    if not why:
        return run
    width = width_of(prepared.parts.model.config)
    # a constant answer's loss is the variance of scores
    rescaled = rescaling(math.sqrt(run.constant_loss)) if prepared.task.regression else ""
    remedy = rescaled or better_plan(config, prepared.plan, run.train_rows, width)
    return replace(run, why=why, remedy=remedy)


def _doubts(outcome: Outcome, task: Task) -> Iterator[str]:
    """Metrics whose interval reaches down to the constant answer's."""
    for name in main_metrics(task):
        low = outcome.intervals.get(name, (outcome.metrics[name],))[0]
        if low <= outcome.majority[name] < outcome.metrics[name]:
            yield (
                f"the interval of {name} reaches down to the constant answer's {outcome.majority[name]:.4f}:"
                " more dev rows or seeds would tell (tokbench prove)"
            )


COMPARED_ROWS = 256  # of the first dev split
LISTED_TOKENS = 20
ABSENT = "not in the data"


@dataclass(frozen=True)
class Reload:
    """The largest difference between logits before saving and after loading, and whether ids are the same."""

    difference: float
    same_ids: bool


def reload(
    model: PreTrainedModel,
    folder: Path,
    rows: Rows | Tagged,
    *,
    task: Task,
    batches: Batches,
    machine: Machine,
) -> Reload:
    """Load tokenizer and model from `folder`, encode and predict again, and compare with what was trained."""
    some = rows.pick(range(min(COMPARED_ROWS, len(rows))))
    kept = batches.encoded.first(len(some))
    again = tokenize_rows(load_tokenizer(folder), some, max_length=batches.model_inputs.max_length, task=task)
    same = np.array_equal(kept.ids, again.ids) and np.array_equal(kept.starts, again.starts)
    loaded = load_classifier(folder, task, seed=0).model
    machine.hold(loaded)
    _lay_out_alike(model, loaded)
    before = predict_logits(model, replace(batches, encoded=kept), machine=machine)
    after = predict_logits(loaded, replace(batches, encoded=again), machine=machine)
    return Reload(float(np.abs(before - after).max()), same)


def _lay_out_alike(*models: PreTrainedModel) -> None:
    """Copy all weights to where torch puts new ones: read from a file they may lie on odd addresses.

    A processor adds in another order there, which for a head with one output was a difference of 1e-9.
    """
    for model in models:
        for each in model.parameters():
            each.data = each.data.clone()


def fates(parts: LoadedParts, train: EncodedRows, fit: FitResult) -> tuple[dict[str, str], tuple[str, ...]]:
    """What became of each added token's row, and the tokens of the rows that never got a gradient."""
    seen = seen_ids(train, len(fit.gradient))
    without = np.flatnonzero(seen & ~fit.gradient)
    names = tuple(str(name) for name in parts.tokenizer.convert_ids_to_tokens(without.tolist()))
    moved = dict(zip(parts.added.values(), _moved(parts), strict=True))
    found = {}
    for token, number in parts.added.items():
        if not seen[number]:
            found[token] = ABSENT
        elif not fit.gradient[number]:
            found[token] = "no gradient"
        else:
            found[token] = (
                "moved" if moved[number] else "a gradient, but no move in the weights that were kept"
            )
    return _listed(found), names


def _moved(parts: LoadedParts) -> NDArray[np.bool_]:
    """For each added token whether its row differs from what it was before training."""
    return np.asarray((copied_rows(parts.model, parts.added) != parts.start).any(axis=1))


def _listed(found: Mapping[str, str]) -> dict[str, str]:
    """All of them, unless a tokenizer has hundreds in reserve: then only those that were in the data."""
    if len(found) <= LISTED_TOKENS:
        return dict(found)
    return {token: fate for token, fate in found.items() if fate != ABSENT}
