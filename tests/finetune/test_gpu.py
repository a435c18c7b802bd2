"""On a GPU: steps replayed as graphs learn what plain steps learn, and nothing waits for a number."""

import pytest
import torch

from tokbench.finetune.batches import Batches
from tokbench.finetune.encoding import encode
from tokbench.finetune.fitting import feed_of
from tokbench.finetune.graphs import GraphStepper
from tokbench.finetune.loop import fit, predict
from tokbench.finetune.machine import machine_of
from tokbench.finetune.models import load_model
from tokbench.finetune.optimizer import optimizer_of, set_rate
from tokbench.finetune.rows import Rows
from tokbench.finetune.tasks import TASKS
from tokbench.finetune.team import ALONE

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU here"),
]
TEXTS = [f"{'good' if number % 2 else 'bad'} {'x ' * (number % 30)}" for number in range(240)]
ROWS = Rows(TEXTS, None, [number % 2 for number in range(240)])


@pytest.fixture
def parts(make_model, tokenizer, plan):
    """A function: model without dropout (unless asked), batches, plan and machine."""

    def make(dropout=0.0, **changes):
        chosen = plan(device="cuda", **changes)
        folder = make_model(hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout)
        model = load_model(folder, TASKS["sst2"], seed=0).model
        machine = machine_of(chosen)
        torch.manual_seed(0)
        for weight in model.parameters():  # the same start for every model that is made
            torch.nn.init.normal_(weight, std=0.05)
        machine.hold(model)
        feed = feed_of(model, tokenizer, chosen.max_length)
        encoded = encode(tokenizer, ROWS, max_length=feed.max_length, task=TASKS["sst2"])
        return model, Batches(encoded=encoded, feed=feed, size=8, seed=0), chosen, machine

    return make


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_replayed_steps_learn_what_plain_steps_learn(parts, precision):
    losses, logits = [], []
    for graphs in ("off", "auto"):
        model, batches, plan, machine = parts(precision=precision, epochs=3, settings={"graphs": graphs})
        found = fit(model, batches, plan, rate=1e-3, machine=machine)
        assert not any("not replayed" in note for note in found.notes)
        losses.append(found.losses)
        logits.append(predict(model, batches, machine=machine))
    close = 1e-4 if precision == "fp32" else 5e-2
    assert losses[1] == pytest.approx(losses[0], abs=close)
    assert logits[1] == pytest.approx(logits[0], abs=10 * close)


def stepper_of(parts, **changes):
    model, batches, plan, machine = parts(**changes)
    model.train()
    optimizer = optimizer_of(model, 1e-3, plan.chosen, capturable=True)
    return GraphStepper(model, optimizer, batches, plan.chosen, machine, ALONE), batches


def test_the_third_step_of_a_width_waits_for_nothing(parts):
    stepper, batches = stepper_of(parts)
    rows = batches.orders(0)[0]
    stepper(rows), stepper(rows)
    assert stepper.capturing
    torch.cuda.set_sync_debug_mode("error")
    try:
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
