"""A new tokenizer compared with a base one over several seeds: the difference, and its interval."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import fmean, stdev
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from tokbench.errors import RunInterruptedError, UsageError
from tokbench.finetuning.config import PRESETS, FinetuneConfig
from tokbench.finetuning.multi import (
    RunStart,
    alone_with,
    settled,
    trained,
    without_objects,
)
from tokbench.finetuning.run_files import alone_in, place_of_object
from tokbench.finetuning.runner import Log, NamedProgress, told_once, train_once, unheard
from tokbench.finetuning.tasks import ALL
from tokbench.pretrained.lineage import Lineage, lineage_of, sha256_of
from tokbench.pretrained.on_disk import tokenizer_on_disk
from tokbench.progress import Progress, leading, silent
from tokbench.results import Result

if TYPE_CHECKING:
    from tokbench.finetuning.read_record import ReadRecord
    from tokbench.finetuning.result import Run
    from tokbench.pretrained.folder import TokenizerSource

BASE, NEW = "base", "new"
LEVEL = 0.95
METHOD = "Student's t on the differences of runs with the same seed"


@dataclass(frozen=True, kw_only=True)
class TokenizerRuns:
    """One tokenizer's runs: the main metric by seed, tokens a row in training, seconds of training.

    `rows_per_second` is the mean over runs, of training; lengths say more where a machine does other work.
    `why` says of each run why it learned nothing, "" where it did; `remedy` what may help the first such one.
    """

    name: str
    values: tuple[float, ...]
    tokens_per_row: float
    seconds: float  # mean of one run
    rows_per_second: float = 0.0
    why: tuple[str, ...] = ()
    remedy: str = ""

    @property
    def mean(self) -> float:
        """The mean of the metric."""
        return fmean(self.values)

    @property
    def learned(self) -> bool:
        """Whether one of its runs at least learned something."""
        return not self.why or not all(self.why)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Both on one task; `low` and `high` bound the mean difference new - base at LEVEL.

    `constant` is what one and the same answer to all rows scores, `read` how the first run's rows were read.
    """

    task: str
    metric: str
    seeds: tuple[int, ...]
    base: TokenizerRuns
    new: TokenizerRuns
    difference: float
    low: float
    high: float
    constant: float = 0.0
    read: ReadRecord | None = None

    @property
    def verdict(self) -> str:
        """What the interval lets one say; nothing of a tokenizer with which nothing was learned."""
        if not (self.base.learned and self.new.learned):
            return "not comparable"
        if self.low > 0:
            return "better"
        return "worse" if self.high < 0 else "no difference shown"


@dataclass(frozen=True, kw_only=True, repr=False)
class Proof(Result, kind="proof", table="pairs"):
    """Base against new on every task asked for; `lineage` is what new was made of, where it was of base."""

    model: str
    pairs: tuple[Pair, ...]
    level: float = LEVEL
    method: str = METHOD
    lineage: Lineage | None = None

    @property
    def held(self) -> bool:
        """Whether both learned everywhere, and new is shown to be worse nowhere."""
        return all(pair.verdict not in ("worse", "not comparable") for pair in self.pairs)


def prove(
    base: TokenizerSource,
    new: TokenizerSource,
    config: FinetuneConfig | None = None,
    *,
    task: str | Sequence[str] | None = None,
    seeds: int = 5,
    output: str | Path | None = None,
    force: bool = False,
    resume: bool = False,
    progress: Progress = silent,
    log: Log = unheard,
    **options: Any,  # noqa: ANN401  whatever the fields of FinetuneConfig hold
) -> Proof:
    """Fine-tune with both tokenizers, with the same seeds, rows and steps, and compare; no weights are kept.

    Where base and new hold a model it is trained; otherwise each gets the preset, sized to it. `task` is
    one or several, or "own" or "ner" for files of one's own; `options` are fields of FinetuneConfig, instead
    of a config or in the place of its own. Dev rows that are cut off are others with every seed.
    With an `output` the numbers of every run are kept there, and `resume` does not make them again.

    >>> import tokbench as tb
    >>> one, two = (tb.train(["a good film", "a bad film"] * 9, "wordpiece", vocab_size=v) for v in (30, 40))
    >>> small = {"model": "bert-tiny", "data": "sample", "max_train_rows": 8, "epochs": 1}
    >>> proof = tb.prove(one, two, task="sst2", seeds=2, **small)
    >>> proof.pairs[0].metric, proof.pairs[0].seeds
    ('accuracy', (42, 43))
    """
    if seeds < 2:
        raise UsageError(f"an interval needs at least 2 seeds, and {seeds} was asked for", fix="--seeds 5")
    if resume and output is None:
        raise UsageError("there is nothing to resume without a folder", fix="-o FOLDER keeps the runs there")
    start = RunStart(force=force, resume=resume, log=log, progress=progress)
    with ExitStack() as stack:
        chosen, objects = without_objects(config, options)
        kept = None if output is None else str(output)
        chosen = stack.enter_context(alone_with(chosen, objects, kept))
        names = [
            stack.enter_context(tokenizer_on_disk(each, place_of_object(kept, side)))
            for side, each in ((BASE, base), (NEW, new))
        ]
        tasks = (chosen.task,) if task is None else (task,) if isinstance(task, str) else tuple(task)
        if ALL in tasks:
            raise UsageError("all is no task that is compared on", fix="--task cola --task sst2")
        place = stack.enter_context(_place(None if output is None else Path(output)))
        return _proof(chosen, (names[0], names[1]), tasks, seeds=seeds, place=place, start=start)


