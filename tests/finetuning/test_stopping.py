"""Stopped at any moment, by Ctrl-C or for want of room, a run goes on to the same weights."""

import hashlib
import json
import os
import resource
import signal
import threading
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from tests.stopping import At, StopsAt
from tokbench.errors import ResourceError, RunInterruptedError, UsageError
from tokbench.finetuning.engines.interrupts import STOPPING, interruptible
from tokbench.finetuning.multi import finetune
from tokbench.finetuning.run_files import found_in, unfinished

ROWS = [
    [f"{word} {'x ' * number}", label] for number in range(5) for word, label in (("good", "1"), ("bad", "0"))
]
OTHER = {"seconds", "rows_per_second", "peak_memory_mb", "load_with"}  # times, and the name of the output
NOTHING = ("resumed after step", "there is no checkpoint of step")


@pytest.fixture
def data(official):
    return str(official("sst2", rows=ROWS, times=3))


@pytest.fixture
def choices(data, plan, tmp_path):
    """A function: the plan of a run of 24 steps that is stopped, and one that is not, by the engine."""

    def make(engine="loop", **changes):
        settings = {"evaluate_every": 3, "metric": "loss", "patience": 9, "learning_rate": 3e-2, **changes}
        rest = {"data": data, "trainer": engine, "epochs": 3, **settings}
        return plan(**rest), plan(**rest, output=str(tmp_path / "whole"))

    return make


def told(output):
    """The numbers of a run, but for times, and its notes but those of what happened to it."""
    saved = json.loads((Path(output) / "metrics.json").read_text())
    notes = [note for note in saved["notes"] if not note.startswith(NOTHING)]
    return {**{name: each for name, each in saved.items() if name not in OTHER}, "notes": notes}


def assert_same(one, other):
    first, second = (load_file(Path(each.output) / "model.safetensors") for each in (one, other))
    assert all(torch.equal(first[name], second[name]) for name in second)
    assert told(one.output) == told(other.output)
    assert not unfinished(one.output).exists()


# of the loop and the Trainer every third batch of dev rows; the third evaluation is that of step 9
@pytest.mark.parametrize("engine", ["loop", "hf"])
def test_an_evaluation_is_left_at_once_and_made_by_who_goes_on(engine, choices):
    chosen, other = choices(engine)
    finetune(other)
    with pytest.raises(RunInterruptedError, match="stopped after step 9 of 24"):
        finetune(chosen, progress=StopsAt(12, stage="evaluate", times=3))
    facts = json.loads((found_in(unfinished(chosen.output))[0] / "state.json").read_text())
    assert (facts["last_look"], facts["to_evaluate"], len(facts["watch"]["done"])) == (6, True, 2)
    with pytest.raises(RunInterruptedError, match="stopped after step 9 of 24"):  # and once more
        finetune(chosen, resume=True, progress=StopsAt(12, stage="evaluate"))
    finetune(chosen, resume=True)
    assert_same(chosen, other)


@pytest.mark.parametrize("every", [3, 1000])
@pytest.mark.parametrize("moment", [("train", 24, 1), ("evaluate", 12, 8)])
def test_the_last_step_and_its_evaluation_can_be_stopped(moment, every, choices):
    stage, done, times = moment
    chosen, other = choices(evaluate_every=every)
    finetune(other)
    with pytest.raises(RunInterruptedError, match="stopped after step 24 of 24"):
        finetune(chosen, progress=StopsAt(done, stage=stage, times=times if every == 3 else 1))
    finetune(chosen, resume=True)
    assert_same(chosen, other)


@pytest.mark.parametrize("engine", ["loop", "hf", "lightning"])
def test_what_was_learned_is_kept_when_the_writing_is_stopped(engine, choices):
    if engine == "lightning":
        pytest.importorskip("lightning")
    chosen, other = choices(engine)
    finetune(other)
    with pytest.raises(RunInterruptedError, match="stopped after training") as stopped:
        finetune(chosen, drawings={"x": lambda _: os.kill(os.getpid(), signal.SIGINT)})
    assert "--resume" in stopped.value.fix
    assert not Path(chosen.output).exists()
    steps = []
    finetune(chosen, resume=True, progress=lambda stage, *_: steps.append(stage))
    assert "train" not in steps
    assert_same(chosen, other)


