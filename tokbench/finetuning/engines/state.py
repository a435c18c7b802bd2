"""The state of a training run, the same for every engine: steps, losses, checkpoints and the result."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, NoReturn, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tokbench.errors import NegativeResultError, ResourceError
from tokbench.finetuning.checkpoints import Checkpoint, CheckpointStore
from tokbench.finetuning.engines.distributed import ALONE, Team, of_other_size
from tokbench.finetuning.engines.interrupts import EvaluationStoppedError, interruptible
from tokbench.finetuning.engines.monitor import EvalMonitor, Weights, restore, weights_of
from tokbench.finetuning.engines.objective import PLAIN, Objective
from tokbench.finetuning.engines.step import (
    is_memory,
    optimizer_of,
    optimizer_state,
    restore_optimizer_state,
    rows_with_gradient,
    set_rate,
    share_of_rate,
)
from tokbench.finetuning.read_record import decimals
from tokbench.progress import Progress, event, note, silent

if TYPE_CHECKING:
    from tokbench.finetuning.config import FinetuneConfig
    from tokbench.finetuning.data.batches import Batch, Batches
    from tokbench.finetuning.defaults import StepPlan
    from tokbench.finetuning.device import Machine
    from tokbench.finetuning.result import Evaluation

SECONDS_BETWEEN_NOTES = 0.2
STEPS_BETWEEN_LOOKS = 50  # on a GPU: reading a loss makes it wait


class Losses:
    """The losses so far, one a step; `seen` holds those that were read."""

    def __init__(self, *, every: int, steps: int, seen: list[float] | None = None) -> None:
        self.every = every
        self.steps = steps
        self.waiting: list[torch.Tensor] = []
        self.seen: list[float] = seen or []

    def add(self, loss: torch.Tensor) -> bool:
        """Take one step's loss; whether all losses were read just now."""
        self.waiting.append(loss)
        full = len(self.waiting) >= self.every
        if full:
            self.look()
        return full

    def mean(self, last: int) -> float:
        """The mean of the last losses."""
        self.look()
        return float(np.mean(self.seen[-last:])) if self.seen else 0.0

    def look(self) -> None:
        """Read what waits; NegativeResultError with the step of the first that is no number."""
        if not self.waiting:
            return
        new = torch.stack(self.waiting).float().tolist()
        self.waiting.clear()
        bad = next((index for index, loss in enumerate(new, 1) if not np.isfinite(loss)), None)
        if bad is not None:
            step = len(self.seen) + bad
            first = "a model whose weights are finite: at step 1 nothing has been learned yet"
            raise NegativeResultError(
                f"the loss is {new[bad - 1]} at step {step} of {self.steps}",
                fix=first if step == 1 else "a lower --learning-rate",
            )
        self.seen += new


@dataclass(frozen=True)
class FitResult:
    """What came of training: the model itself is changed in place."""

    steps: int
    train_loss: float  # mean over the last tenth of the steps
    seconds: float  # without evaluations and checkpoints
    gradient: NDArray[np.bool_]  # for each row of the input embedding, whether it ever got a gradient
    losses: tuple[float, ...] = ()  # one a step
    evaluations: tuple[Evaluation, ...] = ()
    notes: tuple[str, ...] = ()
    replayed: int = 0  # steps that were replayed as CUDA graphs


@dataclass(frozen=True)
class TrainingJob:
    """What an engine trains, and how; without a monitor it does not evaluate, without a store not save."""

    model: nn.Module
    batches: Batches
    config: FinetuneConfig
    plan: StepPlan
    machine: Machine
    monitor: EvalMonitor | None = None
    checkpoint_store: CheckpointStore | None = None
    progress: Progress = silent
    objective: Objective = PLAIN
    asked: list[int] = field(default_factory=list)  # the signal that asks to stop, once it has come


