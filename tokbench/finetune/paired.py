"""Base against new over several seeds: what the difference is, and how sure one can be of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, stdev
from tempfile import TemporaryDirectory

from tokbench.errors import AskedWrongly
from tokbench.finetune.finetune import finetune
from tokbench.finetune.plan import Plan
from tokbench.finetune.presets import PRESETS
from tokbench.finetune.run import Run
from tokbench.progress import Progress, note, silent

LEVEL = 0.95
METHOD = "Student's t on the differences of runs with the same seed"


@dataclass(frozen=True, kw_only=True)
class Side:
    """One tokenizer's runs: the main metric by seed, tokens a row in training, seconds of training."""

    name: str
    values: tuple[float, ...]
    tokens_per_row: float
    seconds: float  # mean of one run

    @property
    def mean(self) -> float:
        """The mean of the metric."""
        return fmean(self.values)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Both on one task; `low` and `high` bound the mean difference new - base at LEVEL."""

    task: str
    metric: str
    seeds: tuple[int, ...]
    base: Side
    new: Side
    difference: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """What the interval lets one say."""
        if self.low > 0:
            return "better"
        return "worse" if self.high < 0 else "no difference shown"


@dataclass(frozen=True, kw_only=True)
class Proof:
    """Base against new on every task asked for."""

    model: str
    pairs: tuple[Pair, ...]
    level: float = LEVEL
    method: str = METHOD

    @property
    def held(self) -> bool:
        """Whether new is shown to be worse nowhere."""
        return all(pair.verdict != "worse" for pair in self.pairs)


def prove(
    plan: Plan, base: str, new: str, *, tasks: Sequence[str], seeds: int, progress: Progress = silent
) -> Proof:
    """Fine-tune both with the same seeds, rows and steps, and compare them; the runs are not kept.

    Where base and new hold a model it is trained; otherwise each gets the plan's preset, sized to it.
    """
    if seeds < 2:
        raise AskedWrongly(f"an interval needs at least 2 seeds, and {seeds} was asked for", fix="--seeds 5")
    numbers = tuple(range(plan.seed, plan.seed + seeds))
    model = _model(plan, base, new)
    pairs = []
    for task in tasks:
        done: dict[str, list[Run]] = {base: [], new: []}
        for seed in numbers:
            for name in dict.fromkeys((base, new)):
                said = f"{task}, seed {seed}, {name}"
                done[name].append(_run(replace(plan, task=task, seed=seed), name, model, said, progress))
        pairs.append(_pair(task, numbers, (base, done[base]), (new, done[new])))
    return Proof(model=model or "each its own", pairs=tuple(pairs))


def interval(differences: Sequence[float], *, level: float = LEVEL) -> tuple[float, float]:
    """Bounds of the mean of paired differences by Student's t with n - 1 degrees of freedom.

    >>> low, high = interval([1.0, 2.0, 3.0])
    >>> round(low, 3), round(high, 3)
    (-0.484, 4.484)
    """
    from scipy.stats import t

    count = len(differences)
    middle = fmean(differences)
    half = float(t.ppf((1 + level) / 2, count - 1)) * stdev(differences) / math.sqrt(count)
    return middle - half, middle + half


def _model(plan: Plan, base: str, new: str) -> str | None:
    """The preset for both, or None where both bring a model."""
    with_model = [(Path(name).expanduser() / "config.json").is_file() for name in (base, new)]
    if all(with_model):
        return None
    if any(with_model) and plan.model not in PRESETS:
        raise AskedWrongly(
            "one of the two holds a model and the other does not", fix="--model bert-tiny for both"
        )
    return plan.model


def _run(plan: Plan, name: str, model: str | None, said: str, progress: Progress) -> Run:
    with TemporaryDirectory(prefix="tokbench-") as place:
        chosen = replace(plan, tokenizer=name, model=model or name, output=str(Path(place) / "run"))

        def tell(stage: str, done: int, total: int | None = None) -> None:
            progress(stage, done, total)
            note(progress, stage, said)

        return finetune(chosen, progress=tell)


def _pair(task: str, seeds: tuple[int, ...], base: tuple[str, list[Run]], new: tuple[str, list[Run]]) -> Pair:
    metric = base[1][0].main[0]
    sides = [_side(name, runs, metric) for name, runs in (base, new)]
    differences = [after - before for before, after in zip(sides[0].values, sides[1].values, strict=True)]
    low, high = interval(differences)
    return Pair(
        task=task,
        metric=metric,
        seeds=seeds,
        base=sides[0],
        new=sides[1],
        difference=fmean(differences),
        low=low,
        high=high,
    )


def _side(name: str, runs: list[Run], metric: str) -> Side:
    return Side(
        name=name,
        values=tuple(run.metrics[metric] for run in runs),
        tokens_per_row=runs[0].tokens / runs[0].train_rows,
        seconds=fmean(run.seconds for run in runs),
    )
