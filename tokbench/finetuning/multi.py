"""Fine-tune: one run, or several: all GLUE tasks, every pooling, a tokenizer compared with another."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, overload

from tokbench.errors import DataError, FileError, UsageError, plural
from tokbench.finetuning.config import POOLINGS, PRESETS, FinetuneConfig, config_to_data, renewed
from tokbench.finetuning.data.load import read_data
from tokbench.finetuning.defaults import plan_steps, width_of
from tokbench.finetuning.predict import questions_of, task_of
from tokbench.finetuning.read_record import lines_of_record
from tokbench.finetuning.result import Run
from tokbench.finetuning.run_files import (
    HYPERPARAMETERS,
    METRICS,
    PRINT,
    alone_in,
    found_in,
    must_be_wanted,
    place_of_object,
    resolve_names,
    unfinished,
)
from tokbench.finetuning.run_record import run_in
from tokbench.finetuning.runner import (
    Log,
    NamedProgress,
    RowsReader,
    have_packages,
    told_once,
    train_once,
    unheard,
)
from tokbench.finetuning.tasks import ALL, TASKS, Task
from tokbench.io.atomic import atomic_file, ensure_writable
from tokbench.pretrained.on_disk import model_on_disk, tokenizer_on_disk
from tokbench.progress import Progress, leading, silent
from tokbench.results import Result

if TYPE_CHECKING:
    from tokbench.pretrained.folder import TokenizerSource


@dataclass(frozen=True, kw_only=True)
class ResumeState:
    """Runs by the name they have among the others; those in neither begin."""

    finished: Mapping[str, Run] = field(default_factory=dict)
    stopped: frozenset[str] = frozenset()

    def words(self, names: tuple[str, ...]) -> list[str]:
        """What is taken, what goes on and what is still to do, a line each; nothing where all begins."""
        if not self.finished and not self.stopped:
            return []
        open_ones = [name for name in names if name not in self.finished and name not in self.stopped]
        lines = {
            "taken over, finished": [name for name in names if name in self.finished],
            "goes on": [name for name in names if name in self.stopped],
            "still to do": open_ones,
        }
        return [f"{word}: {', '.join(some)}" for word, some in lines.items() if some]


def resume_state(
    configs: Mapping[str, FinetuneConfig], *, force: bool, resume: bool, progress: Progress = silent
) -> ResumeState:
    """What is finished or stopped of these runs; an error for what is in the way, before any is trained."""
    if not resume:
        for config in configs.values():
            _must_be_free(config, force=force)
        return ResumeState()
    finished, stopped = {}, set()
    for name, config in configs.items():
        run = _finished(config, force=force, progress=progress)
        if run:
            finished[name] = run
        elif found_in(unfinished(config.output)):
            stopped.add(name)
        else:
            ensure_writable(Path(config.output), force=force)
    if not finished and not stopped and not force:
        places = " or ".join(str(Path(config.output)) for config in list(configs.values())[:2])
        more = plural(len(configs), "run")
        raise FileError(
            f"nothing to resume: of {more} none is finished or was stopped in {places}"
            + (", …" if len(configs) > 2 else ""),
            fix="start without --resume",
        )
    return ResumeState(finished=finished, stopped=frozenset(stopped))


def _must_be_free(config: FinetuneConfig, *, force: bool) -> None:
    """Nothing, or an error that names --resume where a run is finished or was stopped."""
    place = Path(config.output)
    if not force and (place / METRICS).is_file():
        raise FileError(
            f"{place} exists already",
            fix="--resume takes finished runs over and goes on with the rest, --force starts over",
        )
    ensure_writable(place, force=force)
    if not force:
        must_be_wanted(config.output, resume=False, force=False)


def _finished(config: FinetuneConfig, *, force: bool, progress: Progress) -> Run | None:
    """The run in the config's place if it is this very one; UsageError if it is another, unless forced."""
    place = Path(config.output)
    if not (place / METRICS).is_file():
        return None
    try:
        other = _otherwise(place, config, progress)
        run = run_in(place)
    except FileError:
        if force:
            return None
        raise
    if not other:
        return run
    if force:
        return None
    raise UsageError(
        f"{place} is finished, and was made otherwise: {other}",
        fix="give the command as it was, take another place with -o, or train it again with --force",
    )


