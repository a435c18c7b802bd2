"""The engine of Lightning: its Trainer, its checkpoints of the best weights, its early stopping."""

from __future__ import annotations

import inspect
import logging
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lightning
import numpy as np
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Callback, Checkpoint, EarlyStopping, ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from torch import nn

from tokbench.errors import UsageError
from tokbench.finetuning.config import FinetuneConfig, config_to_data
from tokbench.finetuning.data.batches import Batch, Batches, by_length, pad_batch
from tokbench.finetuning.data.tokenize import in_row_order
from tokbench.finetuning.engines.loop import Evaluator, of_pieces
from tokbench.finetuning.engines.monitor import NAME as TENSORBOARD
from tokbench.finetuning.engines.monitor import Weights
from tokbench.finetuning.engines.passthrough import Fields
from tokbench.finetuning.engines.state import (
    Epochs,
    FitResult,
    TrainingJob,
    TrainingState,
    in_parts,
)
from tokbench.io.atomic import scratch_folder
from tokbench.io.extras import require

if TYPE_CHECKING:
    from tokbench.native.ragged import Ids


class Classifier(lightning.LightningModule):
    """A model, its optimizer and its metrics, as Lightning calls them."""

    def __init__(self, state: TrainingState) -> None:
        super().__init__()
        self.save_hyperparameters(
            {"steps": state.steps, **config_to_data(state.job.plan.settled(state.job.config))}
        )
        self.model, self.state = state.model, state
        self.logits: dict[int, list[torch.Tensor]] = {}

    def on_train_start(self) -> None:
        """Train mode: a model that was loaded is in evaluation mode, and Lightning would leave it there."""
        self.model.train()
        self.state.begin()

    def training_step(self, batch: Batch, _: int) -> torch.Tensor:
        """The loss of one batch; of one in parts the last part's, the others have left their gradients."""
        self.state.optimizer.zero_grad()
        objective = self.state.job.objective
        *earlier, last = in_parts(batch, self.state.rows_in_a_part, objective)
        whole = torch.zeros((), device=self.state.machine.device)
        for share, part in earlier:
            loss = objective(self.model, part) * share
            with torch.autocast(loss.device.type, enabled=False):
                loss.backward()  # type: ignore[no-untyped-call]
            whole += loss.detach()
        share, part = last
        loss = objective(self.model, part)
        loss = loss if share == 1.0 else loss * share
        self.state.losses.add(whole + loss.detach())
        return loss

    def optimizer_zero_grad(self, *_: object) -> None:
        """Nothing: it is called between a step's parts; they were forgotten when the step began."""

    def on_validation_start(self) -> None:
        """No logits yet."""
        self.logits.clear()

    def validation_step(self, batch: Batch, _: int, dataloader_idx: int = 0) -> None:
        """Keep the logits of one batch of dev rows; after Ctrl-C leave the evaluation."""
        if self.state.job.asked:
            self.state.to_evaluate = True
            self.state.stop()
        given = {name: each for name, each in batch.items() if name != "labels"}
        found = of_pieces(self.model(**given).logits.float(), batch["attention_mask"])
        self.logits.setdefault(dataloader_idx, []).append(found)

    def on_validation_epoch_end(self) -> None:
        """Metrics over all dev rows, under the names that checkpoints and early stopping monitor."""
        state, data = self.state, self.trainer.datamodule  # type: ignore[attr-defined]
        if self.trainer.sanity_checking:
            return
        logits = {name: data.in_order(name, self.logits.pop(at)) for at, name in enumerate(data.evaluation)}
        assert isinstance(state.required_monitor.evaluate, Evaluator)
        found = state.required_monitor.evaluate.weigh(logits)
        state.required_monitor.record(state.step, state.loss_since_last_look, found)
        state.evaluated()
        # as doubles, so that two metrics that differ for our monitor differ for Lightning's callbacks too
        self.log_dict(
            {f"dev_{name}": torch.tensor(each, dtype=torch.float64) for name, each in found.items()}
        )

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
        schedule = {"scheduler": self.state.schedule, "interval": "step"}
        return {"optimizer": self.state.optimizer, "lr_scheduler": schedule}


class RowsDataModule(lightning.LightningDataModule):
    """The train batches of each epoch, and every dev split in batches."""

    def __init__(self, state: TrainingState) -> None:
        super().__init__()
        assert isinstance(state.required_monitor.evaluate, Evaluator)
        self.state, self.evaluation = state, dict(state.required_monitor.evaluate.evaluation)
        self.orders = {
            name: by_length(each.encoded.lengths, each.size) for name, each in self.evaluation.items()
        }

    def train_dataloader(self) -> Epochs:
        """The batches of the epoch that begins."""
        return Epochs(self.state.job.batches, epochs=self.state.job.plan.epochs, done=self.state.done)

    def val_dataloader(self) -> list[_Split]:
        """The dev splits, longest rows first."""
        return [_Split(self.evaluation[name], order) for name, order in self.orders.items()]

    def in_order(self, name: str, parts: list[torch.Tensor]) -> np.ndarray[Any, Any]:
        """Logits of a split in the order of its rows."""
        found = torch.cat(parts).cpu().numpy()
        return in_row_order(found, np.concatenate(self.orders[name]), self.evaluation[name].encoded)


