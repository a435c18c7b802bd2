"""What turns gradients into steps: AdamW, the course of its learning rate, and what it remembers of a row."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tokbench.finetuning.config import FinetuneConfig


def optimizer_of(
    model: nn.Module, rate: float, settings: FinetuneConfig, *, capturable: bool = False
) -> torch.optim.AdamW:
    """AdamW in one kernel over all weights; biases and norms do not decay.

    `capturable` keeps the rate and the step count on the GPU, where a replayed graph can read them.
    """
    groups = grouped_weights(model, settings.weight_decay)
    if not capturable:
        return torch.optim.AdamW(groups, lr=rate, fused=True)
    device = next(model.parameters()).device
    return torch.optim.AdamW(
        groups, lr=torch.tensor(rate, device=device, dtype=torch.float32), fused=True, capturable=True
    )


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give every group this learning rate, in place where it lies on a GPU."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], torch.Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def share_of_rate(step: int, steps: int, warmup: float) -> float:
    """The share of the highest learning rate at a step counted from 0: up in a line, then down to near 0.

    >>> [round(share_of_rate(step, 10, 0.2), 2) for step in range(10)]
    [0.5, 1.0, 1.0, 0.88, 0.75, 0.62, 0.5, 0.38, 0.25, 0.12]
    """
    rising = round(warmup * steps)
    return (step + 1) / rising if step < rising else (steps - step) / (steps - rising)


def grouped_weights(model: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Weights that decay (matrices), and biases and norms, which do not."""
    learned = [each for each in model.parameters() if each.requires_grad]
    return [
        {"params": [each for each in learned if each.ndim > 1], "weight_decay": decay},
        {"params": [each for each in learned if each.ndim <= 1], "weight_decay": 0.0},
    ]


def rows_with_gradient(model: nn.Module, optimizer: torch.optim.Optimizer) -> NDArray[np.bool_]:
    """For each row of the input embedding, whether it ever got a gradient."""
    weight = model.get_input_embeddings().weight  # type: ignore[operator]
    squares = optimizer.state.get(weight, {}).get("exp_avg_sq")  # AdamW's memory of every gradient's square
    if squares is None:
        return np.zeros(len(weight), np.bool_)
    return np.asarray((squares.amax(dim=1) > 0).cpu().numpy())


def optimizer_state(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """Everything the optimizer remembers, by the place of the weight among its weights."""
    return {
        f"{place}.{name}": value
        for place, weight in enumerate(_weights(optimizer))
        for name, value in optimizer.state.get(weight, {}).items()
    }


def restore_optimizer_state(optimizer: torch.optim.Optimizer, memory: dict[str, torch.Tensor]) -> None:
    """Give an optimizer over the same weights back what `remembered` found."""
    weights = _weights(optimizer)
    for key, value in memory.items():
        place, name = key.split(".")
        weight = weights[int(place)]
        optimizer.state[weight][name] = value.to(weight.device)


def _weights(optimizer: torch.optim.Optimizer) -> list[nn.Parameter]:
    return [weight for group in optimizer.param_groups for weight in group["params"]]