def _otherwise(place: Path, config: FinetuneConfig, progress: Progress) -> str:
    """What a finished run was made with that the config does not ask for; "" if it is the config's own."""
    from tokbench.finetuning.prepare import hyperparameters, run_fingerprint
    from tokbench.finetuning.stages import prepare_run

    path = place / HYPERPARAMETERS
    saved = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    prepared = prepare_run(config, read_data(config, progress=progress), progress=progress)
    mine = json.loads(json.dumps(hyperparameters(prepared), default=str))
    had, asked = _flat(saved), _flat(mine)
    differ = [name for name in (*asked, *had) if had.get(name) != asked.get(name)]
    named = [
        f"{name} {had.get(name, 'not set')}, not {asked.get(name, 'set')}" for name in dict.fromkeys(differ)
    ]
    same = saved.get(PRINT) in (run_fingerprint(prepared), run_fingerprint(prepared, made=saved))
    return "; ".join(named) or ("" if same else "other rows, weights or tokenizer")


def _flat(saved: Mapping[str, Any]) -> dict[str, Any]:
    """Choices by name, the trainer's own beside the others; what the file leaves out is the default."""
    values = {**config_to_data(FinetuneConfig()), **renewed(saved)}
    return {**values, **values.pop("trainer_options", {})}


TABLE = "glue.tsv"
PRESET = FinetuneConfig.model


@dataclass(frozen=True, kw_only=True)
class RunStart:
    """How several runs start: anew, replacing what is there, or resuming, of which `log` is told."""

    force: bool = False
    resume: bool = False
    log: Log = unheard
    progress: Progress = silent
    read: RowsReader = field(default_factory=RowsReader)


class Train(Protocol):
    """Trains by one of the configs; `finished` is its run where that was done before."""

    def __call__(self, config: FinetuneConfig, *, force: bool, resume: bool, finished: Run | None) -> Run:
        """Train, or go on, or take what is finished."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Glue(Result, kind="run", table="runs", version=2):
    """Every task whose data was there, by name in GLUE's order; why the others are missing.

    `scores` and `average` are percent, as on the leaderboard: the mean of a task's metrics counts as its
    score, and the mean of the scores as the whole (Wang et al. 2018, GLUE, section 3).
    """

    runs: Mapping[str, Run]
    missing: Mapping[str, str]
    scores: Mapping[str, float]
    average: float  # over the tasks that were run: GLUE's own only when none is missing
    output: str

    @property
    def proved(self) -> bool:
        """Whether every run proved itself."""
        return all(run.proved for run in self.runs.values())

    @property
    def held(self) -> bool:
        """Whether every task is one to go on with: proved, and something was learned."""
        return all(run.held for run in self.runs.values())


@dataclass(frozen=True, kw_only=True, repr=False)
class PoolingComparison(Result, kind="run", version=2):
    """Runs that differ in one thing: its name, and each run by the thing's value."""

    differs: str
    runs: Mapping[str, Run]

    @property
    def proved(self) -> bool:
        """Whether every run proved itself."""
        return all(run.proved for run in self.runs.values())

    @property
    def held(self) -> bool:
        """Whether every run proved itself and learned something: with one that did not, nothing compares."""
        return all(run.held for run in self.runs.values())


def score_of(run: Run) -> float:
    """The mean of a run's metrics in percent.

    A run of mnli has one metric on two splits, one of mrpc two metrics on one: either way the mean of all.
    """
    return 100 * sum(run.metrics.values()) / len(run.metrics)


def all_tasks(config: FinetuneConfig, train: Train, start: RunStart) -> Glue:
    """Run the nine tasks one after the other into folders of `config.output`; leave out what has no data."""
    there, missing = _with_data(config)
    configs = {name: _for_task(config, name) for name in there}
    runs = trained(configs, train, start)
    scores = {name: score_of(run) for name, run in runs.items()}
    average = sum(scores.values()) / len(scores)
    found = Glue(runs=runs, missing=missing, scores=scores, average=average, output=config.output)
    if config.fast_dev_run:  # nothing is kept
        return replace(found, output="")
    path = Path(config.output) / TABLE
    if leading():
        with atomic_file(path) as temporary:
            temporary.write_text(table_of(found), encoding="utf-8")
    return found


