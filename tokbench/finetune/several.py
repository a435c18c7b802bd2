"""Several runs beside each other: all of GLUE, every pooling, a tokenizer against another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from tokbench.errors import AskedWrongly, DataProblem
from tokbench.finetune.data import read_data
from tokbench.finetune.places import leading
from tokbench.finetune.plan import Plan
from tokbench.finetune.presets import PRESETS
from tokbench.finetune.run import Run
from tokbench.finetune.settings import POOLINGS
from tokbench.finetune.standing import standing
from tokbench.finetune.tasks import TASKS, Task
from tokbench.progress import Progress, silent

TABLE = "glue.tsv"


def unsaid(words: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True, kw_only=True)
class Start:
    """How several runs are started: anew, over what is there, or going on; who is told what is taken over."""

    force: bool = False
    resume: bool = False
    told: Callable[[str], None] = unsaid
    progress: Progress = silent


class Train(Protocol):
    """Carries out one of the plans; `finished` is its run where that was done before."""

    def __call__(self, plan: Plan, *, force: bool, resume: bool, finished: Run | None) -> Run:
        """Train, or go on, or take what is finished."""


@dataclass(frozen=True, kw_only=True)
class Glue:
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


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Runs that differ in one thing: its name, and each run by the thing's value."""

    differs: str
    runs: Mapping[str, Run]

    @property
    def proved(self) -> bool:
        """Whether every run proved itself."""
        return all(run.proved for run in self.runs.values())


def score_of(run: Run) -> float:
    """The mean of a run's metrics in percent.

    A run of mnli has one metric on two splits, one of mrpc two metrics on one: either way the mean of all.
    """
    return 100 * sum(run.metrics.values()) / len(run.metrics)


def all_tasks(plan: Plan, train: Train, start: Start) -> Glue:
    """Run the nine tasks one after the other into folders of `plan.output`; leave out what has no data."""
    there, missing = _with_data(plan)
    plans = {name: _for_task(plan, name) for name in there}
    runs = trained(plans, train, start)
    scores = {name: score_of(run) for name, run in runs.items()}
    average = sum(scores.values()) / len(scores)
    found = Glue(runs=runs, missing=missing, scores=scores, average=average, output=plan.output)
    if plan.chosen.fast_dev_run:  # nothing is kept
        return replace(found, output="")
    path = Path(plan.output) / TABLE
    if leading():
        path.with_suffix(".new").write_text(table_of(found), encoding="utf-8")
        path.with_suffix(".new").replace(path)
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


def compare_poolings(plan: Plan, train: Train, start: Start) -> Comparison:
    """The same run with every pooling, each into a folder of `plan.output` with its name."""
    plans = {way: _pooling(plan, way) for way in POOLINGS}
    return Comparison(differs="pooling", runs=trained(plans, train, start))


def against(plan: Plan, baseline: str, train: Train, start: Start) -> Comparison:
    """The same run with another tokenizer: same rows, steps and seed. Its folder is the output's, -baseline.

    Both models begin alike: fresh from one preset, or `baseline` is a folder with a model of its own.
    """
    other = replace(plan, tokenizer=baseline, output=f"{plan.output}-baseline")
    if plan.model not in PRESETS:
        if not (Path(baseline).expanduser() / "config.json").is_file():
            raise AskedWrongly(
                f"{plan.model} was trained with one tokenizer, and {baseline} holds no model of its own",
                fix=f"compare fresh models: --model {Plan.model}, or give a folder with tokenizer and model",
            )
        other = replace(other, model=baseline)
    mine = plan.tokenizer or plan.model
    return Comparison(differs="tokenizer", runs=trained({mine: plan, baseline: other}, train, start))


def trained(plans: Mapping[str, Plan], train: Train, start: Start) -> dict[str, Run]:
    """The runs of all plans; that a place is taken is said before the first, and what is taken over."""
    there = standing(plans, force=start.force, resume=start.resume, progress=start.progress)
    for line in there.words(tuple(plans)):
        start.told(line)
    return {
        name: train(plan, force=start.force, resume=name in there.stopped, finished=there.finished.get(name))
        for name, plan in plans.items()
    }


def _with_data(plan: Plan) -> tuple[list[str], dict[str, str]]:
    """The tasks whose rows can be read, and for each of the others why not."""
    there, missing = [], {}
    for name, task in TASKS.items():
        if not task.trainable:
            continue
        problem = _problem(plan, task)
        if problem:
            missing[name] = problem
        else:
            there.append(name)
    if not there:
        first = next(iter(missing.values()))
        raise DataProblem(
            f"no task of GLUE has its data there: {first}", fix="--data FOLDER with CoLA, SST-2, …"
        )
    return there, missing


def _problem(plan: Plan, task: Task) -> str:
    try:
        read_data(_for_task(plan, task.name))
    except AskedWrongly as problem:
        return str(problem)
    return ""


def _for_task(plan: Plan, name: str) -> Plan:
    return replace(plan, task=name, output=str(Path(plan.output) / name))


def _pooling(plan: Plan, way: str) -> Plan:
    return replace(plan, settings={**plan.settings, "pooling": way}, output=str(Path(plan.output) / way))
