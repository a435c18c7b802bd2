"""One training loop and one prediction loop, on a CPU or a GPU, in one process or several."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tokbench.errors import NegativeResultError
from tokbench.finetuning.checkpoints import Checkpoint, Keeper
from tokbench.finetuning.config import FinetuneConfig
from tokbench.finetuning.data.batches import Batches, DeviceCollator, by_length
from tokbench.finetuning.data.tokenize import in_row_order
from tokbench.finetuning.device import Machine
from tokbench.finetuning.engines.distributed import ALONE, Team, of_other_size, team_of
from tokbench.finetuning.engines.monitor import EvalMonitor, restore, weights_of
from tokbench.finetuning.engines.optimizer import (
    optimizer_of,
    optimizer_state,
    restore_optimizer_state,
    rows_with_gradient,
    set_rate,
    share_of_rate,
)
from tokbench.finetuning.engines.step import GraphStepper, Stepper, replayable
from tokbench.finetuning.result import Evaluation
from tokbench.native.ragged import Ids
from tokbench.progress import Progress, note, silent

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
        """Read what waits; AnswerIsNo with the step of the first that is no number."""
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


SECONDS_BETWEEN_NOTES = 0.2
ROWS_PREDICTED = 256  # at once on a GPU, whatever a training step has


@dataclass(frozen=True)
class FitResult:
    """What came of training: the model itself is changed in place."""

    steps: int
    loss: float  # mean over the last epoch
    seconds: float  # without evaluations and checkpoints
    gradient: NDArray[np.bool_]  # for each row of the input embedding, whether it ever got a gradient
    losses: tuple[float, ...] = ()  # one a step
    evaluations: tuple[Evaluation, ...] = ()
    notes: tuple[str, ...] = ()
    replayed: int = 0  # steps that were replayed as CUDA graphs


def fit(
    model: nn.Module,
    batches: Batches,
    plan: FinetuneConfig,
    *,
    rate: float,
    machine: Machine,
    watch: EvalMonitor | None = None,
    keeper: Keeper | None = None,
    progress: Progress = silent,
) -> FitResult:
    """Train `model` on `batches` for the plan's epochs; the same plan on the same CPU gives the same bits.

    With a watch it evaluates on the way, may stop early, and leaves the weights that are to be kept; with a
    keeper it goes on from a checkpoint and leaves some. Interrupted on Ctrl-C, after the last one.
    """
    team = team_of(gpu=machine.gpu)
    torch.manual_seed(plan.seed + team.rank)
    run = _Run(model, batches, plan, rate=rate, machine=machine, team=team)
    found = keeper.newest() if keeper else None
    if found:
        run.take_up(found, watch)
    model.train()
    with interruptible() as asked, machine.keeping_memory():
        for step, rows in _remaining(batches, plan.epochs, run.step):
            run.go(step, rows, progress)
            if watch and watch.due(step):
                run.look(watch, progress)
            due = keeper is not None and team.leads and keeper.due(step)
            stopping, due = team.agree(bool(asked) and step < run.steps, due)
            if keeper and (due or stopping):
                random = team.gathered(machine.random_state())
                if team.leads:
                    keeper.save(run.checkpoint(watch, random))
            if stopping:
                raise keeper.interrupted(step, run.steps) if keeper else KeyboardInterrupt
            if watch and watch.enough:
                break
    return run.finished(watch)


class _Run:
    """A training under way: everything a checkpoint must hold."""

    def __init__(
        self,
        model: nn.Module,
        batches: Batches,
        plan: FinetuneConfig,
        *,
        rate: float,
        machine: Machine,
        team: Team,
    ) -> None:
        self.model, self.batches, self.plan, self.rate, self.machine = model, batches, plan, rate, machine
        self.settings = plan
        self.steps = plan.epochs * len(batches)
        graphs = replayable(self.settings, machine, team)
        self.optimizer = optimizer_of(model, rate, self.settings, capturable=graphs)
        kind = GraphStepper if graphs else Stepper
        self.stepper = kind(model, self.optimizer, batches, self.settings, machine, team)
        self.losses = Losses(every=STEPS_BETWEEN_LOOKS if machine.gpu else 1, steps=self.steps)
        self.step = self.last_look = 0
        self.clock = Clock()
        self.words = ""

    def go(self, step: int, rows: Ids, progress: Progress) -> None:
        """One step."""
        share = share_of_rate(step - 1, self.steps, self.settings.warmup)
        set_rate(self.optimizer, self.rate * share)
        read = self.losses.add(self.stepper(rows))
        self.step = step
        if read and self.clock.noted():
            speed = f"{step * self.batches.size / self.clock.seconds:,.0f} rows/s"
            note(progress, "train", f"loss {self.losses.mean(20):.3f} {self.words}{speed}")
        progress("train", step, self.steps)

    def look(self, watch: EvalMonitor, progress: Progress) -> None:
        """Evaluate, with the clock stopped."""
        loss = self.losses.mean(self.step - self.last_look)
        with self.clock.stopped():
            found = watch.look(self.model, self.step, loss)
        self.last_look = self.step
        self.words = f"{watch.metric} {found.metrics[watch.metric]:.4f} "

    def checkpoint(self, watch: EvalMonitor | None, random: Mapping[str, torch.Tensor]) -> Checkpoint:
        """All of it, as tensors and facts; `random` is where every process draws."""
        self.losses.look()
        tensors = {
            "model": weights_of(self.model),
            "optimizer": optimizer_state(self.optimizer),
            "random": random,
            **({"best": watch.weights} if watch and watch.weights else {}),
        }
        facts = {
            "losses": self.losses.seen,
            "last_look": self.last_look,
            "parts": self.stepper.parts,
            "notes": self.stepper.notes,
            "seconds": self.clock.seconds,
            "processes": self.stepper.team.size,
            "watch": watch.facts() if watch else None,
        }
        return Checkpoint(self.step, tensors, facts)

    def take_up(self, found: Checkpoint, watch: EvalMonitor | None) -> None:
        """Go on where a checkpoint stopped."""
        facts = found.facts
        restore(self.model, dict(found.tensors["model"]))
        restore_optimizer_state(self.optimizer, dict(found.tensors["optimizer"]))
        if drawn := self.stepper.team.own(found.tensors["random"]):
            self.machine.set_random_state(drawn)
        self.step, self.last_look, self.losses.seen = found.step, facts["last_look"], list(facts["losses"])
        self.stepper.parts = facts["parts"]
        self.stepper.notes = [*facts["notes"], f"resumed after step {found.step:,} of {self.steps:,}"]
        self.stepper.notes += of_other_size(facts.get("processes", 1), self.stepper.team)
        self.clock.before = facts["seconds"]
        if watch and facts["watch"]:
            watch.remember(facts["watch"], dict(found.tensors.get("best", {})))

    def finished(self, watch: EvalMonitor | None) -> FitResult:
        """What came of it, after the last look."""
        mean = self.losses.mean(len(self.batches))  # reads from the GPU, so the time after it is true
        seconds = self.clock.seconds
        gradient = rows_with_gradient(self.model, self.optimizer)
        if watch:
            watch.finish(self.model, self.step, self.losses.mean(max(1, self.step - self.last_look)))
        if self.step < self.steps:
            self.stepper.notes.append(f"stopped early, after step {self.step:,} of {self.steps:,}")
        return FitResult(
            steps=self.step,
            loss=mean,
            seconds=seconds,
            gradient=gradient,
            losses=tuple(self.losses.seen),
            evaluations=tuple(watch.done) if watch else (),
            notes=tuple(self.stepper.notes),
            replayed=self.stepper.replayed,
        )


@dataclass
class Clock:
    """Counts seconds, and can be stopped for a while."""

    before: float = 0.0
    began: float = field(default_factory=time.perf_counter)
    told: float = 0.0

    @property
    def seconds(self) -> float:
        """Seconds counted so far."""
        return self.before + time.perf_counter() - self.began

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Do not count what happens inside."""
        start = time.perf_counter()
        yield
        self.began += time.perf_counter() - start

    def noted(self) -> bool:
        """Whether it is time to say something again."""
        now = time.perf_counter()
        if now - self.told < SECONDS_BETWEEN_NOTES:
            return False
        self.told = now
        return True


