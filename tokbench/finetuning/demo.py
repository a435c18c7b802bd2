"""The whole job on what ships: train, add tokens, grow a model, check, fine-tune, prove."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from tokbench.adapt.grow import add_tokens
from tokbench.checks.run import check
from tokbench.corpus.samples import shipped
from tokbench.finetuning.config import PRESETS, FinetuneConfig
from tokbench.finetuning.runner import have_packages, train_once
from tokbench.finetuning.tasks import TASKS
from tokbench.io.atomic import atomic_folder, ensure_writable
from tokbench.pretrained.train import Trained, train
from tokbench.progress import Progress, silent
from tokbench.recipes.presets import start_recipe
from tokbench.results import Result

if TYPE_CHECKING:
    from tokbench.adapt.growth import Growth
    from tokbench.checks.findings import Checkup
    from tokbench.finetuning.result import Run

TEXTS = ("english.txt", "korean.txt", "mixed.txt")
VOCAB_SIZE = 4000
MODEL = "bert-tiny"
SPECIAL = ("[E1]", "[/E1]")
REGULAR = ("angioplasty", "telemedicine")
SAMPLE = "sst2-sample"


@dataclass(frozen=True, kw_only=True, repr=False)
class Demo(Result, kind="demo", version=2):
    """What each step gave, and how long all of it took."""

    output: str
    trained: Trained
    growth: Growth
    checkup: Checkup
    run: Run
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether nothing will break, the model loads as it was saved, and it learned something."""
        return self.checkup.passed and self.run.proved and self.run.learned


def demo(out: Path, *, force: bool = False, progress: Progress = silent) -> Demo:
    """Do the whole job into `out`: the folders tokenizer, model, grown and run; needs no network.

    Raises FileError when `out` is taken and MissingExtraError when torch or the metrics are not installed.
    """
    ensure_writable(out, force=force)
    config = FinetuneConfig(task="sst2", data="sample", epochs=8, learning_rate=1e-3, batch_size=16)
    have_packages(config)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    began = perf_counter()
    with atomic_folder(out, force=force) as place:
        trained, growth, checkup, run = _steps(place, config, progress)
    return Demo(
        output=str(out),
        trained=replace(trained, path=out / "tokenizer"),
        growth=replace(growth, path=out / "grown", model=str(out / "model")),
        checkup=replace(checkup, tokenizer=str(out / "grown"), model=str(out / "grown")),
        run=replace(run, output=str(out / "run")),
        seconds=perf_counter() - began,
    )


def _steps(place: Path, config: FinetuneConfig, progress: Progress) -> tuple[Trained, Growth, Checkup, Run]:
    texts = [*(str(shipped(name)) for name in TEXTS)]
    recipe = start_recipe("wordpiece", settings={"vocab_size": str(VOCAB_SIZE)})
    trained = train(texts, recipe, output=place / "tokenizer", progress=progress)
    _save_model(place / "tokenizer", place / "model")
    growth = add_tokens(
        place / "tokenizer", output=place / "grown", special=SPECIAL, tokens=REGULAR, model=place / "model"
    )
    checkup = check(place / "grown")
    run = train_once(
        replace(config, model=str(place / "grown"), output=str(place / "run")), progress=progress
    )
    return trained, growth, checkup, run


def _save_model(tokenizer: Path, into: Path) -> None:
    """Fresh weights with a row for every token of the tokenizer."""
    from tokbench.finetuning.models import fresh, load_tokenizer, save_model

    into.mkdir()
    save_model(
        fresh(PRESETS[MODEL], load_tokenizer(tokenizer), TASKS["sst2"], seed=FinetuneConfig.seed).model, into
    )
