"""A run that is a guest in another trainer: its step and losses, what a checkpoint holds, how it goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice

import torch
from torch import nn

from tokbench.finetuning.checkpoints import Checkpoint, Keeper
from tokbench.finetuning.config import FinetuneConfig
from tokbench.finetuning.data.alignment import UNLABELLED
from tokbench.finetuning.data.batches import Batch, Batches
from tokbench.finetuning.device import Machine
from tokbench.finetuning.engines.loop import STEPS_BETWEEN_LOOKS, Clock, FitResult, Losses
from tokbench.finetuning.engines.monitor import EvalMonitor, Weights, restore, weights_of
from tokbench.finetuning.engines.optimizer import (
    optimizer_of,
    optimizer_state,
    restore_optimizer_state,
    rows_with_gradient,
    share_of_rate,
)
from tokbench.progress import Progress, note


@dataclass
class TrainingState:
    """A training under way that another trainer steps through; what our loop keeps of its own, for that one.

    `best` gives the weights of the best evaluation, where they are not with the watch.
    """

    model: nn.Module
    batches: Batches
    plan: FinetuneConfig
    rate: float
    machine: Machine
    watch: EvalMonitor
    keeper: Keeper | None
    progress: Progress
    best: Callable[[], Weights] = dict
    step: int = 0
    last_look: int = 0
    notes: list[str] = field(default_factory=list)
    clock: Clock = field(default_factory=Clock)
    asked: list[int] = field(default_factory=list)  # not empty once Ctrl-C was pressed

    def __post_init__(self) -> None:
        every = STEPS_BETWEEN_LOOKS if self.machine.gpu else 1
        self.losses = Losses(every=every, steps=self.steps)
        self.optimizer = optimizer_of(self.model, self.rate, self.plan)
        self.found = self.keeper.newest() if self.keeper else None
        if self.found:
            self._take_up(self.found)
        self.done = self.step  # before this process began

    @property
    def steps(self) -> int:
        """Steps of the whole run."""
        return self.plan.epochs * len(self.batches)

    @property
    def rows_in_a_part(self) -> int:
        """Rows that are computed at once."""
        return -(-self.batches.size // self.plan.accumulate)

    @property
    def schedule(self) -> torch.optim.lr_scheduler.LambdaLR:
        """The course of the rate, from the step at which this process begins."""
        warmup = self.plan.warmup
        return torch.optim.lr_scheduler.LambdaLR(
            self.optimizer,
            lambda step: share_of_rate(min(self.done + step, self.steps - 1), self.steps, warmup),
        )

    def begin(self) -> None:
        """Draw from where the loop would draw, and count the time from now."""
        torch.manual_seed(self.plan.seed)
        self.clock = Clock()
        if self.found:
            restore_optimizer_state(self.optimizer, dict(self.found.tensors["optimizer"]))
            self.machine.set_random_state(self.found.tensors["random"])
            self.clock.before = self.found.facts["seconds"]
            self.found = None  # the tensors need not be held any longer

    def stepped(self) -> None:
        """One step more, and what is told of it."""
        self.step += 1
        if self.losses.seen and not self.losses.waiting and self.clock.noted():
            speed = f"{(self.step * self.batches.size) / self.clock.seconds:,.0f} rows/s"
            words = [f"loss {self.losses.mean(20):.3f}", *self._metric(), speed]
            note(self.progress, "train", " ".join(words))
        self.progress("train", self.step, self.steps)

    def since_last_look(self) -> float:
        """The mean loss of the steps since the last evaluation, which is now."""
        mean = self.losses.mean(max(1, self.step - self.last_look))
        self.last_look = self.step
        return mean

    def keep(self) -> None:
        """Write a checkpoint when one is due; after Ctrl-C do so and end the run."""
        stopping = bool(self.asked) and self.step < self.steps
        if self.keeper and (stopping or self.keeper.due(self.step)):
            with self.clock.stopped():
                self.keeper.save(self._checkpoint())
        if stopping:
            raise self.keeper.interrupted(self.step, self.steps) if self.keeper else KeyboardInterrupt

    def finished(self) -> FitResult:
        """What came of it, after the last look; the model has the weights that are to be kept."""
        mean, seconds = self.losses.mean(len(self.batches)), self.clock.seconds
        gradient = rows_with_gradient(self.model, self.optimizer)
        self.watch.weights = dict(self.best()) or self.watch.weights
        self.watch.finish(self.model, self.step, self.losses.mean(max(1, self.step - self.last_look)))
        if self.step < self.steps:
            self.notes.append(f"stopped early, after step {self.step:,} of {self.steps:,}")
        return FitResult(
            steps=self.step,
            loss=mean,
            seconds=seconds,
            gradient=gradient,
            losses=tuple(self.losses.seen),
            evaluations=tuple(self.watch.done),
            notes=tuple(self.notes),
        )

    def _checkpoint(self) -> Checkpoint:
        self.losses.look()
        best = self.best() or self.watch.weights
        tensors = {
            "model": weights_of(self.model),
            "optimizer": optimizer_state(self.optimizer),
            "random": self.machine.random_state(),
            **({"best": best} if best else {}),
        }
        facts = {
            "losses": self.losses.seen,
            "last_look": self.last_look,
            "seconds": self.clock.seconds,
            "watch": self.watch.facts(),
        }
        return Checkpoint(self.step, tensors, facts)

    def _take_up(self, found: Checkpoint) -> None:
        facts = found.facts
        restore(self.model, dict(found.tensors["model"]))
        self.step, self.last_look, self.losses.seen = found.step, facts["last_look"], list(facts["losses"])
        self.notes.append(f"resumed after step {found.step:,} of {self.steps:,}")
        self.watch.remember(facts["watch"], dict(found.tensors.get("best", {})))

    def _metric(self) -> list[str]:
        watch = self.watch
        return [f"{watch.metric} {watch.done[-1].metrics[watch.metric]:.4f}"] if watch.done else []


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


def in_parts(batch: Batch, size: int) -> list[tuple[float, Batch]]:
    """A batch cut into parts of `size` rows, each no wider than its longest row, with its share in the mean.

    Shares are of rows, or of labelled pieces where every piece has a label.
    """
    rows = len(batch["labels"])
    if rows <= size:
        return [(1.0, batch)]
    labelled = (batch["labels"] != UNLABELLED).reshape(rows, -1).sum(1)
    total = max(1, int(labelled.sum()))
    found = []
    for start in range(0, rows, size):
        share = int(labelled[start : start + size].sum()) / total
        if not share:
            continue  # nothing to learn from, and its mean would be 0 / 0
        part = {name: each[start : start + size] for name, each in batch.items()}
        real = part["attention_mask"].bool().any(0)
        part = {name: each[:, real] if each.ndim > 1 else each for name, each in part.items()}
        found.append((share, part))
    return found
