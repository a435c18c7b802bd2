"""The choices behind one fine-tuning run, checked as soon as they are made."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tokbench.errors import AskedWrongly, did_you_mean
from tokbench.finetune.tasks import task_named

DEVICES = ("auto", "cpu", "cuda")
PRECISIONS = ("auto", "fp32", "bf16")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Fifteen choices. Names of tokenizer and model: a folder here, or a repository on the hub."""

    task: str = "sst2"
    tokenizer: str | None = None  # None: the one in the model's folder
    model: str = "bert-mini"  # a preset (fresh weights, sized to the tokenizer), a folder, or a hub name
    data: str | None = None  # "sample", "hub", or a folder of official TSV files; None: the hub
    output: str = "run"
    epochs: int = 3
    batch_size: int = 32
    learning_rate: float | None = None  # None: the preset's own, or 5e-5 for trained weights
    max_length: int = 128
    seed: int = 42
    device: str = "auto"
    max_train_rows: int | None = None
    warmup: float = 0.06  # share of the steps
    weight_decay: float = 0.01  # not on biases and norms
    precision: str = "auto"  # bf16 means autocast: the weights stay fp32

    def __post_init__(self) -> None:
        task = task_named(self.task)
        if not task.trainable:
            raise AskedWrongly(
                f"{task.name} has no rows to train on; it is for predictions of a model trained on mnli",
                fix="tokbench finetune --task mnli",
            )
        _one_of("device", self.device, DEVICES)
        _one_of("precision", self.precision, PRECISIONS)
        _whole("epochs", self.epochs, 1)
        _whole("batch_size", self.batch_size, 1)
        _whole("max_length", self.max_length, 4)
        _whole("seed", self.seed, 0)
        _whole("max_train_rows", 1 if self.max_train_rows is None else self.max_train_rows, 1)
        rate = 1.0 if self.learning_rate is None else self.learning_rate
        _require("learning_rate", rate, math.isfinite(rate) and rate > 0, "a number above 0")
        _require("warmup", self.warmup, 0 <= self.warmup < 1, "a share, from 0 to below 1")
        decay = self.weight_decay
        _require("weight_decay", decay, math.isfinite(decay) and decay >= 0, "0 or more")


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise AskedWrongly(f"{name} cannot be {value!r}", fix=did_you_mean(value, known))


def _whole(name: str, value: int, lowest: int) -> None:
    _require(name, value, lowest <= value < 2**32, f"{lowest} or more")


def _require(name: str, value: float, fits: bool, wanted: str) -> None:
    if not fits:
        raise AskedWrongly(f"{name} is {value}", fix=f"give {name} {wanted}")
