"""One training loop and one prediction loop, on a CPU or a GPU."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tokbench.errors import AnswerIsNo
from tokbench.finetune.batches import Batch, Batches, by_length, padded
from tokbench.finetune.machine import Machine
from tokbench.finetune.plan import Plan
from tokbench.progress import Progress, silent

CLIP = 1.0
STEPS_BETWEEN_LOOKS = 50  # on a GPU: reading a loss makes it wait


@dataclass(frozen=True)
class Fit:
    """What came of training: the model itself is changed in place."""

    steps: int
    loss: float  # mean over the last epoch
    seconds: float
    gradient: NDArray[np.bool_]  # for each row of the input embedding, whether it ever got a gradient


def fit(
    model: nn.Module,
    batches: Batches,
    plan: Plan,
    *,
    rate: float,
    machine: Machine,
    progress: Progress = silent,
) -> Fit:
    """Train `model` on `batches` for the plan's epochs; the same plan on the same CPU gives the same bits."""
    torch.manual_seed(plan.seed)
    optimizer = torch.optim.AdamW(_groups(model, plan.weight_decay), lr=rate, fused=True)
    steps = plan.epochs * len(batches)
    losses = _Losses(machine, steps)
    model.train()
    start = time.perf_counter()
    for step, batch in enumerate(_all(batches, plan.epochs), 1):
        for group in optimizer.param_groups:
            group["lr"] = rate * share_of_rate(step - 1, steps, plan.warmup)
        losses.add(_step(model, optimizer, _to(batch, machine), machine))
        progress("train", step, steps)
    mean = losses.mean(len(batches))  # reads from the GPU, so the time after it is true
    return Fit(steps, mean, time.perf_counter() - start, _gradient(model, optimizer))


def share_of_rate(step: int, steps: int, warmup: float) -> float:
    """The share of the highest learning rate at a step counted from 0: up in a line, then down to near 0.

    >>> [round(share_of_rate(step, 10, 0.2), 2) for step in range(10)]
    [0.5, 1.0, 1.0, 0.88, 0.75, 0.62, 0.5, 0.38, 0.25, 0.12]
    """
    rising = round(warmup * steps)
    return (step + 1) / rising if step < rising else (steps - step) / (steps - rising)


def predict(
    model: nn.Module, batches: Batches, *, machine: Machine, progress: Progress = silent
) -> NDArray[np.float32]:
    """Logits (rows, labels) in the order of the rows, whatever order they were computed in."""
    model.eval()
    encoded = batches.encoded
    parts, rows_done = [], 0
    orders = by_length(encoded.lengths, batches.size)
    with torch.inference_mode(), machine.autocast():
        for rows in orders:
            batch = _to(padded(encoded, rows, batches.feed), machine)
            batch.pop("labels")
            parts.append(model(**batch).logits.float())
            rows_done += len(rows)
            progress("evaluate", rows_done, len(encoded))
    logits = torch.cat(parts).cpu().numpy()
    result = np.empty_like(logits)
    result[np.concatenate(orders)] = logits
    return result


def _all(batches: Batches, epochs: int) -> Iterator[Batch]:
    for epoch in range(epochs):
        yield from batches.epoch(epoch)


def _to(batch: Batch, machine: Machine) -> Batch:
    if not machine.gpu:
        return batch
    return {name: each.pin_memory().to(machine.device, non_blocking=True) for name, each in batch.items()}


def _step(model: nn.Module, optimizer: torch.optim.Optimizer, batch: Batch, machine: Machine) -> torch.Tensor:
    with machine.autocast():
        loss: torch.Tensor = model(**batch).loss
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(model.parameters(), CLIP)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss.detach()


def _groups(model: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Weights that decay (matrices), and biases and norms, which do not."""
    learned = [each for each in model.parameters() if each.requires_grad]
    return [
        {"params": [each for each in learned if each.ndim > 1], "weight_decay": decay},
        {"params": [each for each in learned if each.ndim <= 1], "weight_decay": 0.0},
    ]


def _gradient(model: nn.Module, optimizer: torch.optim.Optimizer) -> NDArray[np.bool_]:
    weight = model.get_input_embeddings().weight  # type: ignore[operator]
    squares = optimizer.state.get(weight, {}).get("exp_avg_sq")  # AdamW's memory of every gradient's square
    if squares is None:
        return np.zeros(len(weight), np.bool_)
    return np.asarray((squares.amax(dim=1) > 0).cpu().numpy())


class _Losses:
    """The losses so far, looked at now and then: one that is no number ends the run."""

    def __init__(self, machine: Machine, steps: int) -> None:
        self.every = STEPS_BETWEEN_LOOKS if machine.gpu else 1
        self.steps = steps
        self.waiting: list[torch.Tensor] = []
        self.seen: list[float] = []

    def add(self, loss: torch.Tensor) -> None:
        self.waiting.append(loss)
        if len(self.waiting) >= self.every:
            self._look()

    def mean(self, last: int) -> float:
        self._look()
        return float(np.mean(self.seen[-last:]))

    def _look(self) -> None:
        if not self.waiting:
            return
        new = torch.stack(self.waiting).tolist()
        self.waiting.clear()
        bad = next((index for index, loss in enumerate(new, 1) if not np.isfinite(loss)), None)
        if bad is not None:
            raise AnswerIsNo(
                f"the loss is {new[bad - 1]} at step {len(self.seen) + bad} of {self.steps}",
                fix="a lower --learning-rate; at step 1 the model's own weights are not finite",
            )
        self.seen += new
