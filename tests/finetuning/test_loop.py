import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tokbench.errors import NegativeResultError, UsageError
from tokbench.finetuning.data.batches import Batches
from tokbench.finetuning.data.rows import Rows
from tokbench.finetuning.data.tokenize import EncodedRows, tokenize_rows
from tokbench.finetuning.defaults import plan_steps
from tokbench.finetuning.device import machine_of
from tokbench.finetuning.engines.loop import fit, predict_logits
from tokbench.finetuning.engines.state import Losses, TrainingJob
from tokbench.finetuning.engines.step import grouped_weights, share_of_rate
from tokbench.finetuning.models import load_classifier
from tokbench.finetuning.prepare import model_inputs_of
from tokbench.finetuning.tasks import TASKS

TEXTS = [f"{'good' if number % 2 else 'bad'} {'x ' * (number % 7)}" for number in range(24)]
ROWS = Rows(TEXTS, None, [number % 2 for number in range(24)])


@pytest.fixture
def trained(model_folder, tokenizer, plan):
    """A function: train the tiny model on TEXTS under a plan with these changes."""

    def train(**changes):
        chosen = plan(**changes)
        model = load_classifier(model_folder, TASKS["sst2"], seed=chosen.seed).model
        model_inputs = model_inputs_of(model, tokenizer, chosen.max_length)
        encoded = tokenize_rows(tokenizer, ROWS, max_length=model_inputs.max_length, task=TASKS["sst2"])
        batches = Batches(
            encoded=encoded, model_inputs=model_inputs, size=chosen.batch_size, seed=chosen.seed
        )
        machine = machine_of(chosen)
        return (
            model,
            batches,
            machine,
            fit(TrainingJob(model, batches, chosen, plan_steps(chosen, len(ROWS), None), machine=machine)),
        )

    return train


@given(st.integers(1, 500), st.floats(0, 0.9))
def test_the_rate_rises_to_its_highest_and_falls_towards_0(steps, warmup):
    shares = [share_of_rate(step, steps, warmup) for step in range(steps)]
    top = shares.index(max(shares))
    assert all(0 < share <= 1 for share in shares)
    assert shares[: top + 1] == sorted(shares[: top + 1])
    assert shares[top:] == sorted(shares[top:], reverse=True)
    assert max(shares) == 1


def test_a_few_epochs_learn_what_can_be_learned(trained):
    model, batches, machine, fitted = trained(epochs=20, learning_rate=5e-3)
    answers = predict_logits(model, batches, machine=machine).argmax(axis=1)
    assert answers.tolist() == ROWS.labels
    assert fitted.steps == 20 * 6
    assert fitted.train_loss < 0.3


def test_the_same_seed_gives_the_same_bits(trained):
    (one, *_), (same, *_), (other, *_) = trained(seed=1), trained(seed=1), trained(seed=2)
    weights = [torch.cat([each.flatten() for each in model.parameters()]) for model in (one, same, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_bf16_keeps_the_weights_in_fp32_and_finite(trained):
    model, batches, machine, fitted = trained(precision="bf16")
    assert machine.bf16
    assert {each.dtype for each in model.parameters()} == {torch.float32}
    assert np.isfinite(fitted.train_loss)
    assert np.isfinite(predict_logits(model, batches, machine=machine)).all()


def test_predictions_come_in_the_order_of_the_rows(trained):
    model, batches, machine, _ = trained()
    together = predict_logits(model, batches, machine=machine)
    alone = [
        predict_logits(
            model,
            Batches(encoded=one_row(batches.encoded, row), model_inputs=batches.model_inputs, size=1, seed=0),
            machine=machine,
        )[0]
        for row in range(len(ROWS))
    ]
    assert np.allclose(together, alone, atol=1e-5)


def one_row(encoded, row):
    low, high = encoded.starts[row], encoded.starts[row + 1]
    return EncodedRows(
        encoded.ids[low:high],
        np.array([0, high - low]),
        encoded.type_ids[low:high],
        encoded.labels[row : row + 1],
        0,
    )


def test_only_ids_of_the_rows_get_a_gradient(trained, tokenizer):
    _, batches, _, fitted = trained()
    seen = set(batches.encoded.ids.tolist())
    assert set(np.flatnonzero(fitted.gradient).tolist()) == seen


def test_a_row_that_padding_holds_back_gets_no_gradient(model_folder, tokenizer, plan):
    good = tokenizer.convert_tokens_to_ids("good")
    model = load_classifier(model_folder, TASKS["sst2"], seed=0).model
    model.get_input_embeddings().padding_idx = good
    model_inputs = model_inputs_of(model, tokenizer, 64)
    batches = Batches(
        encoded=tokenize_rows(tokenizer, ROWS, max_length=64, task=TASKS["sst2"]),
        model_inputs=model_inputs,
        size=4,
        seed=0,
    )
    gradient = fit(
        TrainingJob(
            model, batches, plan(), plan_steps(plan(), len(batches.encoded), None), machine=machine_of(plan())
        )
    ).gradient
    assert not gradient[good]
    assert gradient[tokenizer.convert_tokens_to_ids("bad")]


def test_biases_and_norms_do_not_decay(model_folder):
    model = load_classifier(model_folder, TASKS["sst2"], seed=0).model
    decaying, others = grouped_weights(model, 0.1)
    names = {id(each): name for name, each in model.named_parameters()}
    assert all(
        "bias" not in names[id(each)] and "LayerNorm" not in names[id(each)] for each in decaying["params"]
    )
    assert all("bias" in names[id(each)] or "LayerNorm" in names[id(each)] for each in others["params"])
    assert (decaying["weight_decay"], others["weight_decay"]) == (0.1, 0.0)


def test_a_loss_that_is_no_number_ends_the_run_with_its_step(trained):
    with pytest.raises(NegativeResultError, match=r"the loss is (nan|inf) at step \d+ of 6") as caught:
        trained(learning_rate=1e30)
    assert "--learning-rate" in caught.value.fix


def test_on_a_gpu_losses_are_read_now_and_then_and_the_first_bad_one_is_named():
    losses = Losses(every=50, steps=3)
    for value in (0.5, float("nan"), 0.25):
        losses.add(torch.tensor(value))  # not read yet: that would make a GPU wait
    with pytest.raises(NegativeResultError, match="the loss is nan at step 2 of 3"):
        losses.mean(3)


def test_graphs_asked_for_where_there_can_be_none_are_refused(trained):
    with pytest.raises(UsageError, match="graphs=on needs one process on a GPU"):
        trained(graphs="on", device="cpu")
