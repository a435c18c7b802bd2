"""What is chosen where nothing was given, and what a run that learned nothing is told."""

import math
from dataclasses import MISSING, fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokbench.finetuning.config import FinetuneConfig
from tokbench.finetuning.defaults import better_plan, plan_steps
from tokbench.finetuning.result import Run, nothing_learned

OWN = FinetuneConfig(model="my-model")


# the rows and numbers of the measured table: 384 wide, and what each row of it was trained with
@pytest.mark.parametrize(
    ("rows", "given", "batch_size", "epochs", "steps"),
    [
        (20, {}, 8, 20, 60),
        (100, {}, 8, 8, 104),
        (300, {}, 8, 3, 114),
        (600, {}, 8, 3, 225),
        (1_500, {}, 16, 3, 282),
        (4_000, {}, 32, 3, 375),
        (4_000, {"epochs": 1}, 16, 1, 250),
        (67_349, {}, 32, 3, 6_315),
        (600, {"batch_size": 32}, 32, 6, 114),
    ],
)
def test_few_rows_get_smaller_batches_and_very_few_more_epochs(rows, given, batch_size, epochs, steps):
    plan = plan_steps(FinetuneConfig(model="my-model", **given), rows, 384)
    assert (plan.batch_size, plan.epochs, plan.steps) == (batch_size, epochs, steps)
    assert plan.learning_rate == pytest.approx(1e-4)


@pytest.mark.parametrize(
    ("width", "rate"),
    [(128, 3e-4), (256, 1.5e-4), (384, 1e-4), (768, 5e-5), (1_024, 3.75e-5), (4_096, 2e-5), (None, 5e-5)],
)
def test_a_narrower_model_of_trained_weights_learns_faster(width, rate):
    assert plan_steps(OWN, 600, width).learning_rate == pytest.approx(rate)
    assert plan_steps(FinetuneConfig(model="bert-tiny"), 600, width).learning_rate == 1e-3


@given(
    rows=st.integers(1, 10**6), size=st.integers(1, 512), epochs=st.integers(1, 50), rate=st.floats(1e-8, 1)
)
def test_what_is_given_stays_as_it_is_and_nothing_is_said(rows, size, epochs, rate):
    asked = FinetuneConfig(model="my-model", batch_size=size, epochs=epochs, learning_rate=rate)
    plan = plan_steps(asked, rows, 384)
    assert (plan.batch_size, plan.epochs, plan.learning_rate) == (size, epochs, rate)
    assert plan.steps == epochs * math.ceil(rows / size)
    assert plan.why == ""
    assert plan.settled(asked) == asked


def test_what_was_chosen_is_said_with_why_and_how_to_change_it():
    assert plan_steps(OWN, 600, 384).why == (
        "learning rate 0.0001 for a width of 384, batches of 8, 3 epochs: 225 steps for 600 rows;"
        " --learning-rate, --batch-size, --epochs change it"
    )
    few = FinetuneConfig(model="my-model", batch_size=32, epochs=3)
    assert plan_steps(few, 300, 384).why == (
        "learning rate 0.0001 for a width of 384: 30 steps for 300 rows, which are few;"
        " --learning-rate changes it"
    )


def measured(*, accuracy=0.8, f1=0.8, train_loss=0.3, low=0.7):
    """A run with these figures, and nothing else worth knowing."""
    figures = {
        "metrics": {"accuracy": accuracy, "f1": f1},
        "majority": {"accuracy": 0.68, "f1": 0.81},
        "intervals": {"accuracy": (low, 1.0)},
        "train_loss": train_loss,
        "constant_loss": 0.63,
    }
    others = [each.name for each in fields(Run) if each.default is each.default_factory is MISSING]
    return Run(**{**dict.fromkeys(others), **figures})


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (measured(f1=0.85), ""),
        (measured(), "f1 is not above a constant answer's 0.8100 (loss 0.30, a constant answer's is 0.63)"),
        (
            measured(accuracy=0.6),
            "nothing was learned, accuracy is not above a constant answer's 0.6800"
            " (loss 0.30, a constant answer's is 0.63)",
        ),
        (
            measured(f1=0.85, train_loss=0.6),
            "hardly anything was learned (loss 0.60, a constant answer's is 0.63)",
        ),
        (measured(f1=0.85, train_loss=0.6, low=0.72), ""),  # a tenth of what is missing from 0.68 to 1
    ],
)
def test_a_run_that_learned_nothing_is_told_why_by_all_its_metrics(found, why):
    assert nothing_learned(found, ()) == why


def test_one_answer_to_all_rows_is_told_before_anything_else():
    assert nothing_learned(measured(f1=0.85), ("dev",)) == (
        "nothing was learned, every row of dev gets the same answer (loss 0.30, a constant answer's is 0.63)"
    )


