"""The engine of Lightning, with our batches and rates: a module, a data module, its own callbacks."""

from __future__ import annotations

import inspect
import logging
import tempfile
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from tokbench.errors import MissingExtra

if find_spec("lightning") is None:
    raise MissingExtra("--engine lightning", "lightning", extra="lightning")

import lightning
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger

from tokbench.finetune.batches import Batch, Batches, by_length, padded
from tokbench.finetune.board import NAME as TENSORBOARD
from tokbench.finetune.checkpoints import Keeper
from tokbench.finetune.encoding import Ids, in_order
from tokbench.finetune.foreign import own_fields
from tokbench.finetune.judging import Judge
from tokbench.finetune.loop import Clock, Fit, of_pieces
from tokbench.finetune.losses import STEPS_BETWEEN_LOOKS, Losses
from tokbench.finetune.machine import Machine
from tokbench.finetune.optimizer import optimizer_of, rows_with_gradient, share_of_rate
from tokbench.finetune.plan import Plan
from tokbench.finetune.watching import Watch, restore
from tokbench.progress import Progress

PLANNED = {
    "max_epochs": "--epochs",
    "gradient_clip_val": "--set clip=1.0",
    "precision": "--precision bf16",
    "accelerator": "--device cpu",
    "devices": "--device cuda",
    "fast_dev_run": "--fast-dev-run 3",
    "val_check_interval": "--set evaluate_every=100",
    "callbacks": "--set patience=3",
    "logger": "--set report_to=tensorboard",
    "default_root_dir": "-o FOLDER",
}


class Classifier(lightning.LightningModule):
    """A model, its optimizer and its metrics, as Lightning calls them."""

    def __init__(self, model: nn.Module, plan: Plan, *, rate: float, steps: int) -> None:
        super().__init__()
        self.save_hyperparameters({"rate": rate, "steps": steps, **dict(plan.settings)})
        self.model, self.plan, self.rate, self.steps = model, plan, rate, steps
        self.losses = Losses(every=1, steps=steps)
        self.logits: dict[int, list[torch.Tensor]] = {}
        self.watch: Watch | None = None
        self.last_look = 0

    def on_train_start(self) -> None:
        """Train mode: a model that was loaded is in evaluation mode, and Lightning would leave it there."""
        self.model.train()
        torch.manual_seed(self.plan.seed)

    def training_step(self, batch: Batch, _: int) -> torch.Tensor:
        """The loss of one batch."""
        loss: torch.Tensor = self.model(**batch).loss
        self.losses.add(loss.detach())
        return loss

    def validation_step(self, batch: Batch, _: int, dataloader_idx: int = 0) -> None:
        """Keep the logits of one batch of dev rows."""
        given = {name: each for name, each in batch.items() if name != "labels"}
        found = of_pieces(self.model(**given).logits.float(), batch["attention_mask"])
        self.logits.setdefault(dataloader_idx, []).append(found)

    def on_validation_epoch_end(self) -> None:
        """Metrics over all dev rows, under the names that checkpoints and early stopping watch."""
        watch, data = self.watch, self.trainer.datamodule  # type: ignore[attr-defined]
        if watch is None or self.trainer.sanity_checking:
            return
        logits = {name: data.in_order(name, self.logits.pop(at)) for at, name in enumerate(data.evaluation)}
        assert isinstance(watch.evaluate, Judge)
        found = watch.evaluate.weigh(logits)
        step = self.global_step
        watch.record(step, self.losses.mean(max(1, step - self.last_look)), found)
        self.last_look = step
        self.log_dict({f"dev_{name}": value for name, value in found.items()})

    def configure_gradient_clipping(
        self, _: object, gradient_clip_val: float | None = None, gradient_clip_algorithm: str | None = None
    ) -> None:
        """Clip as the loop does: Lightning's own way refuses an optimizer in one kernel under bf16."""
        if gradient_clip_val and gradient_clip_algorithm == "value":
            nn.utils.clip_grad_value_(self.model.parameters(), gradient_clip_val)
        elif gradient_clip_val:
            nn.utils.clip_grad_norm_(self.model.parameters(), gradient_clip_val)

    def configure_optimizers(self) -> Any:  # noqa: ANN401  Lightning's own shape
        """AdamW and the course of its rate, a step at a time."""
        settings = self.plan.chosen
        optimizer = optimizer_of(self.model, self.rate, settings)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: share_of_rate(min(step, self.steps - 1), self.steps, settings.warmup)
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class Rows(lightning.LightningDataModule):
    """The train batches of each epoch, and every dev split in batches."""

    def __init__(self, batches: Batches, evaluation: dict[str, Batches]) -> None:
        super().__init__()
        self.batches, self.evaluation = batches, evaluation
        self.orders = {name: by_length(each.encoded.lengths, each.size) for name, each in evaluation.items()}

    def train_dataloader(self) -> _Loader:
        """The batches of the epoch that begins."""
        return _Loader(self.batches)

    def val_dataloader(self) -> list[_Split]:
        """The dev splits, longest rows first."""
        return [_Split(self.evaluation[name], order) for name, order in self.orders.items()]

    def in_order(self, name: str, parts: list[torch.Tensor]) -> np.ndarray[Any, Any]:
        """Logits of a split in the order of its rows."""
        found = torch.cat(parts).cpu().numpy()
        return in_order(found, np.concatenate(self.orders[name]), self.evaluation[name].encoded)


