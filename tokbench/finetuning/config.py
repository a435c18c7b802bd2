"""The choices behind one fine-tuning run, checked as soon as they are made."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from tokbench.errors import UsageError, did_you_mean
from tokbench.finetuning.tasks import Task, must_be_trainable


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What a plan says of its rows; a column is never guessed."""

    max_train_rows: int | None = None  # drawn by the seed; None: all
    text_column: str | None = None
    pair_column: str | None = None
    label_column: str | None = None
    dev: str | None = None  # a file of dev rows; None: the one beside train, or a part cut off by the seed
    dev_share: float = 0.1  # of the rows, when dev is cut off
    skip_incomplete: bool = False  # leave out rows without text or label, instead of refusing them
    label_all_pieces: bool = False  # tagging: the later pieces of a word get its label too

    def __post_init__(self) -> None:
        if self.max_train_rows is not None and self.max_train_rows < 1:
            raise UsageError(f"max_train_rows is {self.max_train_rows}", fix="give 1 or more")
        if not 0 < self.dev_share < 1:
            raise UsageError(f"dev_share is {self.dev_share}", fix="give a share between 0 and 1")
        if self.pair_column is not None and self.text_column is None:
            raise UsageError("--pair-column without --text-column", fix="name both columns")

    @property
    def columns(self) -> bool:
        """Whether columns are named, so that the files are a table of someone's own."""
        return self.text_column is not None or self.label_column is not None


MODES = ("max", "min")
LOSS = "loss"  # what every task has beside its metrics
KEPT = ("best", "last")
REPORTS = ("", "tensorboard")
POOLINGS = ("own", "cls", "mean", "max", "last")
WORDS = {
    "mode": MODES,
    "keep": KEPT,
    "report_to": REPORTS,
    "graphs": ("auto", "on", "off"),
    "pooling": POOLINGS,
    "cache": ("on", "off"),
}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The choices that most runs leave alone; the same names mean the same to every engine."""

    warmup: float = 0.06  # share of the steps in which the learning rate rises
    weight_decay: float = 0.01  # not on biases and norms
    clip: float = 1.0  # the length a gradient is cut to; 0 cuts nothing
    accumulate: int = 1  # parts a batch is computed in; one step of the optimizer follows them all
    evaluate_every: int = 0  # steps; 0: at the end of every epoch
    patience: int = 0  # evaluations without a better metric that end the run; 0: none do
    metric: str = ""  # what better is measured by: a metric of the task, or loss; "": the task's first
    mode: str = "max"  # whether more of it is better, or less; of the loss it is less where nothing is said
    keep: str = "best"  # whose weights are saved: those of the best evaluation, or the last ones
    save_every: int = 0  # steps between checkpoints; 0: one every two minutes
    fast_dev_run: int = 0  # batches of each split to go through, to see that all works; 0: all of them
    report_to: str = ""  # tensorboard: its event files are written into the output
    pooling: str = "own"  # how a row's vectors become one; own: as the model's kind does
    graphs: str = "auto"  # on a GPU: replay whole steps as CUDA graphs; auto does where the engine can
    cache: str = "on"  # keep the ids of many rows in the user's cache folder, and read them from there

    def __post_init__(self) -> None:
        for name, known in WORDS.items():
            value = getattr(self, name)
            if value not in known:
                raise UsageError(f"{name} cannot be {value!r}", fix=did_you_mean(value, filter(None, known)))
        _require("warmup", self.warmup, 0 <= self.warmup < 1, "a share, from 0 to below 1")
        for name in ("weight_decay", "clip"):
            value = getattr(self, name)
            _require(name, value, math.isfinite(value) and value >= 0, "0 or more")
        for name, lowest in LOWEST.items():
            value = getattr(self, name)
            _require(name, value, lowest <= value < 2**32, f"{lowest} or more")


LOWEST = {
    "accumulate": 1,
    "evaluate_every": 0,
    "patience": 0,
    "save_every": 0,
    "fast_dev_run": 0,
}
NAMES = tuple(each.name for each in fields(Settings))


def settings_of(given: Mapping[str, str], *, others: tuple[str, ...] = ()) -> Settings:
    """The settings that words name; AskedWrongly for a name nobody knows or a value of another kind.

    `others` are names that the plan's engine knows besides, and that are left to it.
    """
    unknown = [name for name in given if name not in NAMES and name not in others]
    if unknown:
        raise UsageError(f"there is no setting {unknown[0]!r}", fix=did_you_mean(unknown[0], NAMES + others))
    words = {"mode": "min", **given} if given.get("metric") == LOSS else given
    return Settings(**{name: _read(name, word) for name, word in words.items() if name in NAMES})


def must_be_metric(name: str, task: Task) -> None:
    """Nothing, or AskedWrongly for a metric that no evaluation will give; "" is the task's first."""
    names = [*(task.key(split, each) for split in task.evaluation for each in task.metrics), LOSS]
    if name and name not in names:
        raise UsageError(f"there is no metric {name!r}", fix=did_you_mean(name, names))


def _read(name: str, word: str) -> Any:  # noqa: ANN401  int, float or str, as the field is
    """A word as the kind of value that the setting has."""
    kind = type(getattr(Settings, name))
    try:
        return kind(word)
    except ValueError as problem:
        wanted = "a whole number" if kind is int else "a number"
        raise UsageError(f"{name} is {word!r}", fix=f"give {name} {wanted}") from problem


def _require(name: str, value: float, fits: bool, wanted: str) -> None:
    if not fits:
        raise UsageError(f"{name} is {value}", fix=f"give {name} {wanted}")


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
        raise UsageError(f"{name} cannot be {value!r}", fix=did_you_mean(value, known))


def _whole(name: str, value: int, lowest: int) -> None:
    _require(name, value, lowest <= value < 2**32, f"{lowest} or more")