def test_smoothed_losses_are_not_held_against_that_of_a_constant_answer():
    assert nothing_learned(measured(f1=0.85, train_loss=0.6), (), losses_compare=False) == ""


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {"learning_rate": 5e-5, "batch_size": 32, "epochs": 3},
            "57 steps at 5e-05 are too little for this model:"
            " --learning-rate 0.0001 --batch-size 8 --epochs 3",
        ),
        (
            {"learning_rate": 0.1},
            "0.1 is much for this model: --learning-rate 0.0001 --batch-size 8 --epochs 3",
        ),
        ({}, "225 steps at 0.0001 are the usual for 600 rows: give more rows, another model, or --epochs 6"),
    ],
)
def test_the_remedy_is_the_default_numbers_or_more_epochs_than_those(given, words):
    asked = FinetuneConfig(model="my-model", **given)
    assert better_plan(asked, plan_steps(asked, 600, 384), 600, 384) == words


def test_a_fresh_head_for_scores_starts_at_their_mean_and_a_trained_one_where_it_was(
    official, plan, tmp_path
):
    from tokbench.finetuning.data.load import read_data
    from tokbench.finetuning.multi import finetune
    from tokbench.finetuning.stages import prepare_run

    def bias(asked):
        model = prepare_run(asked, read_data(asked)).parts.model
        return float(dict(model.named_parameters())["classifier.bias"].detach()[0])

    asked = plan(task="stsb", data=str(official("stsb")), epochs=20, learning_rate=1e-2)
    assert bias(asked) == pytest.approx(np.mean([4.8, 0.25]))
    finetune(asked)
    trained = plan(task="stsb", data=asked.data, model=asked.output)
    assert bias(trained) != pytest.approx(np.mean([4.8, 0.25]), abs=1e-6)


@pytest.mark.parametrize("pooling", ["mean", "own"])
@pytest.mark.parametrize("model", ["electra", "distilbert", "roberta", "modernbert", "gpt2"])
def test_the_bias_of_a_head_is_found_in_every_family_that_has_one(model, pooling, tokenizer):
    import torch

    from tokbench.finetuning.config import Preset
    from tokbench.finetuning.models import fresh, pooled_as, start_at
    from tokbench.finetuning.tasks import TASKS

    preset = Preset(1, 64, 1e-3, model, embedding=64 if model == "electra" else 0)
    made = pooled_as(fresh(preset, tokenizer, TASKS["stsb"], seed=0), pooling).model
    before = {name: each.detach().clone() for name, each in made.named_parameters()}
    start_at(made, 2.5)
    changed = [name for name, each in made.named_parameters() if not torch.equal(each, before[name])]
    has_no_bias = model == "gpt2" and pooling == "own"
    assert len(changed) == (0 if has_no_bias else 1)
    assert all(
        name.endswith("bias") and float(dict(made.named_parameters())[name].detach()[0]) == 2.5
        for name in changed
    )


def test_the_loss_of_a_constant_answer_is_what_the_best_one_has(plan):
    from scipy.optimize import minimize_scalar

    from tokbench.finetuning.engines.objective import constant_loss
    from tokbench.finetuning.tasks import TASKS

    class Encoded:
        labels = np.array([0, 1, 1, 1, -100, 0, 1])

    weights = {"negative": 3.0, "positive": 0.5}
    real = Encoded.labels[Encoded.labels != -100]
    counts = np.array([weights["negative"], weights["positive"]])[real]

    def mean_loss(share, each=counts):
        losses = -np.log(np.where(real == 1, share, 1 - share))
        return (each * losses).sum() / each.sum()

    best = minimize_scalar(mean_loss, bounds=(1e-6, 1 - 1e-6), method="bounded", options={"xatol": 1e-9})
    assert constant_loss(Encoded, TASKS["sst2"], weights) == pytest.approx(best.fun, abs=1e-9)
    plain = minimize_scalar(
        lambda share: mean_loss(share, np.ones(len(real))), bounds=(0.01, 0.99), method="bounded"
    )
    assert constant_loss(Encoded, TASKS["sst2"], {}) == pytest.approx(plain.fun, abs=1e-9)


def test_precision_and_recall_are_no_proof_of_their_own():
    run = replace(
        measured(f1=0.85),
        metrics={"entity_f1": 0.478, "entity_precision": 0.548, "entity_recall": 0.425},
        majority={"entity_f1": 0.045, "entity_precision": 0.024, "entity_recall": 0.444},
    )
    assert run.not_above_constant == ()
    assert nothing_learned(run, ()) == ""