class TrainerEngine(Protocol):
    """Trains a model in place: the config's seed, batches, rates and clipping, so that results agree."""

    def check(self, config: FinetuneConfig, /) -> None:
        """Nothing, or UsageError for a choice that the engine does not take."""

    def fit(self, job: TrainingJob, /) -> FitResult:
        """Train, and return what came of it; stopped on Ctrl-C after a checkpoint."""


@dataclass
class Clock:
    """Counts seconds, and can be stopped for a while."""

    before: float = 0.0
    began: float = field(default_factory=time.perf_counter)
    told: float = 0.0
    held: float | None = None  # since when it does not count

    @property
    def seconds(self) -> float:
        """Seconds counted so far."""
        now = time.perf_counter() if self.held is None else self.held
        return self.before + now - self.began

    def hold(self) -> None:
        """Count no further."""
        if self.held is None:
            self.held = time.perf_counter()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Do not count what happens inside."""
        outer = self.held is not None
        self.hold()
        yield
        if not outer and self.held is not None:
            self.began += time.perf_counter() - self.held
            self.held = None

    def noted(self) -> bool:
        """Whether it is time to say something again."""
        now = time.perf_counter()
        if now - self.told < SECONDS_BETWEEN_NOTES:
            return False
        self.told = now
        return True


class TrainingState:
    """A run between its first and its last step: everything that a checkpoint holds.

    `best` gives the weights of the best evaluation, where an engine keeps them outside the monitor.
    """

    def __init__(self, job: TrainingJob, *, team: Team = ALONE, capturable: bool = False) -> None:
        self.job, self.team = job, team
        self.model, self.machine, self.monitor = job.model, job.machine, job.monitor
        self.steps = job.plan.epochs * len(job.batches)
        self.losses = Losses(every=STEPS_BETWEEN_LOOKS if job.machine.gpu else 1, steps=self.steps)
        self.optimizer = optimizer_of(job.model, job.plan.learning_rate, job.config, capturable=capturable)
        self.best: Callable[[], Weights] = dict
        self.step = self.last_look = 0
        self.parts = job.config.accumulate  # in which a batch is computed
        self.notes: list[str] = []
        self.clock = Clock()
        self.to_evaluate = False  # whether the evaluation of the last step was left, and is made first
        self.found = job.checkpoint_store.newest() if job.checkpoint_store else None
        if self.found:
            self._resume(self.found)
        self.done = self.step  # before this process began

    @property
    def rows_in_a_part(self) -> int:
        """Rows that are computed at once."""
        return -(-self.job.batches.size // self.job.config.accumulate)

    @property
    def schedule(self) -> torch.optim.lr_scheduler.LambdaLR:
        """The course of the rate, from the step at which this process begins."""
        return torch.optim.lr_scheduler.LambdaLR(
            self.optimizer, lambda step: self._share(min(self.done + step, self.steps - 1))
        )

    def set_rate(self) -> None:
        """Give the optimizer the rate of the next step."""
        set_rate(self.optimizer, self.job.plan.learning_rate * self._share(self.step))

    def interruptible(self) -> AbstractContextManager[None]:
        """Where Ctrl-C ends the run after a checkpoint."""
        return interruptible(self.job.asked, self.model, self.job.progress)

    def goes_on(self) -> bool:
        """Whether there are steps to make, after the evaluation that a stopped run has left."""
        if self.to_evaluate:
            self.evaluate()
        if self.step < self.steps and not self.enough:
            return True
        self.begin()
        return False

    def begin(self) -> None:
        """Seed the random numbers, or go on with those of the checkpoint; count the time from now."""
        torch.manual_seed(self.job.config.seed + self.team.rank)
        self.clock = Clock()
        if self.found:
            restore_optimizer_state(self.optimizer, dict(self.found.tensors["optimizer"]))
            if drawn := self.team.own(self.found.tensors["random"]):
                self.machine.set_random_state(drawn)
            self.clock.before = self.found.facts["seconds"]
            self.found = None  # the tensors need not be held any longer

    def stepped(self) -> None:
        """Count a step, and show progress."""
        self.step += 1
        progress = self.job.progress
        if self.losses.seen and not self.losses.waiting and self.clock.noted():
            speed = f"{(self.step * self.job.batches.size) / self.clock.seconds:,.0f} rows/s"
            note(
                progress,
                "train",
                " ".join([f"loss {decimals(self.losses.mean(20), 3)}", *self._metric(), speed]),
            )
        progress("train", self.step, self.steps)

    def evaluate_if_due(self) -> None:
        """Evaluate when the monitor says so."""
        if self.monitor and self.monitor.due(self.step):
            self.evaluate()

    def evaluate(self) -> None:
        """Evaluate now, with the clock stopped; after Ctrl-C leave it, for whoever goes on."""
        loss = self.loss_since_last_look
        self.to_evaluate = True
        try:
            with self.clock.stopped():
                self.required_monitor.look(self.model, self.step, loss)
        except EvaluationStoppedError:
            self.stop()
        self.evaluated()

    def evaluated(self) -> None:
        """Count from here: the evaluation after this step is made."""
        self.last_look, self.to_evaluate = self.step, False
        if self.team.leads:
            rows, seconds = self.job.batches.size, self.clock.seconds
            event(self.job.progress, self.required_monitor.words(self.steps, rows, seconds))

    @property
    def required_monitor(self) -> EvalMonitor:
        """The monitor, for an engine that always evaluates."""
        assert self.monitor is not None
        return self.monitor

    @property
    def enough(self) -> bool:
        """Whether early stopping ends the run."""
        return self.monitor is not None and self.monitor.enough

    @property
    def loss_since_last_look(self) -> float:
        """The mean loss of the steps since the last evaluation."""
        return self.losses.mean(max(1, self.step - self.last_look))

    def keep(self) -> None:
        """Write a checkpoint when one is due; after Ctrl-C do so and end the run. Every process calls it."""
        checkpoint_store = self.job.checkpoint_store
        due = checkpoint_store is not None and self.team.leads and checkpoint_store.due(self.step)
        stopping, due = self.team.agree(bool(self.job.asked), due)
        if stopping:
            self.stop()
        if due:
            why = self._save()
            if why:
                self._tell(f"there is no checkpoint of step {self.step:,}: {why}; training goes on")

    def stop(self) -> NoReturn:
        """Write a checkpoint and end the run; every process calls it."""
        checkpoint_store = self.job.checkpoint_store
        if checkpoint_store is None:
            raise KeyboardInterrupt
        # what a run was resumed from and has not gone on from yet is there still
        why = "" if self.found else self._save()
        raise checkpoint_store.interrupted(self.step, self.steps, why=why)

    def _save(self) -> str:
        """Write a checkpoint; why it could not be written, which more room or memory would change."""
        checkpoint_store = self.job.checkpoint_store
        assert checkpoint_store is not None
        with self.clock.stopped():
            random = self.team.gathered(self.machine.random_state())
            if not self.team.leads:
                return ""
            try:
                checkpoint_store.save(self._checkpoint(random))
            except ResourceError as error:
                return error.message
            except (MemoryError, RuntimeError) as problem:
                if not is_memory(problem):
                    raise
                return "the memory is full"
        return ""

    def _tell(self, words: str) -> None:
        """Say it now, and in the result."""
        self.notes.append(words)
        event(self.job.progress, words)

    def finished(self) -> FitResult:
        """The result, after the last evaluation; the model has the weights that are to be kept."""
        last_tenth = max(1, round(self.step / 10))
        mean = self.losses.mean(last_tenth)  # waits for a GPU, so the time after it is true
        self.clock.hold()
        gradient = rows_with_gradient(self.model, self.optimizer)
        if self.monitor:
            self.monitor.weights, self.best = dict(self.best()) or self.monitor.weights, dict
            if not self.monitor.done or self.monitor.done[-1].step != self.step:
                self.evaluate()
            self.monitor.finish(self.model)
        early = [f"stopped early, after step {self.step:,} of {self.steps:,}"] * (self.step < self.steps)
        random = self.team.gathered(self.machine.random_state())
        if self.job.checkpoint_store:
            self.job.checkpoint_store.at_end = partial(self._checkpoint, random)
        return FitResult(
            steps=self.step,
            train_loss=mean,
            seconds=self.clock.seconds,
            gradient=gradient,
            losses=tuple(self.losses.seen),
            evaluations=tuple(self.monitor.done) if self.monitor else (),
            notes=(*self.notes, *early),
        )

    def _checkpoint(self, random: dict[str, torch.Tensor]) -> Checkpoint:
        """All of it, as tensors and facts; `random` is where every process draws."""
        self.losses.look()
        best = self.best() or (self.monitor.weights if self.monitor else {})
        tensors = {
            "model": weights_of(self.model),
            "optimizer": optimizer_state(self.optimizer),
            "random": random,
            **({"best": best} if best else {}),
        }
        facts = {
            "losses": self.losses.seen,
            "last_look": self.last_look,
            "to_evaluate": self.to_evaluate,
            "parts": self.parts,
            "notes": self.notes,
            "seconds": self.clock.seconds,
            "processes": self.team.size,
            "watch": self.monitor.facts() if self.monitor else None,
        }
        return Checkpoint(self.step, tensors, facts)

    def _resume(self, found: Checkpoint) -> None:
        facts = found.facts
        restore(self.model, dict(found.tensors["model"]))
        self.step, self.last_look, self.losses.seen = found.step, facts["last_look"], list(facts["losses"])
        self.to_evaluate = facts["to_evaluate"]
        self.parts = facts["parts"]
        self.notes = [*facts["notes"], f"resumed after step {found.step:,} of {self.steps:,}"]
        self.notes += of_other_size(facts["processes"], self.team)
        if self.monitor and facts["watch"]:
            self.monitor.remember(facts["watch"], dict(found.tensors.get("best", {})))

    def _share(self, step: int) -> float:
        return share_of_rate(step, self.steps, self.job.config.warmup)

    def _metric(self) -> list[str]:
        monitor = self.monitor
        done = monitor.done if monitor else []
        return [f"{monitor.metric} {done[-1].value(monitor.metric):.4f}"] if monitor and done else []


class Epochs:
    """Batches as trainers want to be given them: an iterable with a length, a new epoch each time.

    A run that goes on after some steps has one epoch, of all batches that are left.
    """

    def __init__(self, batches: Batches, *, epochs: int, done: int) -> None:
        self.batches, self.epochs, self.done, self.next = batches, epochs, done, 0

    def __len__(self) -> int:
        return self.epochs * len(self.batches) - self.done if self.done else len(self.batches)

    def __iter__(self) -> Iterator[Batch]:
        if self.done:
            first, skipped = divmod(self.done, len(self.batches))
            yield from islice(self.batches.epoch(first), skipped, None)
            for number in range(first + 1, self.epochs):
                yield from self.batches.epoch(number)
            return
        self.next += 1
        yield from self.batches.epoch(self.next - 1)


def in_parts(batch: Batch, size: int, objective: Objective) -> list[tuple[float, Batch]]:
    """A batch cut into parts of `size` rows, each no wider than its longest row, with its share in the mean.

    Shares are of what the objective counts: rows, labelled pieces, or their classes' weights.
    """
    rows = len(batch["labels"])
    if rows <= size:
        return [(1.0, batch)]
    counts = objective.counts(batch["labels"])
    total = float(counts.sum()) or 1.0
    found = []
    for start in range(0, rows, size):
        share = float(counts[start : start + size].sum()) / total
        if not share:
            continue  # nothing to learn from, and its mean would be 0 / 0
        part = {name: each[start : start + size] for name, each in batch.items()}
        real = part["attention_mask"].bool().any(0)
        wide = [name for name, each in part.items() if each.ndim > 1 and not each.is_floating_point()]
        part = {name: each[:, real] if name in wide else each for name, each in part.items()}
        found.append((share, part))
    return found