def limit(size):
    """Let no file grow beyond this many bytes, as a disk does that has no more."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


@pytest.fixture
def unlimited():
    yield
    limit(resource.getrlimit(resource.RLIMIT_FSIZE)[1])


@pytest.mark.parametrize("engine", ["loop", "hf"])
def test_a_full_disk_costs_no_checkpoint_that_was_there(engine, choices, unlimited):
    chosen, other = choices(engine, save_every=2)
    finetune(other)
    with pytest.raises(ResourceError, match="the disk is full") as caught:
        finetune(chosen, progress=At("train", 9, lambda: limit(5_000)))
    assert caught.value.exit_code == 1
    assert "--resume goes on" in caught.value.fix
    assert found_in(unfinished(chosen.output))[0].name == "step-00000008"
    limit(resource.RLIM_INFINITY)
    run = finetune(chosen, resume=True)
    assert "resumed after step 8 of 24" in run.notes
    assert_same(chosen, other)


def test_training_goes_on_while_the_disk_is_full_and_says_so(choices, unlimited):
    said = []

    class Drawn:
        def __call__(self, stage, done, total=None):
            if stage == "train":
                limit(5_000 if 9 <= done < 13 else resource.RLIM_INFINITY)

        def event(self, words):
            said.append(words)

    chosen, other = choices(save_every=4)
    finetune(other)
    run = finetune(chosen, progress=Drawn())
    [note] = [note for note in run.notes if note.startswith("there is no checkpoint of step 12: the disk is")]
    assert note in said
    assert_same(chosen, other)


def test_a_stop_on_a_full_disk_says_which_step_is_kept(choices, unlimited):
    def fill_and_stop():
        limit(5_000)
        os.kill(os.getpid(), signal.SIGINT)

    chosen, other = choices(save_every=8)
    finetune(other)
    words = "stopped after step 10 of 24, and what is kept in .* is step 8: the disk is full"
    with pytest.raises(ResourceError, match=words):
        finetune(chosen, progress=At("train", 10, fill_and_stop))
    limit(resource.RLIM_INFINITY)
    finetune(chosen, resume=True)
    assert_same(chosen, other)


@pytest.mark.parametrize(("stage", "done"), [("train", 10), ("evaluate", 12)])
def test_a_full_memory_costs_no_checkpoint(stage, done, choices):
    def run_out():
        raise MemoryError

    chosen, other = choices(save_every=2)
    finetune(other)
    with pytest.raises(ResourceError, match="the memory is full") as caught:
        finetune(chosen, progress=At(stage, done, run_out, times=1 if stage == "train" else 3))
    assert caught.value.exit_code == 1
    assert "--resume goes on" in caught.value.fix
    finetune(chosen, resume=True)
    assert_same(chosen, other)


def test_a_checkpoint_of_another_version_is_refused_in_a_sentence(choices):
    chosen, _ = choices()
    with pytest.raises(RunInterruptedError):
        finetune(chosen, progress=StopsAt(5))
    path = found_in(unfinished(chosen.output))[0] / "state.json"
    facts = json.loads(path.read_text())
    path.write_text(json.dumps({**facts, "format": 1, "version": "0.0.1"}))
    with pytest.raises(UsageError, match=r"was written by tokbench 0\.0\.1, and .* cannot go on") as caught:
        finetune(chosen, resume=True)
    assert "--force" in caught.value.fix
    del facts["format"], facts["version"]
    path.write_text(json.dumps(facts))
    with pytest.raises(UsageError, match="was written by tokbench an earlier version"):
        finetune(chosen, resume=True)


class Told:
    """A progress that knows when it was told a line."""

    def __init__(self):
        self.said = []

    def event(self, words):
        self.said.append((time.perf_counter(), words))


def pressed(*after, when=None):
    """Press Ctrl-C after these seconds, from another thread."""

    def press():
        if when:
            when.wait()
        for seconds in after:
            time.sleep(seconds)
            os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=press).start()
    return time.perf_counter()


def test_ctrl_c_is_answered_while_one_operation_is_computed():
    progress, asked, times = Told(), [], []

    def compute():
        with interruptible(asked, nn.Linear(1, 1), progress):
            times.append(pressed(0.2))
            hashlib.pbkdf2_hmac("sha256", b"", b"", 8_000_000)  # one call that no handler comes into
            times.append(time.perf_counter())

    with pytest.raises(KeyboardInterrupt):
        compute()
    [(heard, words)] = progress.said
    begun, ended = times
    assert STOPPING in words
    assert begun < heard < begun + 1 < ended
    assert asked == [signal.SIGINT]


def test_a_second_ctrl_c_ends_a_backward_pass():
    model = nn.Sequential(*(nn.Linear(800, 800) for _ in range(20)))
    begun = threading.Event()
    model[-1].weight.register_hook(lambda _: begun.set())  # the first that a backward pass comes to
    loss = model(torch.ones(1500, 800)).sum()

    def press_and_go_back():
        with interruptible([], model, Told()):
            pressed(0, 0.02, when=begun)
            loss.backward()

    with pytest.raises(KeyboardInterrupt):
        press_and_go_back()
    assert model[0].weight.grad is None  # it had not come so far
    assert not any(each._backward_hooks for each in list(model.parameters())[:-2])
