"""How a run goes: evaluations on the dev rows now and then, the best of them, and when to give up."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from tokbench.finetuning.read_record import decimals
from tokbench.finetuning.result import LOSS, Evaluation
from tokbench.io.extras import require

if TYPE_CHECKING:
    from tokbench.finetuning.config import FinetuneConfig

NAME = "tensorboard"


class Board:
    """An open event file."""

    def __init__(self, place: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.writer = SummaryWriter(str(place))

    def tell(self, step: int, values: Mapping[str, float]) -> None:
        """Write these numbers down for a step, so that they can be looked at now."""
        for name, value in values.items():
            self.writer.add_scalar(name, value, step)
        self.writer.flush()


def board_of(settings: FinetuneConfig, place: Path | None) -> Board | None:
    """The board that the settings ask for, its files below `place`."""
    if settings.report_to != NAME or place is None:
        return None
    require(NAME, extra=NAME, what="--report-to tensorboard")
    return Board(place / NAME)


def keep_board(place: Path, output: Path) -> None:
    """Put the event files, if there are any, into a finished run."""
    if (place / NAME).is_dir():
        shutil.copytree(place / NAME, output / NAME)


Weights = dict[str, torch.Tensor]


@dataclass
class EvalMonitor:
    """Evaluates when it is time, keeps the best weights, and says when patience is at its end."""

    evaluate: Callable[[], Mapping[str, float]]
    settings: FinetuneConfig
    metric: str  # the one that decides
    steps_an_epoch: int
    done: list[Evaluation] = field(default_factory=list)
    best: int = -1  # place among `done`
    weights: Weights = field(default_factory=dict)  # of the best; empty where they are not wanted
    board: Board | None = None  # who else is told

    def due(self, step: int) -> bool:
        """Whether the dev rows are to be looked at after this step."""
        return step % (self.settings.evaluate_every or self.steps_an_epoch) == 0

    def look(self, model: nn.Module, step: int, loss: float) -> Evaluation:
        """Evaluate now, and keep the weights if they are the best; the model stays in the mode it was in."""
        training = model.training
        found = self.evaluate()
        model.train(training)
        if self.record(step, loss, found) and self.settings.keep == "best":
            self.weights = copied(model)
        return self.done[-1]

    def words(self, steps: int, rows: int, seconds: float) -> str:
        """The last evaluation in a line, of `steps` with so many rows; `seconds` went into those so far."""
        last = self.done[-1]
        epochs = -(-steps // self.steps_an_epoch)
        epoch = min(epochs, max(1, -(-last.step // self.steps_an_epoch)))
        metrics = ", ".join(f"{name} {value:.4f}" for name, value in last.metrics.items())
        left = f", {seconds / last.step * (steps - last.step):,.0f} s left" if last.step < steps else ""
        speed = f"{last.step * rows / seconds:,.0f} rows/s" if seconds else ""
        return (
            f"epoch {epoch} of {epochs}, step {last.step:,} of {steps:,}: {metrics}, train loss"
            f" {decimals(last.train_loss, 4)}, dev loss {decimals(last.dev_loss, 4)}, {speed}{left}"
        )

    def record(self, step: int, loss: float, found: Mapping[str, float]) -> bool:
        """Note an evaluation; whether it is the best so far."""
        metrics = {name: value for name, value in found.items() if name != LOSS}
        self.done.append(Evaluation(step, step / self.steps_an_epoch, loss, found[LOSS], metrics))
        if self.board:
            self.board.tell(
                step, {"train/loss": loss, **{f"dev/{name}": each for name, each in found.items()}}
            )
        better = self.best < 0 or self._better(found[self.metric])
        if better:
            self.best = len(self.done) - 1
        return better

    @property
    def enough(self) -> bool:
        """Whether so many evaluations in a row were no better than the best."""
        return 0 < self.settings.patience <= len(self.done) - 1 - self.best

    def finish(self, model: nn.Module) -> None:
        """Give the model the weights that are to be kept."""
        if self.weights and self.best < len(self.done) - 1:
            restore(model, self.weights)

    @property
    def kept(self) -> Evaluation:
        """The evaluation of the weights that are kept."""
        return self.done[self.best if self.settings.keep == "best" else -1]

    def facts(self) -> dict[str, Any]:
        """What a checkpoint writes of it; the best weights besides."""
        return {"done": [asdict(each) for each in self.done], "best": self.best}

    def remember(self, facts: Mapping[str, Any], weights: Weights) -> None:
        """Take up what a checkpoint wrote."""
        self.done = [Evaluation(**each) for each in facts["done"]]
        self.best = facts["best"]
        self.weights = weights

    def _better(self, value: float) -> bool:
        old = self.done[self.best].value(self.metric)
        return value > old if self.settings.direction == "max" else value < old


def weights_of(model: nn.Module) -> Weights:
    """Every weight and buffer once, by its name; tied ones under their first."""
    kept = set(model.state_dict())
    buffers = {name: each for name, each in model.named_buffers() if name in kept}
    return {**{name: each.detach() for name, each in model.named_parameters()}, **buffers}


def copied(model: nn.Module) -> Weights:
    """A copy of the weights in the computer's own memory."""
    return {name: each.to("cpu", copy=True) for name, each in weights_of(model).items()}


def restore(model: nn.Module, weights: Weights) -> None:
    """Give the model these weights, in place."""
    with torch.no_grad():
        for name, each in weights_of(model).items():
            each.copy_(weights[name])