def table_of(found: Glue) -> str:
    """Task, metrics, score and the constant answer's metrics, tab-separated; the average comes last."""
    rows = [("task", "metrics", "values", "score", "constant answer")]
    for name, run in found.runs.items():
        values = (
            " / ".join(f"{100 * each:.1f}" for each in some.values()) for some in (run.metrics, run.majority)
        )
        mine, constant = values
        rows.append((name, " / ".join(run.metrics), mine, f"{score_of(run):.1f}", constant))
    rows += [(name, "", "", "", why) for name, why in found.missing.items()]
    rows.append((f"average of {len(found.runs)}", "", "", f"{found.average:.1f}", ""))
    return "".join("\t".join(row) + "\n" for row in rows)


def compare_poolings(config: FinetuneConfig, train: Train, start: RunStart) -> PoolingComparison:
    """The same run with every pooling, each into a folder of `config.output` with its name."""
    shared = settled(config, start)
    configs = {way: _pooling(shared, way) for way in POOLINGS}
    return PoolingComparison(differs="pooling", runs=trained(configs, train, start))


def against(config: FinetuneConfig, baseline: str, train: Train, start: RunStart) -> PoolingComparison:
    """The same run with another tokenizer: same rows, steps and seed. Its folder is the output's, -baseline.

    Both models begin alike: fresh from one preset, or `baseline` is a folder with a model of its own.
    """
    mine = config.tokenizer or config.model
    if Path(baseline).expanduser().resolve() == Path(mine).expanduser().resolve():
        raise UsageError(
            f"{baseline} is what this run itself begins with, and a comparison is made with another",
            fix="give another tokenizer, or leave --baseline out",
        )
    shared = settled(config, start)
    other = replace(shared, tokenizer=baseline, output=f"{config.output}-baseline")
    if config.model not in PRESETS:
        if not (Path(baseline).expanduser() / "config.json").is_file():
            raise UsageError(
                f"{config.model} was trained with one tokenizer, and {baseline} holds no model of its own",
                fix=f"compare fresh models: --model {PRESET}, or give a folder with tokenizer and model",
            )
        other = replace(other, model=baseline)
    return PoolingComparison(differs="tokenizer", runs=trained({mine: shared, baseline: other}, train, start))


def settled(config: FinetuneConfig, start: RunStart) -> FinetuneConfig:
    """The config with epochs, batch size and rate as numbers, so that the runs compared differ in neither.

    They are those of the first run: its rows, its model's width. What was chosen is logged.
    """
    if None not in (config.epochs, config.batch_size, config.learning_rate):
        return config
    have_packages(config)
    folder = resolve_names(config).model
    data = start.read(config, progress=start.progress)
    for line in lines_of_record(data.read):
        start.log(line)
    plan = plan_steps(config, len(data.train), _width(folder))
    start.log(plan.why)
    return plan.settled(config)


def _width(folder: Path | None) -> int | None:
    """The width of the model in a folder, by its config alone; None where a preset makes the model."""
    if folder is None:
        return None
    from tokbench.finetuning.models import load_config

    return width_of(load_config(folder))


def trained(configs: Mapping[str, FinetuneConfig], train: Train, start: RunStart) -> dict[str, Run]:
    """The runs of all configs; a taken output is an error before the first, and `log` hears what goes on."""
    there = resume_state(configs, force=start.force, resume=start.resume, progress=start.progress)
    for line in there.words(tuple(configs)):
        start.log(line)
    return {
        name: train(
            config, force=start.force, resume=name in there.stopped, finished=there.finished.get(name)
        )
        for name, config in configs.items()
    }


def _with_data(config: FinetuneConfig) -> tuple[list[str], dict[str, str]]:
    """The tasks whose rows can be read, and for each of the others why not."""
    there, missing = [], {}
    for name, task in TASKS.items():
        if not task.trainable:
            continue
        problem = _problem(config, task)
        if problem:
            missing[name] = problem
        else:
            there.append(name)
    if not there:
        first = next(iter(missing.values()))
        raise DataError(
            f"no task of GLUE has its data there: {first}", fix="--data FOLDER with CoLA, SST-2, …"
        )
    return there, missing


def _problem(config: FinetuneConfig, task: Task) -> str:
    try:
        read_data(_for_task(config, task.name))
    except UsageError as problem:
        return str(problem)
    return ""


def _for_task(config: FinetuneConfig, name: str) -> FinetuneConfig:
    return replace(config, task=name, output=str(Path(config.output) / name))


def _pooling(config: FinetuneConfig, way: str) -> FinetuneConfig:
    return replace(config, pooling=way, output=str(Path(config.output) / way))


