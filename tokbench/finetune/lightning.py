"""The engine of Lightning: its Trainer, its checkpoints of the best weights, its early stopping."""

from __future__ import annotations

import inspect
import logging
import tempfile
import warnings
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import nn

from tokbench.errors import AskedWrongly, MissingExtra

if find_spec("lightning") is None:
    raise MissingExtra("--engine lightning", "lightning", extra="lightning")

import lightning
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Callback, Checkpoint, EarlyStopping, ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger

from tokbench.finetune.batches import Batches
from tokbench.finetune.board import NAME as TENSORBOARD
from tokbench.finetune.checkpoints import Keeper
from tokbench.finetune.foreign import Fields
from tokbench.finetune.guest import Guest
from tokbench.finetune.lightning_module import Classifier, Rows
from tokbench.finetune.loop import Fit, interruptible
from tokbench.finetune.machine import Machine
from tokbench.finetune.plan import Plan
from tokbench.finetune.watching import Watch, Weights
from tokbench.progress import Progress

PLANNED = {
    "max_epochs": "--epochs",
    "accumulate_grad_batches": "--set accumulate=2",
    "gradient_clip_val": "--set clip=1.0",
    "precision": "--precision bf16",
    "accelerator": "--device cpu",
    "devices": "--device cuda",
    "fast_dev_run": "--fast-dev-run 3",
    "limit_train_batches": "--max-train-rows",
    "val_check_interval": "--set evaluate_every=100",
    "check_val_every_n_epoch": "--set evaluate_every=100",
    "callbacks": "--set patience=3",
    "logger": "--set report_to=tensorboard",
    "default_root_dir": "-o FOLDER",
}
TAKEN = {
    "gradient_clip_algorithm": (str,),
    "max_time": (str, dict),
    "deterministic": (bool, "warn"),
    "benchmark": (bool,),
    "detect_anomaly": (bool,),
    "inference_mode": (bool,),
    "log_every_n_steps": (int,),
}
FIELDS = Fields(tuple(inspect.signature(lightning.Trainer.__init__).parameters)[1:], TAKEN, PLANNED)


def check(plan: Plan) -> None:
    """Nothing, or AskedWrongly for a field of Lightning's Trainer that cannot be taken as it was given."""
    with _quiet():
        _trainer({"accelerator": "cpu", "logger": False, "enable_checkpointing": False}, FIELDS.chosen(plan))


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
    guest = Guest(model, batches, plan, rate, machine, watch, keeper, progress)
    with tempfile.TemporaryDirectory(prefix="tokbench-") as place, _quiet(), interruptible() as guest.asked:
        lightning.seed_everything(plan.seed, workers=True, verbose=False)
        best = ModelCheckpoint(
            dirpath=place,
            monitor=f"dev_{watch.metric}",
            mode=plan.chosen.mode,
            save_weights_only=True,
            save_on_train_epoch_end=False,  # but as soon as it is known, before our own checkpoint
        )
        guest.best = lambda: _best(guest, best)
        callbacks = [*_patience(guest), best, _Following(guest)]
        trainer = _trainer(_arguments(guest), {**FIELDS.chosen(plan), "callbacks": callbacks})
        _count_on(trainer, guest.done)
        try:
            trainer.fit(Classifier(guest), datamodule=Rows(guest))
        except SystemExit as stopped:  # what Lightning makes of a second Ctrl-C
            raise KeyboardInterrupt from stopped
        return guest.finished()


class _Following(Checkpoint):
    """Counts, tells and keeps where the loop does; a Checkpoint, since Lightning calls those last."""

    def __init__(self, guest: Guest) -> None:
        self.guest = guest
        self.looking = ExitStack()

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: object) -> None:
        """One step more."""
        self.guest.stepped()
        if not self.guest.watch.due(self.guest.step):
            self.guest.keep()

    def on_validation_start(self, *_: object) -> None:
        """The time from here is not training."""
        self.looking.enter_context(self.guest.clock.stopped())

    def on_validation_end(self, *_: object) -> None:
        """The evaluation belongs to the step before it, and so into its checkpoint."""
        self.looking.close()
        self.guest.keep()


def _trainer(settled: dict[str, Any], chosen: dict[str, Any]) -> lightning.Trainer:
    """Lightning's Trainer; AskedWrongly where it does not like what was chosen by name."""
    try:
        return lightning.Trainer(**settled, **chosen)
    except (MisconfigurationException, ValueError, TypeError, ImportError, RuntimeError) as problem:
        names = ", ".join(name for name in chosen if name != "callbacks")
        if not names:
            raise
        raise AskedWrongly(
            f"Lightning's Trainer refuses {names}: {str(problem).strip().splitlines()[0]}",
            fix="leave it out, or give it another value",
        ) from problem


def _count_on(trainer: lightning.Trainer, done: int) -> None:
    """Let it count its steps from those that are done, so that it evaluates where it would have."""
    total = trainer.fit_loop.epoch_loop.batch_progress.total
    total.ready = total.completed = done


def _arguments(guest: Guest) -> dict[str, Any]:
    """What the plan says, in Lightning's words; what is left of a resumed run is one epoch to it."""
    plan, machine, keeper = guest.plan, guest.machine, guest.keeper
    settings = plan.chosen
    every = settings.evaluate_every or (len(guest.batches) if guest.done else 0)
    logged = settings.report_to == TENSORBOARD and keeper is not None
    return {
        "max_epochs": 1 if guest.done else plan.epochs,
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


def _patience(guest: Guest) -> list[Callback]:
    """Lightning's early stopping, as patient as it was when a resumed run was stopped."""
    watch, settings = guest.watch, guest.plan.chosen
    if not settings.patience:
        return []
    stopping = EarlyStopping(
        f"dev_{watch.metric}",
        patience=settings.patience,
        mode=settings.mode,
        check_on_train_epoch_end=False,
    )
    if watch.done:
        best = torch.tensor(watch.done[watch.best].metrics[watch.metric], dtype=torch.float64)
        waited = len(watch.done) - 1 - watch.best
        stopping.load_state_dict({**stopping.state_dict(), "wait_count": waited, "best_score": best})
    return [stopping]


def _best(guest: Guest, best: ModelCheckpoint) -> Weights:
    """The weights of the best evaluation, if it was since this process began; no code is read with them."""
    watch = guest.watch
    if guest.plan.chosen.keep != "best" or not best.best_model_path:
        return {}
    if not watch.done or watch.done[watch.best].step <= guest.done:
        return {}
    found = torch.load(Path(best.best_model_path), map_location="cpu", weights_only=True)["state_dict"]
    return {name.removeprefix("model."): each for name, each in found.items()}


class _quiet(warnings.catch_warnings):  # noqa: N801  a context like the one it extends
    """Lightning's lines about devices and tips, and warnings that its own parts cause."""

    def __enter__(self) -> Any:  # noqa: ANN401
        entered = super().__enter__()
        warnings.simplefilter("ignore")
        logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
        return entered