@contextmanager
def interruptible() -> Iterator[list[int]]:
    """A list that Ctrl-C puts something into, so that a step can be finished; a second one ends at once.

    SIGTERM does the same: it is how a cluster takes a machine back.
    """
    asked: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return

    def ask(number: int, _: object) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)

    old = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def predict(
    model: nn.Module, batches: Batches, *, machine: Machine, team: Team = ALONE, progress: Progress = silent
) -> NDArray[np.float32]:
    """Logits (rows, labels) in the order of the rows, whatever order they were computed in.

    With a team every process computes some batches, and gets the logits of all; each has to call it then.
    """
    model.eval()
    encoded = batches.encoded
    feeder = DeviceCollator(encoded, batches.feed, machine)
    rows_done = 0
    size = max(batches.size, ROWS_PREDICTED) if machine.gpu else batches.size
    orders = by_length(encoded.lengths, size)
    team = team if team.size <= len(orders) else ALONE
    parts: dict[int, torch.Tensor] = {}
    with torch.inference_mode(), machine.autocast():
        for place, rows in enumerate(orders):
            if place % team.size == team.rank:
                batch = feeder(rows)
                batch.pop("labels")
                parts[place] = of_pieces(model(**batch).logits.float(), batch["attention_mask"])
            rows_done += len(rows)
            progress("evaluate", rows_done, len(encoded))
    one = next(iter(parts.values()))
    tagged = encoded.units is not None
    counts = [int(encoded.lengths[rows].sum()) if tagged else len(rows) for rows in orders]
    every = [
        parts[place] if place in parts else one.new_zeros(count, *one.shape[1:])
        for place, count in enumerate(counts)
    ]
    return in_row_order(team.whole(torch.cat(every)), np.concatenate(orders), encoded)


def of_pieces(logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Logits (B, T, labels) of a tagging model as (pieces, labels), padding left out; others as they are."""
    return logits[mask.bool()] if logits.ndim == 3 else logits


def _remaining(batches: Batches, epochs: int, done: int) -> Iterator[tuple[int, Ids]]:
    """Step numbers from 1 and their rows, after the steps that are done."""
    for epoch in range(done // len(batches), epochs):
        for place, rows in enumerate(batches.orders(epoch)):
            step = epoch * len(batches) + place + 1
            if step > done:
                yield step, rows
