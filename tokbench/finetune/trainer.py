"""The engine of transformers' Trainer, with our batches, rates and evaluations."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import torch
from torch import nn
from transformers import (
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from tokbench.finetune.batches import Batch, Batches
from tokbench.finetune.checkpoints import Keeper
from tokbench.finetune.foreign import own_fields
from tokbench.finetune.loop import Clock, Fit
from tokbench.finetune.losses import STEPS_BETWEEN_LOOKS, Losses
from tokbench.finetune.machine import Machine
from tokbench.finetune.optimizer import optimizer_of, rows_with_gradient, share_of_rate
from tokbench.finetune.plan import Plan
from tokbench.finetune.watching import Watch
from tokbench.progress import Progress

PLANNED = {
    "learning_rate": "--learning-rate",
    "num_train_epochs": "--epochs",
    "per_device_train_batch_size": "--batch-size",
    "max_grad_norm": "--set clip=1.0",
    "seed": "--seed",
    "bf16": "--precision bf16",
    "use_cpu": "--device cpu",
    "output_dir": "-o FOLDER",
    "warmup_steps": "--set warmup=0.06",
    "eval_strategy": "--set evaluate_every=100",
    "eval_steps": "--set evaluate_every=100",
    "save_strategy": "--set keep=best",
}


def fit(
    model: nn.Module,
    batches: Batches,
    plan: Plan,
    *,
    rate: float,
    machine: Machine,
    watch: Watch,
    keeper: Keeper | None,
    progress: Progress,
) -> Fit:
    """Train as the loop does, by transformers' Trainer."""
    steps = plan.epochs * len(batches)
    settings = plan.chosen
    known = tuple(each.name for each in fields(TrainingArguments))
    chosen = own_fields(plan, known, planned=PLANNED)
    optimizer = optimizer_of(model, rate, settings)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: share_of_rate(min(step, steps - 1), steps, settings.warmup)
    )
    losses = Losses(every=STEPS_BETWEEN_LOOKS if machine.gpu else 1, steps=steps)
    following = _Following(plan, watch, losses, progress)
    with tempfile.TemporaryDirectory(prefix="tokbench-") as place:
        arguments = TrainingArguments(
            output_dir=place,
            num_train_epochs=plan.epochs,
            per_device_train_batch_size=plan.batch_size,
            max_grad_norm=settings.clip,
            seed=plan.seed,
            use_cpu=not machine.gpu,
            save_strategy="no",
            logging_strategy="no",
            report_to="none",
            disable_tqdm=True,
            remove_unused_columns=False,
            **chosen,
        )
        trainer = _Trainer(
            model=model, args=arguments, optimizers=(optimizer, schedule), callbacks=[following]
        )
        trainer.remove_callback(PrinterCallback)
        trainer.ours = (batches, machine, losses)
        trainer.train()
    return following.finished(model, optimizer, len(batches))


class _Trainer(Trainer):
    """The Trainer, fed with our batches; its losses are kept, not logged."""

    ours: tuple[Batches, Machine, Losses]

    def get_train_dataloader(self) -> Any:  # noqa: ANN401  anything with a length that gives batches
        """Our batches, epoch after epoch."""
        return _Epochs(self.ours[0])

    def training_step(self, *given: Any, **named: Any) -> torch.Tensor:  # noqa: ANN401
        """The Trainer's step."""
        loss: torch.Tensor = super().training_step(*given, **named)
        self.ours[2].add(loss.detach())
        return loss

    def autocast_smart_context_manager(self, *_: Any, **__: Any) -> contextlib.AbstractContextManager[Any]:  # noqa: ANN401
        """The precision that every engine computes in."""
        return self.ours[1].autocast()


class _Epochs:
    """Batches as the Trainer wants to be given them: an iterable with a length, a new epoch each time."""

    def __init__(self, batches: Batches) -> None:
        self.batches = batches
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.batches)

    def set_epoch(self, epoch: int) -> None:
        """The epoch that comes next."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[Batch]:
        yield from self.batches.epoch(self.epoch)


class _Following(TrainerCallback):
    """Evaluates, tells and stops where the loop does."""

    def __init__(self, plan: Plan, watch: Watch, losses: Losses, progress: Progress) -> None:
        self.plan, self.watch, self.losses, self.progress = plan, watch, losses, progress
        self.clock = Clock()
        self.step = self.last_look = 0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        """Draw from where the loop draws."""
        torch.manual_seed(self.plan.seed)
        self.clock = Clock()

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **given: Any,  # noqa: ANN401
    ) -> None:
        """Look at the dev rows when it is time."""
        self.step = state.global_step
        self.progress("train", self.step, state.max_steps)
        if self.watch.due(self.step):
            loss = self.losses.mean(self.step - self.last_look)
            with self.clock.stopped():
                self.watch.look(given["model"], self.step, loss)
            self.last_look = self.step
            control.should_training_stop |= self.watch.enough

    def finished(self, model: nn.Module, optimizer: torch.optim.Optimizer, epoch: int) -> Fit:
        """What came of it, after the last look."""
        mean, seconds = self.losses.mean(epoch), self.clock.seconds
        gradient = rows_with_gradient(model, optimizer)
        self.watch.finish(model, self.step, self.losses.mean(max(1, self.step - self.last_look)))
        return Fit(
            steps=self.step,
            loss=mean,
            seconds=seconds,
            gradient=gradient,
            losses=tuple(self.losses.seen),
            evaluations=tuple(self.watch.done),
        )
