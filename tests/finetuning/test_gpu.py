"""On a GPU: steps replayed as graphs learn what plain steps learn, and nothing waits for a number."""

import numpy as np
import pytest
import torch

from tokbench.finetuning.config import POOLINGS, Preset
from tokbench.finetuning.data.batches import Batches, DeviceRows, pad_batch
from tokbench.finetuning.data.rows import Rows
from tokbench.finetuning.data.tokenize import tokenize_rows
from tokbench.finetuning.defaults import plan_steps
from tokbench.finetuning.device import machine_of
from tokbench.finetuning.engines.distributed import ALONE
from tokbench.finetuning.engines.loop import fit, predict_logits
from tokbench.finetuning.engines.state import TrainingJob
from tokbench.finetuning.engines.step import GraphStepper, optimizer_of, set_rate
from tokbench.finetuning.models import FAMILIES, fresh, load_classifier, pooled_as
from tokbench.finetuning.prepare import align, model_inputs_of
from tokbench.finetuning.tasks import TASKS

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU here"),
]
SST2 = TASKS["sst2"]
TEXTS = [f"{'good' if number % 2 else 'bad'} {'x ' * (number % 30)}" for number in range(240)]
ROWS = Rows(TEXTS, None, [number % 2 for number in range(240)])
NOISE = {
    "fp32": 1e-3,
    "bf16": 5e-2,
}  # how far losses may lie apart: sums in another order, 8 bits of mantissa


def steps_of(chosen):
    """How often the rows are gone through under this plan, and at which rate."""
    return plan_steps(chosen, len(ROWS), None)


def feeding(model, tokenizer, chosen, *, size=8):
    """Batches of ROWS as this model wants them."""
    model_inputs = model_inputs_of(model, tokenizer, chosen.max_length)
    encoded = tokenize_rows(tokenizer, ROWS, max_length=model_inputs.max_length, task=SST2)
    return Batches(encoded=encoded, model_inputs=model_inputs, size=size, seed=0)


def without_dropout(model):
    for each in model.modules():
        if isinstance(each, torch.nn.Dropout):
            each.p = 0.0
    return model


@pytest.fixture
def parts(make_model, tokenizer, plan):
    """A function: model without dropout (unless asked), batches, plan and machine."""

    def make(dropout=0.0, *, std=0.05, device="cuda", **changes):
        chosen = plan(device=device, **changes)
        folder = make_model(hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout)
        model = load_classifier(folder, SST2, seed=0).model
        machine = machine_of(chosen)
        torch.manual_seed(0)
        for weight in model.parameters():  # the same start for every model that is made
            torch.nn.init.normal_(weight, std=std)
        machine.hold(model)
        return model, feeding(model, tokenizer, chosen), chosen, machine

    return make


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_replayed_steps_learn_what_plain_steps_learn(parts, precision):
    found, logits = [], []
    for graphs in ("off", "on"):
        model, batches, plan, machine = parts(precision=precision, epochs=3, graphs=graphs)
        found.append(fit(TrainingJob(model, batches, plan, steps_of(plan), machine=machine)))
        logits.append(predict_logits(model, batches, machine=machine))
    assert not found[1].notes
    assert (found[0].replayed, found[1].replayed) == (0, found[1].steps - widths(batches, 3))
    assert found[1].losses == pytest.approx(found[0].losses, abs=NOISE[precision])
    assert logits[1] == pytest.approx(logits[0], abs=10 * NOISE[precision])
    assert found[0].gradient.tolist() == found[1].gradient.tolist()


def widths(batches, epochs):
    """In how many widths these epochs are replayed: the first step of each is a plain one."""
    return len({batches.replayed_width(rows) for epoch in range(epochs) for rows in batches.orders(epoch)})


@pytest.mark.parametrize("way", POOLINGS)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_replayed_whatever_its_pooling(family, way, tokenizer, plan):
    losses = []
    for graphs in ("off", "on"):
        chosen = plan(device="cuda", precision="bf16", graphs=graphs)
        preset = Preset(2, 128, 1e-3, family, embedding=64 if family == "electra" else 0)
        loaded = pooled_as(fresh(preset, tokenizer, SST2, seed=0), way)
        align(loaded, tokenizer)
        model, machine = without_dropout(loaded.model), machine_of(chosen)
        machine.hold(model)
        torch.manual_seed(1)
        for weight in model.parameters():
            if weight.ndim > 1:
                torch.nn.init.normal_(weight, std=0.02)
        found = fit(
            TrainingJob(model, feeding(model, tokenizer, chosen), chosen, steps_of(chosen), machine=machine)
        )
        losses.append(found.losses)
    assert not found.notes
    assert found.replayed > 0
    assert losses[1] == pytest.approx(losses[0], abs=NOISE["bf16"])


def stepper_of(parts, **changes):
    model, batches, plan, machine = parts(**changes)
    model.train()
    optimizer = optimizer_of(model, 1e-3, plan, capturable=True)
    return GraphStepper(model, optimizer, batches, plan, machine, ALONE), batches


