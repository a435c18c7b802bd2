"""The choices behind one fine-tuning run, checked as soon as they are made."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from tokbench.errors import AskedWrongly, did_you_mean
from tokbench.finetune.reading import Reading
from tokbench.finetune.settings import Settings, settings_of
from tokbench.finetune.tasks import must_be_trainable

DEVICES = ("auto", "cpu", "cuda")
PRECISIONS = ("auto", "fp32", "bf16")
ENGINES = ("loop", "trainer", "lightning")


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
    precision: str = "auto"  # bf16 means autocast: the weights stay fp32
    engine: str = "loop"  # what trains: our own loop, transformers' Trainer, or Lightning
    settings: Mapping[str, str] = field(default_factory=dict)  # name → value; see settings.py
    reading: Reading = field(default_factory=Reading)  # how many rows, and how someone's own files are read

    def __post_init__(self) -> None:
        must_be_trainable(self.task)
        _one_of("device", self.device, DEVICES)
        _one_of("precision", self.precision, PRECISIONS)
        _one_of("engine", self.engine, ENGINES)
        _whole("epochs", self.epochs, 1)
        _whole("batch_size", self.batch_size, 1)
        _whole("max_length", self.max_length, 4)
        _whole("seed", self.seed, 0)
        rate = 1.0 if self.learning_rate is None else self.learning_rate
        _require("learning_rate", rate, math.isfinite(rate) and rate > 0, "a number above 0")
        if self.engine == "loop":
            settings_of(self.settings)  # the other engines have fields of their own, known when they load

    @property
    def chosen(self) -> Settings:
        """The settings with their values; names that only the engine knows are not looked at."""
        return settings_of(self.settings, others=() if self.engine == "loop" else tuple(self.settings))


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise AskedWrongly(f"{name} cannot be {value!r}", fix=did_you_mean(value, known))


def _whole(name: str, value: int, lowest: int) -> None:
    _require(name, value, lowest <= value < 2**32, f"{lowest} or more")


def _require(name: str, value: float, fits: bool, wanted: str) -> None:
    if not fits:
        raise AskedWrongly(f"{name} is {value}", fix=f"give {name} {wanted}")