ANSWERS = "predictions"
Done = Run | Glue | PoolingComparison


@overload
def finetune(*, task: Literal["all"], **options: Any) -> Glue: ...  # noqa: ANN401


@overload
def finetune(
    config: FinetuneConfig | None = None,
    *,
    compare_pooling: Literal[True],
    **options: Any,  # noqa: ANN401
) -> PoolingComparison: ...


@overload
def finetune(
    config: FinetuneConfig | None = None,
    *,
    baseline: TokenizerSource,
    **options: Any,  # noqa: ANN401
) -> PoolingComparison: ...


@overload
def finetune(
    config: FinetuneConfig | None = None,
    *,
    predict: bool = False,
    force: bool = False,
    resume: bool = False,
    drawings: Mapping[str, Callable[[Run], str]] | None = None,
    progress: Progress = silent,
    log: Log = unheard,
    **options: Any,  # noqa: ANN401
) -> Run: ...


def finetune(
    config: FinetuneConfig | None = None,
    *,
    predict: bool = False,
    compare_pooling: bool = False,
    baseline: TokenizerSource | None = None,
    force: bool = False,
    resume: bool = False,
    drawings: Mapping[str, Callable[[Run], str]] | None = None,
    progress: Progress = silent,
    log: Log = unheard,
    **options: Any,
) -> Done:
    """Train, save, load again and compare; the output appears whole at the end, or not at all.

    `options` are fields of FinetuneConfig, instead of a config or in the place of its own; `tokenizer` and
    `model` may be objects too, which are saved for as long as the run lasts. Gives one Run, unless several
    are asked for: the task "all" gives Glue, a run for each task whose data is there; `compare_pooling`, a
    run with each pooling, and `baseline`, another tokenizer, give a PoolingComparison.

    `predict` answers the test rows too, into the output's folder predictions; they are looked for before
    anything is trained. What a stopped run has learned lies beside the output: `resume` goes on from there,
    and of several runs takes the finished ones as they are. `log` is told of those, and of what was read.
    `drawings` are further files of the output: a name, and what makes its content of the run.

    >>> import tempfile, tokbench as tb
    >>> tok = tb.train(["a good film", "a bad film"] * 9, "wordpiece", vocab_size=40)
    >>> small = {"model": "bert-tiny", "data": "sample", "max_train_rows": 8, "epochs": 1}
    >>> with tempfile.TemporaryDirectory() as place:
    ...     run = tb.finetune(task="sst2", tokenizer=tok, output=f"{place}/run", **small)
    >>> run.proved, run.steps, list(run.metrics)
    (True, 1, ['accuracy'])
    """
    if compare_pooling and baseline is not None:
        raise UsageError(
            "--compare-pooling and --baseline are two comparisons", fix="make one after the other"
        )
    compared = compare_pooling or baseline is not None
    start = RunStart(force=force, resume=resume, log=told_once(log) if compared else log, progress=progress)
    with ExitStack() as stack:
        chosen, objects = without_objects(config, options)
        output = None if chosen.fast_dev_run else chosen.output
        chosen = stack.enter_context(alone_with(chosen, objects, output))
        differs = "pooling" if compare_pooling else "tokenizer" if compared else "task"
        named = differs if compared or chosen.task == ALL else ""
        train: Train = partial(_one, drawings=drawings, start=start, named=named)
        if predict:
            train = partial(_and_predict, train=train, strict=chosen.task != ALL, progress=progress)
        if chosen.task == ALL and compared:
            raise UsageError("a comparison is made on one task", fix="--task sst2, say")
        if chosen.task == ALL:
            return all_tasks(chosen, train, start)
        if compare_pooling:
            return compare_poolings(chosen, train, start)
        if baseline is not None:
            other = tokenizer_on_disk(baseline, place_of_object(output, "baseline"))
            return against(chosen, stack.enter_context(other), train, start)
        return train(chosen, force=force, resume=resume, finished=None)


def without_objects(
    config: FinetuneConfig | None, options: Mapping[str, Any]
) -> tuple[FinetuneConfig, dict[str, Any]]:
    """The config with these options, and by name what may be only in memory: a tokenizer, a model."""
    found = dict(options)
    objects = {name: found.pop(name) for name in ON_DISK if found.get(name) is not None}
    return FinetuneConfig(**found) if config is None else replace(config, **found), objects