class _Loader:
    """Batches with a length; each time it is gone through it is the next epoch."""

    def __init__(self, batches: Batches) -> None:
        self.batches, self.epoch = batches, 0

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Batch]:
        self.epoch += 1
        yield from self.batches.epoch(self.epoch - 1)


class _Split:
    """The batches of a dev split: no list, which Lightning would take for a list of loaders."""

    def __init__(self, batches: Batches, order: list[Ids]) -> None:
        self.batches, self.order = batches, order

    def __len__(self) -> int:
        return len(self.order)

    def __iter__(self) -> Iterator[Batch]:
        return (padded(self.batches.encoded, rows, self.batches.feed) for rows in self.order)


class _Telling(Callback):
    """Passes on how far the training is."""

    def __init__(self, progress: Progress, steps: int) -> None:
        self.progress, self.steps, self.clock = progress, steps, Clock()

    def on_train_start(self, *_: object) -> None:
        """The time before is not training."""
        self.clock = Clock()

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: object) -> None:
        """One step more."""
        self.progress("train", trainer.global_step, self.steps)


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
    """Train as the loop does, by Lightning's Trainer."""
    known = tuple(inspect.signature(lightning.Trainer.__init__).parameters)[1:]
    chosen = own_fields(plan, known, planned=PLANNED)
    assert isinstance(watch.evaluate, Judge)
    steps = plan.epochs * len(batches)
    module = Classifier(model, plan, rate=rate, steps=steps)
    module.watch = watch
    module.losses.every = STEPS_BETWEEN_LOOKS if machine.gpu else 1
    telling = _Telling(progress, steps)
    data = Rows(batches, dict(watch.evaluate.evaluation))
    with tempfile.TemporaryDirectory(prefix="tokbench-") as place, _quiet():
        lightning.seed_everything(plan.seed, workers=True, verbose=False)
        best = ModelCheckpoint(
            dirpath=place, monitor=f"dev_{watch.metric}", mode=plan.chosen.mode, save_weights_only=True
        )
        trainer = lightning.Trainer(
            **_arguments(plan, machine, keeper), **chosen, callbacks=[best, telling, *_patience(plan, watch)]
        )
        trainer.fit(module, datamodule=data)
        seconds = telling.clock.seconds
        if not watch.done:
            watch.finish(model, trainer.global_step, module.losses.mean(len(batches)))
        if plan.chosen.keep == "best" and best.best_model_path:
            _restore(model, Path(best.best_model_path))
    machine.hold(model)
    optimizer = trainer.optimizers[0]
    return Fit(
        steps=trainer.global_step,
        loss=module.losses.mean(len(batches)),
        seconds=seconds,
        gradient=rows_with_gradient(model, optimizer),
        losses=tuple(module.losses.seen),
        evaluations=tuple(watch.done),
    )


def _arguments(plan: Plan, machine: Machine, keeper: Keeper | None) -> dict[str, Any]:
    """What the plan says, in Lightning's words."""
    settings = plan.chosen
    every = settings.evaluate_every
    logged = settings.report_to == TENSORBOARD and keeper is not None
    return {
        "max_epochs": plan.epochs,
        "accelerator": "gpu" if machine.gpu else "cpu",
        "devices": 1,
        "precision": "bf16-mixed" if machine.bf16 else "32-true",
        "gradient_clip_val": settings.clip or None,
        "val_check_interval": every or 1.0,
        "check_val_every_n_epoch": None if every else 1,
        "num_sanity_val_steps": 0,
        "fast_dev_run": settings.fast_dev_run or False,
        "logger": TensorBoardLogger(str(keeper.place), name=TENSORBOARD) if logged and keeper else False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }


def _patience(plan: Plan, watch: Watch) -> list[Callback]:
    if not plan.chosen.patience:
        return []
    return [EarlyStopping(f"dev_{watch.metric}", patience=plan.chosen.patience, mode=plan.chosen.mode)]


def _restore(model: nn.Module, path: Path) -> None:
    """Give the model the weights of a checkpoint; nothing but tensors and plain values is read."""
    found = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
    restore(model, {name.removeprefix("model."): each for name, each in found.items()})


class _quiet(warnings.catch_warnings):  # noqa: N801  a context like the one it extends
    """Lightning's lines about devices and tips, and warnings that its own parts cause."""

    def __enter__(self) -> Any:  # noqa: ANN401
        entered = super().__enter__()
        warnings.simplefilter("ignore")
        logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
        return entered
