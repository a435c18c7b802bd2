"""Whether a run learned anything: held against what one and the same answer to all rows would score."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tokbench.errors import plural
from tokbench.finetuning.defaults import EPOCHS, StepPlan, plan_steps

if TYPE_CHECKING:
    from tokbench.finetuning.config import FinetuneConfig

# Of the mean loss at the end, over that of the best constant answer. Runs that were useless had 0.94 and more
# (cola, sst2 and stsb at 5e-5), the highest of one that learned was 0.81 (sst2 of 300 rows, 30 steps).
HARDLY_LESS = 0.9
CLEARLY = 0.1
SMOOTHED = "label_smoothing_factor"  # an option of the hf trainer's that lifts every loss


@dataclass(frozen=True)
class Measured:
    """What a verdict looks at: metrics by name, the best constant answers', the losses."""

    metrics: Mapping[str, float]
    constant: Mapping[str, float]
    low: Mapping[str, float]  # the lower ends of the metrics' intervals
    same_answers: tuple[str, ...]  # splits on which all rows got one and the same answer
    train_loss: float  # mean of the last tenth of the steps
    constant_loss: float


def why_not(measured: Measured, config: FinetuneConfig) -> str:
    """Why nothing was learned, in a clause; "" where something was."""
    reasons = list(_reasons(measured, compared=SMOOTHED not in config.trainer_options))
    if not reasons:
        return ""
    losses = f"loss {measured.train_loss:.2f}, a constant answer's is {measured.constant_loss:.2f}"
    return f"{reasons[0]} ({losses})"


def _reasons(measured: Measured, *, compared: bool) -> Iterator[str]:
    if measured.same_answers:
        yield f"nothing was learned, every row of {' and '.join(measured.same_answers)} gets the same answer"
    below = [name for name, value in measured.metrics.items() if value <= measured.constant[name]]
    if below:
        name = below[0]
        nothing = "nothing was learned, " if len(below) == len(measured.metrics) else ""
        yield f"{nothing}{name} is not above a constant answer's {measured.constant[name]:.4f}"
    if compared and measured.train_loss > HARDLY_LESS * measured.constant_loss and not _clearly(measured):
        yield "hardly anything was learned"


def _clearly(measured: Measured) -> bool:
    """Whether a metric, chance allowed for, is above the constant answer's by CLEARLY of what that lacks.

    The loss of a model that has just begun to learn, at a lower rate, is still that of a constant answer.
    """
    return any(
        measured.low.get(name, 0.0) > constant + CLEARLY * (1 - constant)
        for name, constant in measured.constant.items()
    )


def remedy(config: FinetuneConfig, plan: StepPlan, rows: int, width: int | None) -> str:
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