class _Split:
    """The batches of a dev split: no list, which Lightning would take for a list of loaders."""

    def __init__(self, batches: Batches, order: list[Ids]) -> None:
        self.batches, self.order = batches, order

    def __len__(self) -> int:
        return len(self.order)

    def __iter__(self) -> Iterator[Batch]:
        return (pad_batch(self.batches.encoded, rows, self.batches.model_inputs) for rows in self.order)


require("lightning", extra="lightning", what="--engine lightning")


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


def check(plan: FinetuneConfig) -> None:
    """Nothing, or UsageError for a field of Lightning's Trainer that cannot be taken as it was given."""
    with _quiet():
        _trainer({"accelerator": "cpu", "logger": False, "enable_checkpointing": False}, FIELDS.values(plan))


def fit(job: TrainingJob) -> FitResult:
    """Train as the loop does, by Lightning's Trainer."""
    plan = job.config
    state = TrainingState(job)
    with scratch_folder() as place, _quiet(), state.interruptible():
        if not state.goes_on():
            return state.finished()
        lightning.seed_everything(plan.seed, workers=True, verbose=False)
        best = ModelCheckpoint(
            dirpath=place,
            monitor=f"dev_{state.required_monitor.metric}",
            mode=plan.direction,
            save_weights_only=True,
            save_on_train_epoch_end=False,  # but as soon as it is known, before our own checkpoint
        )
        state.best = lambda: _best(state, best)
        callbacks = [*_patience(state), best, _Following(state)]
        trainer = _trainer(_arguments(state), {**FIELDS.values(plan), "callbacks": callbacks})
        _count_on(trainer, state.done)
        try:
            trainer.fit(Classifier(state), datamodule=RowsDataModule(state))
        except SystemExit as stopped:  # what Lightning makes of a second Ctrl-C
            raise KeyboardInterrupt from stopped
        return state.finished()


class _Following(Checkpoint):
    """Counts, tells and keeps where the loop does; a Checkpoint, since Lightning calls those last."""

    def __init__(self, state: TrainingState) -> None:
        self.state = state
        self.looking = ExitStack()

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: object) -> None:
        """One step more."""
        self.state.stepped()
        if not self.state.required_monitor.due(self.state.step):
            self.state.keep()

    def on_validation_start(self, *_: object) -> None:
        """The time from here is not training."""
        self.looking.enter_context(self.state.clock.stopped())

    def on_validation_end(self, *_: object) -> None:
        """The evaluation belongs to the step before it, and so into its checkpoint."""
        self.looking.close()
        self.state.keep()


def _trainer(settled: dict[str, Any], chosen: dict[str, Any]) -> lightning.Trainer:
    """Lightning's Trainer; UsageError where it does not like what was chosen by name."""
    try:
        return lightning.Trainer(**settled, **chosen)
    except (MisconfigurationException, ValueError, TypeError, ImportError, RuntimeError) as problem:
        names = ", ".join(name for name in chosen if name != "callbacks")
        if not names:
            raise
        raise UsageError(
            f"Lightning's Trainer refuses {names}: {str(problem).strip().splitlines()[0]}",
            fix="leave it out, or give it another value",
        ) from problem


def _count_on(trainer: lightning.Trainer, done: int) -> None:
    """Let it count its steps from those that are done, so that it evaluates where it would have."""
    total = trainer.fit_loop.epoch_loop.batch_progress.total
    total.ready = total.completed = done


def _arguments(state: TrainingState) -> dict[str, Any]:
    """What the plan says, in Lightning's words; what is left of a resumed run is one epoch to it."""
    plan, machine, checkpoint_store = state.job.config, state.machine, state.job.checkpoint_store
    settings = plan
    every = settings.evaluate_every or (len(state.job.batches) if state.done else 0)
    logged = settings.report_to == TENSORBOARD and checkpoint_store is not None
    return {
        "max_epochs": 1 if state.done else state.job.plan.epochs,
        "accelerator": "gpu" if machine.gpu else "cpu",
        "devices": 1,
        "precision": "bf16-mixed" if machine.bf16 else "32-true",
        "gradient_clip_val": settings.clip or None,
        "val_check_interval": every or 1.0,
        "check_val_every_n_epoch": None if every else 1,
        "num_sanity_val_steps": 0,
        "fast_dev_run": settings.fast_dev_run or False,
        "logger": TensorBoardLogger(str(checkpoint_store.place), name=TENSORBOARD)
        if logged and checkpoint_store
        else False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }


def _patience(state: TrainingState) -> list[Callback]:
    """Lightning's early stopping, as patient as it was when a resumed run was stopped."""
    monitor, settings = state.required_monitor, state.job.config
    if not settings.patience:
        return []
    stopping = EarlyStopping(
        f"dev_{monitor.metric}",
        patience=settings.patience,
        mode=settings.direction,
        check_on_train_epoch_end=False,
    )
    if monitor.done:
        best = torch.tensor(monitor.done[monitor.best].value(monitor.metric), dtype=torch.float64)
        waited = len(monitor.done) - 1 - monitor.best
        stopping.load_state_dict({**stopping.state_dict(), "wait_count": waited, "best_score": best})
    return [stopping]


def _best(state: TrainingState, best: ModelCheckpoint) -> Weights:
    """The weights of the best evaluation, if it was since this process began; no code is read with them."""
    monitor = state.required_monitor
    if state.job.config.keep != "best" or not best.best_model_path:
        return {}
    if not monitor.done or monitor.done[monitor.best].step <= state.done:
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
