"""Epochs, batch size and learning rate where none were given: by the rows and by the model's width."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tokbench.errors import plural
from tokbench.finetuning.config import PRESETS

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

    from tokbench.finetuning.config import FinetuneConfig

# Measured with MiniLM-L6 (width 384) on sst2, stsb, cola, mrpc and wnut17 of 300 to 4,000 rows, one or two
# seeds: 5e-5 is too low for that width everywhere, 1e-4 to 2e-4 is a plateau, 5e-4 falls off; some 200 steps
# are wanted, and a smaller batch gives them at a half to a quarter of the cost of more epochs, at the same
# quality (wnut17, 1,000 rows at 1e-4: F1 0.478 in batches of 8 and 3 epochs, 0.484 in batches of 32 and 7).
EPOCHS = 3
MOST_EPOCHS = 20  # Mosbach et al. 2021 train RTE for as many
BATCH_SIZE, LEAST_BATCH = 32, 8
WANTED_STEPS = 200  # for which batches are made smaller
LEAST_STEPS = 100  # for which there are more epochs than EPOCHS
BASE_RATE, BASE_WIDTH = 5e-5, 768  # the top of Devlin et al. 2019's grid, A.3, for BERT-base
LOWEST_RATE, HIGHEST_RATE = 2e-5, 3e-4  # of that grid, and of Turc et al. 2019's for small models


@dataclass(frozen=True)
class StepPlan:
    """How often a run goes through its rows, in batches of how many, at which highest rate.

    `why` is a sentence on what was chosen because it was not given; "" where all was.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    steps: int
    why: str = ""

    def settled(self, config: FinetuneConfig) -> FinetuneConfig:
        """The config with these numbers in the place of those that were not given."""
        return replace(
            config, epochs=self.epochs, batch_size=self.batch_size, learning_rate=self.learning_rate
        )


def plan_steps(config: FinetuneConfig, rows: int, width: int | None) -> StepPlan:
    """The numbers of a run on so many train rows with a model of this width (its config's hidden size).

    >>> from tokbench.finetuning.config import FinetuneConfig
    >>> plan = plan_steps(FinetuneConfig(task="stsb", model="my-model"), rows=600, width=384)
    >>> plan.epochs, plan.batch_size, plan.learning_rate, plan.steps
    (3, 8, 0.0001, 225)
    """
    batch_size = config.batch_size or batch_for(rows, config.epochs or EPOCHS)
    epochs = config.epochs or epochs_for(steps_an_epoch(rows, batch_size))
    rate = config.learning_rate or rate_for(config.model, width)
    plan = StepPlan(epochs, batch_size, rate, epochs * steps_an_epoch(rows, batch_size))
    return replace(plan, why=_why(config, plan, rows, width))


def steps_an_epoch(rows: int, batch_size: int) -> int:
    """Batches in which these rows are gone through once, the last one smaller."""
    return max(1, -(-rows // batch_size))


def batch_for(rows: int, epochs: int) -> int:
    """BATCH_SIZE, halved down to LEAST_BATCH while that gives fewer than WANTED_STEPS steps."""
    size = BATCH_SIZE
    while size > LEAST_BATCH and epochs * steps_an_epoch(rows, size) < WANTED_STEPS:
        size //= 2
    return size


def epochs_for(steps: int) -> int:
    """EPOCHS, or as many of so many steps as make LEAST_STEPS, MOST_EPOCHS at most."""
    return EPOCHS if steps * EPOCHS >= LEAST_STEPS else min(MOST_EPOCHS, -(-LEAST_STEPS // steps))


def rate_for(model: str, width: int | None) -> float:
    """A preset's own rate; of trained weights BASE_RATE for BASE_WIDTH, and the higher the narrower."""
    if model in PRESETS:
        return PRESETS[model].learning_rate
    return min(HIGHEST_RATE, max(LOWEST_RATE, BASE_RATE * BASE_WIDTH / (width or BASE_WIDTH)))


def width_of(config: PreTrainedConfig) -> int | None:
    """The size of a model's token vectors, H; None where its config does not say."""
    for each in (config, getattr(config, "backbone", None), config.get_text_config()):
        width = getattr(each, "hidden_size", None)
        if isinstance(width, int) and width > 0:
            return width
    return None


def _why(config: FinetuneConfig, plan: StepPlan, rows: int, width: int | None) -> str:
    """What was chosen, for what, and how to choose otherwise."""
    whose = config.model if config.model in PRESETS else f"a width of {width}" if width else "trained weights"
    chosen = {
        "--learning-rate": (config.learning_rate, f"learning rate {plan.learning_rate:g} for {whose}"),
        "--batch-size": (config.batch_size, f"batches of {plan.batch_size}"),
        "--epochs": (config.epochs, plural(plan.epochs, "epoch")),
    }
    free = {option: words for option, (given, words) in chosen.items() if given is None}
    if not free:
        return ""
    change = "changes it" if len(free) == 1 else "change it"
    few = ", which are few" if plan.steps < LEAST_STEPS else ""
    made = f"{plural(plan.steps, 'step')} for {plural(rows, 'row')}{few}"
    return f"{', '.join(free.values())}: {made}; {', '.join(free)} {change}"


def better_plan(config: FinetuneConfig, plan: StepPlan, rows: int, width: int | None) -> str:
    """What may help a run that learned nothing: the default numbers, or more epochs than those."""
    usual = plan_steps(replace(config, epochs=None, batch_size=None, learning_rate=None), rows, width)
    did = f"{plural(plan.steps, 'step')} at {plan.learning_rate:g} {'is' if plan.steps == 1 else 'are'}"
    if plan.steps * plan.learning_rate < 0.9 * usual.steps * usual.learning_rate:
        return f"{did} too little for this model: {_options(usual)}"
    if plan.learning_rate > 1.5 * usual.learning_rate:
        return f"{plan.learning_rate:g} is much for this model: {_options(usual)}"
    more = f"--epochs {2 * max(plan.epochs, EPOCHS)}"
    return f"{did} the usual for {plural(rows, 'row')}: give more rows, another model, or {more}"


def _options(plan: StepPlan) -> str:
    return f"--learning-rate {plan.learning_rate:g} --batch-size {plan.batch_size} --epochs {plan.epochs}"