def test_the_third_step_of_a_width_waits_for_nothing(parts):
    stepper, batches = stepper_of(parts)
    rows = batches.orders(0)[0]
    stepper(rows), stepper(rows)
    assert stepper.capturing
    torch.cuda.set_sync_debug_mode("error")
    try:
        set_rate(stepper.optimizer, 1e-4)
        stepper(rows)
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_dropout_draws_anew_at_every_replay(parts):
    stepper, batches = stepper_of(parts, dropout=0.5)
    set_rate(stepper.optimizer, 0.0)
    rows = batches.orders(0)[0]
    losses = [float(stepper(rows)) for _ in range(6)]
    assert len(set(losses[2:])) > 1


def test_a_replay_reads_the_rate_of_its_step(parts):
    stepper, batches = stepper_of(parts)
    rows = batches.orders(0)[0]
    stepper(rows), stepper(rows)
    set_rate(stepper.optimizer, 0.0)
    before = [each.clone() for each in stepper.model.parameters()]
    stepper(rows)
    assert all(torch.equal(one, two) for one, two in zip(before, stepper.model.parameters(), strict=True))


def test_widths_share_memory_and_do_not_disturb_each_other(parts):
    stepper, batches = stepper_of(parts)
    for number in range(4):
        losses = [stepper(rows) for rows in batches.orders(number)]
    assert len(stepper.captured) > 1
    assert torch.isfinite(torch.stack(losses)).all()
    assert len({each.graph.pool() for each in stepper.captured.values()}) == 1


def test_predicting_between_replays_changes_no_step(parts):
    losses = []
    for looking in (False, True):
        stepper, batches = stepper_of(parts)
        losses.append([])
        for number in range(3):
            losses[-1] += [stepper(rows) for rows in batches.orders(number)]
            if looking:
                predict_logits(stepper.model, batches, machine=stepper.machine)
                stepper.model.train()
    plain, watched = (torch.stack(each).tolist() for each in losses)
    assert watched == pytest.approx(plain, abs=NOISE["fp32"])


class Reading(torch.nn.Module):
    """A model that reads its loss in every step, which no graph can record."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, **batch):
        said = self.model(**batch)
        assert batch.get("labels") is None or float(said.loss.detach()) > 0
        return said

    def get_input_embeddings(self):
        return self.model.get_input_embeddings()


def test_a_model_that_cannot_be_recorded_is_trained_all_the_same(parts):
    losses = []
    for graphs in ("off", "auto"):
        model, batches, plan, machine = parts(epochs=2, graphs=graphs)
        found = fit(TrainingJob(Reading(model), batches, plan, steps_of(plan), machine=machine))
        losses.append(found.losses)
        assert np.isfinite(predict_logits(model, batches, machine=machine)).all()
    assert found.replayed == 0
    assert [note for note in found.notes if "not replayed as graphs" in note]
    assert losses[1] == pytest.approx(losses[0], abs=NOISE["fp32"])


@pytest.mark.parametrize("left", [False, True])
def test_rows_cut_on_the_gpu_are_those_padded_in_the_computer(left, parts):
    from dataclasses import replace

    _, batches, _, machine = parts()
    model_inputs = replace(batches.model_inputs, left=left)
    flat = DeviceRows(batches.encoded, model_inputs, machine.device)
    for rows in batches.orders(0):
        wanted = pad_batch(batches.encoded, rows, model_inputs)
        found = flat.batch(rows, wanted["input_ids"].shape[1])
        assert {each.device.type for each in found.values()} == {"cuda"}
        assert all(torch.equal(found[name].cpu(), wanted[name]) for name in wanted)


@pytest.mark.parametrize(("precision", "share"), [("fp32", 1e-3), ("bf16", 0.1)])
def test_a_gpu_predicts_what_a_processor_predicts(precision, share, parts):
    here, batches, _, processor = parts(std=0.3, device="cpu", precision="fp32")
    there, _, _, machine = parts(std=0.3, precision=precision)
    there.load_state_dict(here.state_dict())
    wanted = predict_logits(here, batches, machine=processor)
    found = predict_logits(there, batches, machine=machine)
    assert np.abs(found - wanted).max() <= share * np.ptp(wanted)


@pytest.mark.parametrize("size", [120, 240])  # replayed as graphs if memory allowed; too long for them
def test_little_memory_halves_the_parts_and_learns_the_same(size, tokenizer, plan):
    preset = Preset(1, 64, 1e-3, inner_width=16_384)  # some gigabytes for 240 rows, and few for the weights
    total, notes, losses = torch.cuda.get_device_properties(0).total_memory, [], []
    limit = 1.0
    for _ in range(2):
        chosen = plan(device="cuda", epochs=2, batch_size=size, precision="fp32", learning_rate=1e-4)
        model, machine = without_dropout(fresh(preset, tokenizer, SST2, seed=0).model), machine_of(chosen)
        machine.hold(model)
        torch.cuda.empty_cache()
        before = torch.cuda.memory_allocated()
        machine.forget_peak()
        torch.cuda.set_per_process_memory_fraction(limit)
        try:
            found = fit(
                TrainingJob(
                    model,
                    feeding(model, tokenizer, chosen, size=size),
                    chosen,
                    steps_of(chosen),
                    machine=machine,
                )
            )
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0)
        notes.append(found.notes)
        losses.append(found.losses)
        limit = (before + 0.7 * (torch.cuda.max_memory_allocated() - before)) / total
        del model, found
        torch.cuda.empty_cache()
    assert not notes[0]
    assert f"the memory ran out: batches of {size} rows are computed {size // 2} rows" in notes[1][0]
    assert losses[1] == pytest.approx(losses[0], abs=NOISE["fp32"])