def _proof(
    config: FinetuneConfig,
    names: tuple[str, str],
    tasks: Sequence[str],
    *,
    seeds: int,
    place: Path,
    start: RunStart,
) -> Proof:
    """Both tokenizers, base and new, on every task with every seed."""
    base, new = names
    numbers = tuple(range(config.seed, config.seed + seeds))
    model = _model(config, base, new)
    starts = {task: replace(start, log=told_once(start.log)) for task in tasks}
    shared = {
        task: settled(replace(config, task=task, tokenizer=base, model=model or base), starts[task])
        for task in tasks
    }
    configs = {
        f"{task}/seed-{seed}/{side}": replace(
            shared[task],
            seed=seed,
            tokenizer=name,
            model=model or name,
            output=str(place / task / f"seed-{seed}" / side),
        )
        for task in tasks
        for seed in numbers
        for side, name in ((BASE, base), (NEW, new))
        if (side, name) != (NEW, base)  # against itself: run once
    }
    runs = trained(configs, partial(_run, starts=starts, first=config.seed), start)
    pairs = []
    for task in tasks:
        before = [runs[f"{task}/seed-{seed}/{BASE}"] for seed in numbers]
        after = [
            runs.get(f"{task}/seed-{seed}/{NEW}", run) for seed, run in zip(numbers, before, strict=True)
        ]
        pairs.append(_pair(task, numbers, (base, before), (new, after)))
    return Proof(model=model or "each its own", pairs=tuple(pairs), lineage=_lineage(base, new))


def _lineage(base: str, new: str) -> Lineage | None:
    """What `new` was made of, if that is `base`."""
    lineage = lineage_of(new)
    if lineage is None or not lineage.base_sha256 or lineage.base_sha256 != sha256_of(base):
        return None
    return lineage


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


def _model(config: FinetuneConfig, base: str, new: str) -> str | None:
    """The preset for both, or None where both bring a model."""
    with_model = [(Path(name).expanduser() / "config.json").is_file() for name in (base, new)]
    if all(with_model):
        return None
    if any(with_model) and config.model not in PRESETS:
        raise UsageError(
            "one of the two holds a model and the other does not", fix="--model bert-tiny for both"
        )
    return config.model


@contextmanager
def _place(output: Path | None) -> Iterator[Path]:
    """Where the runs go: the output, or a place that is gone afterwards, also when they are stopped."""
    if output is not None:
        yield output
        return
    with TemporaryDirectory(prefix="tokbench-") as place:
        try:
            yield Path(place)
        except RunInterruptedError as stop:
            raise RunInterruptedError(
                "stopped, and nothing was kept",
                fix="-o FOLDER keeps the runs, and --resume goes on with them",
            ) from stop


def _run(
    config: FinetuneConfig,
    *,
    force: bool,
    resume: bool,
    finished: Run | None,
    starts: Mapping[str, RunStart],
    first: int,
) -> Run:
    """The run that is finished, or that is made now; its weights are not kept.

    What was read is told with the `first` seed: others may draw other rows, and no other columns or classes.
    """
    if finished:
        return finished

    start = starts[config.task]
    told = NamedProgress(start.progress, f"{config.task}, seed {config.seed}, {config.tokenizer}")
    log = start.log if config.seed == first else unheard
    with alone_in(config.output):
        run = train_once(config, force=force, resume=resume, read=start.read, progress=told, log=log)
    if leading():
        (Path(config.output) / "model.safetensors").unlink(missing_ok=True)
    return run


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
        constant=base[1][0].majority[metric],
        read=base[1][0].read,
    )


def _side(name: str, runs: list[Run], metric: str) -> TokenizerRuns:
    return TokenizerRuns(
        name=name,
        values=tuple(run.metrics[metric] for run in runs),
        tokens_per_row=runs[0].tokens / runs[0].train_rows,
        seconds=fmean(run.seconds for run in runs),
        rows_per_second=fmean(run.rows_per_second for run in runs),
        why=tuple(run.why for run in runs),
        remedy=next((run.remedy for run in runs if run.remedy), ""),
    )