@contextmanager
def alone_with(
    config: FinetuneConfig, objects: Mapping[str, Any], output: str | None
) -> Iterator[FinetuneConfig]:
    """The config with the files of these objects, while this process alone may write to `output`.

    They lie beside the output's checkpoints, so that a stopped run can go on; without an output, for now.
    """
    with ExitStack() as stack:
        if output is not None:
            stack.enter_context(alone_in(output))
        files: dict[str, Any] = {
            name: stack.enter_context(ON_DISK[name](each, place_of_object(output, name)))
            for name, each in objects.items()
        }
        yield replace(config, **files)


ON_DISK: Mapping[str, Callable[[Any, Path | None], AbstractContextManager[str]]] = {
    "tokenizer": tokenizer_on_disk,
    "model": model_on_disk,
}


def result_line(done: Done) -> str:
    """The result in one line."""
    match done:
        case Run(metrics=metrics):
            return ", ".join(f"{name} {value:.4f}" for name, value in metrics.items())
        case Glue(runs=runs, average=average):
            return f"GLUE {average:.1f} over {', '.join(runs)}"
        case PoolingComparison(runs=runs):
            return "; ".join(f"{name}: {result_line(run)}" for name, run in runs.items())


def _one(
    config: FinetuneConfig,
    *,
    force: bool,
    resume: bool,
    finished: Run | None,
    drawings: Mapping[str, Callable[[Run], str]] | None = None,
    start: RunStart,
    named: str = "",
) -> Run:
    """The run that is finished, or that comes of the config now; of several, named by a field in progress."""
    if finished:
        return finished
    name = (getattr(config, named) or config.model) if named else ""
    with nullcontext() if config.fast_dev_run else alone_in(config.output):
        return train_once(
            config,
            force=force,
            resume=resume,
            drawings=drawings,
            read=start.read,
            progress=NamedProgress(start.progress, name) if name else start.progress,
            log=start.log,
        )


def _and_predict(
    config: FinetuneConfig,
    *,
    force: bool,
    resume: bool,
    finished: Run | None,
    train: Train,
    strict: bool,
    progress: Progress,
) -> Run:
    """Train, and answer the test rows; where there are none, an error before or a note afterwards."""
    names = [config.task] + (["ax"] if config.task == "mnli" and not config.own_columns else [])
    found = {name: _why_not(config, name) for name in names}
    if strict and found[config.task]:
        raise UsageError(
            f"nothing was trained, there is nothing to predict: {found[config.task]}",
            fix="leave out --predict",
        )
    run = train(config, force=force, resume=resume, finished=finished)
    if not leading() or config.fast_dev_run:  # there is no model to load
        return run
    notes = [f"{name} was not predicted: {why}" for name, why in found.items() if why]
    for name in (name for name in names if not found[name]):
        notes += _answered(config, name, again=finished is None, progress=progress)
    return replace(run, notes=(*run.notes, *notes))


def _answered(config: FinetuneConfig, name: str, *, again: bool, progress: Progress) -> list[str]:
    """Where the answers to the test rows are; `again` makes them even where they exist."""
    folder = Path(config.output)
    asked = [] if again else questions_of(config, task_of(name))
    rows = {folder / ANSWERS / each.submission: len(each.indices) for each in asked}
    notes = [note for each in asked for note in each.notes]
    if again or not all(path.is_file() for path in rows):
        from tokbench.finetuning.predict import predict

        written = predict(
            folder,
            task=name,
            data=config.data,
            text_column=config.text_column,
            pair_column=config.pair_column,
            id_column=config.id_column,
            output=folder / ANSWERS,
            batch_size=config.batch_size,
            max_length=config.max_length,
            device=config.device,
            precision=config.precision,
            progress=progress,
        )
        rows, notes = {Path(path): count for path, count in written.rows.items()}, list(written.notes)
    return [*(f"the answers to {plural(count, 'row')} are in {path}" for path, count in rows.items()), *notes]


def _why_not(config: FinetuneConfig, name: str) -> str:
    """Why the test rows of a task cannot be had; nothing when they can."""
    if (name not in TASKS or config.own_columns) and Path(str(config.data)).is_file():
        return f"{config.data} holds the rows to train on; afterwards: tokbench predict RUN --data FILE"
    try:
        questions_of(config, task_of(name))
    except UsageError as problem:
        return str(problem)
    return ""
