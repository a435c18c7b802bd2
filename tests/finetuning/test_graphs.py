"""Without a GPU: what a graph would record reads no number back, and learns what a plain step learns."""

import copy

import pytest
import torch
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode

from tokbench.finetuning.config import FinetuneConfig, Preset
from tokbench.finetuning.data.batches import LONGEST, MULTIPLE, Batches, DeviceRows
from tokbench.finetuning.data.rows import Rows
from tokbench.finetuning.data.tokenize import tokenize_rows
from tokbench.finetuning.device import Machine
from tokbench.finetuning.engines.distributed import ALONE
from tokbench.finetuning.engines.step import Gradients, GraphStepper, Stepper, grouped_weights
from tokbench.finetuning.models import FAMILIES, fresh, load_classifier
from tokbench.finetuning.prepare import model_inputs_of
from tokbench.finetuning.tasks import TASKS

SST2 = TASKS["sst2"]
CPU = Machine(torch.device("cpu"), bf16=False)
TEXTS = [f"{'good' if number % 2 else 'bad'} {'x ' * (number % 30)}" for number in range(64)]
ROWS = Rows(TEXTS, None, [number % 2 for number in range(64)])


@pytest.fixture
def stepper(make_model, tokenizer):
    """A function: a stepper of this kind over a model without dropout, its batches and their flat ids."""

    def make(kind, **changes):
        model = load_classifier(
            make_model(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0), SST2, seed=0
        ).model
        model_inputs = model_inputs_of(model, tokenizer, 64)
        encoded = tokenize_rows(tokenizer, ROWS, max_length=64, task=SST2)
        batches = Batches(encoded=encoded, model_inputs=model_inputs, size=8, seed=0)
        optimizer = torch.optim.AdamW(grouped_weights(model, 0.01), lr=1e-3, fused=True, capturable=True)
        made = kind(model.train(), optimizer, batches, FinetuneConfig(), CPU, ALONE, **changes)
        made.gradients = Gradients(model, by_row=False, asks=False)  # as on a GPU
        return made, DeviceRows(encoded, model_inputs, CPU.device)

    return make


def faked(mode, model):
    """The same model, its weights replaced by ones that have a shape and no numbers."""
    for module in model.modules():
        for name, weight in list(module._parameters.items()):
            if weight is not None:
                module._parameters[name] = torch.nn.Parameter(mode.from_tensor(weight.detach()))
        for name, kept in list(module._buffers.items()):
            if kept is not None:
                module._buffers[name] = mode.from_tensor(kept)
    return model


def recorded(stepper, flat):
    """One step as a graph would record it, on tensors that raise when somebody asks them for a number."""
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        faked(mode, stepper.model)
        stepper.optimizer = torch.optim.AdamW(
            grouped_weights(stepper.model, 0.01), lr=1e-3, fused=True, capturable=True
        )
        stepper.gradients = Gradients(stepper.model, by_row=False, asks=stepper.gradients.asks)
        for name in ("ids", "type_ids", "starts", "labels"):
            setattr(flat, name, mode.from_tensor(getattr(flat, name)))
        return stepper.recorded(flat, torch.arange(8), 16)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_recorded_step_reads_no_number_back(stepper, tokenizer, family):
    made, flat = stepper(GraphStepper)
    made.model = fresh(Preset(1, 64, 1e-3, family), tokenizer, SST2, seed=0).model.train()
    assert recorded(made, flat).shape == ()


def test_one_that_did_would_be_found(stepper):
    made, flat = stepper(GraphStepper)
    made.gradients.asks = True
    with pytest.raises(DataDependentOutputException):
        recorded(made, flat)


def test_recorded_steps_learn_what_plain_steps_learn(stepper):
    plain, _ = stepper(Stepper)
    replayed, flat = stepper(GraphStepper)
    replayed.model.load_state_dict(copy.deepcopy(plain.model.state_dict()))
    for rows in plain.batches.orders(0):
        width = plain.batches.replayed_width(rows)
        one, other = plain(rows), replayed.recorded(flat, flat.numbers(rows), width)
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)
    for one, other in zip(plain.model.parameters(), replayed.model.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)


def test_a_last_batch_and_a_very_long_one_are_not_replayed(stepper):
    made, _ = stepper(GraphStepper)
    rows = made.batches.orders(0)[0]
    width = made.batches.replayed_width(rows)
    assert width % MULTIPLE == 0
    assert 0 <= width - made.batches.encoded.lengths[rows].max() < MULTIPLE
    assert made.batches.replayed_width(rows[:-1]) is None
    wide = Batches(encoded=made.batches.encoded, model_inputs=made.batches.model_inputs, size=LONGEST, seed=0)
    assert wide.replayed_width(rows.repeat(LONGEST // len(rows))) is None


def test_the_padding_that_is_told_is_that_of_the_widths_computed(stepper):
    batches = stepper(Stepper)[0].batches
    orders = batches.orders(0)
    tokens = len(batches.encoded.ids)
    computed = sum(batches.replayed_width(rows) * len(rows) for rows in orders)
    assert batches.padding(1, replayed=True) == pytest.approx(computed / tokens - 1)
    assert batches.padding(1) < batches.padding(1, replayed=True)
