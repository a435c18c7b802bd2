"""The life of a run: evaluations, early stopping, checkpoints, Ctrl-C, resuming, little memory."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from safetensors.torch import load_file

from tests.stopping import StopsAt
from tokbench.errors import FileError, ResourceError, RunInterruptedError, UsageError
from tokbench.finetuning.device import machine_of
from tokbench.finetuning.engines.loop import fit
from tokbench.finetuning.engines.state import TrainingJob
from tokbench.finetuning.engines.step import Stepper
from tokbench.finetuning.multi import finetune
from tokbench.finetuning.run_files import found_in, unfinished

ROWS = [
    [f"{word} {'x ' * number}", label] for number in range(5) for word, label in (("good", "1"), ("bad", "0"))
]


@pytest.fixture
def data(official):
    return str(official("sst2", rows=ROWS, times=3))


def weights(folder):
    return load_file(folder / "model.safetensors")


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_ctrl_c_keeps_what_was_learned_and_resuming_ends_in_the_same_bits(data, plan, tmp_path):
    settings = {"evaluate_every": 3, "patience": 9, "keep": "last"}
    whole = finetune(plan(data=data, epochs=2, **settings, output=str(tmp_path / "whole")))
    chosen = plan(data=data, epochs=2, **settings)
    with pytest.raises(RunInterruptedError, match="stopped after step 7 of 16") as stopped:
        finetune(chosen, progress=StopsAt(7))
    assert "--resume" in stopped.value.fix
    assert stopped.value.exit_code == 130
    assert not (tmp_path / "run").exists()
    run = finetune(chosen, resume=True)
    assert same(weights(tmp_path / "run"), weights(tmp_path / "whole"))
    assert [each.step for each in run.evaluations] == [3, 6, 9, 12, 15, 16]
    assert run.losses == whole.losses
    assert "resumed after step 7 of 16" in run.notes
    assert not unfinished(chosen.output).exists()


def test_a_cluster_that_takes_the_machine_back_leaves_a_checkpoint_too(data, plan):
    chosen, before = plan(data=data), signal.getsignal(signal.SIGTERM)
    with pytest.raises(RunInterruptedError, match="stopped after step 3"):
        finetune(chosen, progress=StopsAt(3, signal.SIGTERM))
    assert found_in(unfinished(chosen.output))
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_checkpoint_holds_tensors_and_json_and_nothing_that_runs(data, plan):
    chosen = plan(data=data)
    with pytest.raises(RunInterruptedError):
        finetune(chosen, progress=StopsAt(3))
    [folder] = found_in(unfinished(chosen.output))
    assert {path.suffix for path in folder.iterdir()} == {".safetensors", ".json"}


def test_a_stopped_run_is_neither_lost_nor_mixed_with_another(data, plan):
    chosen = plan(data=data)
    with pytest.raises(RunInterruptedError):
        finetune(chosen, progress=StopsAt(3))
    with pytest.raises(FileError, match="holds a run that was stopped") as caught:
        finetune(chosen)
    assert "--resume" in caught.value.fix
    with pytest.raises(UsageError, match="belongs to a run with other choices"):
        finetune(plan(data=data, seed=7), resume=True)
    assert found_in(unfinished(chosen.output))
    finetune(chosen, force=True)
    assert not unfinished(chosen.output).exists()


def test_a_damaged_checkpoint_is_named_and_the_one_before_it_taken(data, plan, tmp_path):
    chosen = plan(data=data, save_every=2)
    with pytest.raises(RunInterruptedError):
        finetune(chosen, progress=StopsAt(6))
    newest, before = found_in(unfinished(chosen.output))
    (newest / "model.safetensors").write_bytes(b"cut")
    run = finetune(chosen, resume=True)
    assert f"resumed after step {int(before.name[5:])} of 8" in run.notes
    with pytest.raises(RunInterruptedError):
        finetune(chosen, force=True, progress=StopsAt(2))
    for folder in found_in(unfinished(chosen.output)):
        (folder / "optimizer.safetensors").unlink()
    with pytest.raises(FileError, match=r"nothing to resume: .*optimizer\.safetensors is missing"):
        finetune(chosen, resume=True, force=True)


def test_nothing_to_resume_is_said(data, plan):
    with pytest.raises(FileError, match="nothing to resume"):
        finetune(plan(data=data), resume=True)


@pytest.mark.slow
def test_kill_9_and_resume_end_in_the_same_bits(data, plan, tmp_path):
    def words(name, *more):
        chosen = plan(data=data)
        return [
            *(sys.executable, "-m", "tokbench", "finetune", "--task", "sst2", "--data", data, "-q"),
            *(
                "--model",
                chosen.model,
                "--tokenizer",
                chosen.tokenizer,
                "--epochs",
                "60",
                "--batch-size",
                "4",
            ),
            *(
                "--set",
                "save_every=5",
                "--set",
                "keep=last",
                "--precision",
                "fp32",
                "--device",
                "cpu",
                "-o",
                str(tmp_path / name),
                *more,
            ),
        ]

    subprocess.run(words("whole"), check=True, capture_output=True)
    killed = subprocess.Popen(words("run"), stdout=subprocess.DEVNULL)
    place = unfinished(str(tmp_path / "run"))
    while not (found := found_in(place)) or int(found[0].name[5:]) < 20:
        assert killed.poll() is None, "it ended before it could be killed"
        time.sleep(0.005)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    assert not (tmp_path / "run").exists()
    subprocess.run(words("run", "--resume"), check=True, capture_output=True)
    assert same(weights(tmp_path / "run"), weights(tmp_path / "whole"))
    saved = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert any(note.startswith("resumed after step") for note in saved["notes"])


def test_the_best_weights_are_kept_and_patience_ends_the_run(data, plan):
    settings = {"evaluate_every": 1, "metric": "loss", "mode": "min", "patience": 2}
    run = finetune(plan(data=data, epochs=4, learning_rate=0.05, **settings))
    found = [each.dev_loss for each in run.evaluations]
    best = found.index(min(found))
    assert run.kept_step == best + 1
    assert run.metrics["accuracy"] == run.evaluations[best].metrics["accuracy"]
    assert run.steps == len(found) == best + 1 + 2 < 32
    assert f"stopped early, after step {run.steps} of 32" in run.notes
    assert run.proved


def test_the_last_weights_are_kept_when_asked(data, plan):
    run = finetune(plan(data=data, epochs=2, keep="last", evaluate_every=5))
    assert run.kept_step == run.steps == 16
    assert [each.step for each in run.evaluations] == [5, 10, 15, 16]


def test_an_unknown_metric_names_the_known_ones(data, plan):
    with pytest.raises(UsageError, match="there is no metric 'acuracy'") as caught:
        finetune(plan(data=data, metric="acuracy"))
    assert caught.value.fix == "did you mean accuracy?"


def test_looking_often_changes_no_weight(data, plan, tmp_path):
    for name, every in (("one", 0), ("two", 2)):
        settings = {"evaluate_every": every, "keep": "last"}
        finetune(plan(data=data, **settings, output=str(tmp_path / name)))
    assert same(weights(tmp_path / "one"), weights(tmp_path / "two"))


def test_a_batch_in_parts_gives_the_gradients_of_the_whole(data, plan, make_model, tmp_path):
    model = str(make_model(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0))
    for name, parts in (("one", 1), ("three", 3)):
        finetune(plan(data=data, model=model, accumulate=parts, output=str(tmp_path / name)))
    one, three = weights(tmp_path / "one"), weights(tmp_path / "three")
    assert all(torch.allclose(one[name], three[name], atol=2e-4) for name in one)


def test_little_memory_halves_the_parts_and_keeps_the_batch(data, plan, make_model, tmp_path, monkeypatch):
    model = str(make_model(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0))
    finetune(plan(data=data, model=model, output=str(tmp_path / "roomy")))
    backward = Stepper.backward

    def tight(self, rows, share=None):
        if len(rows) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return backward(self, rows, share)

    monkeypatch.setattr(Stepper, "backward", tight)
    run = finetune(plan(data=data, model=model, output=str(tmp_path / "tight")))
    assert "the memory ran out: batches of 4 rows are computed 1 row at a time" in run.notes
    roomy, small = weights(tmp_path / "roomy"), weights(tmp_path / "tight")
    assert all(torch.allclose(roomy[name], small[name], atol=2e-4) for name in roomy)


def test_memory_for_not_even_a_row_ends_the_run(data, plan, monkeypatch):
    def never(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Stepper, "backward", never)
    with pytest.raises(ResourceError, match="a single row"):
        finetune(plan(data=data))


def test_a_fast_dev_run_goes_through_everything_and_leaves_nothing(data, plan, tmp_path):
    before = sorted(tmp_path.iterdir())
    run = finetune(plan(data=data, epochs=5, fast_dev_run=2))
    assert (run.steps, run.train_rows, run.dev_rows, run.output) == (2, 8, 8, "")
    assert run.proved
    assert sorted(tmp_path.iterdir()) == before


def test_a_run_leaves_its_numbers_its_environment_and_a_card(data, plan, tmp_path):
    run = finetune(plan(data=data), drawings={"curve.svg": lambda run: f"<svg>{run.task}</svg>"})
    folder = tmp_path / "run"
    card = (folder / "README.md").read_text()
    low, high = run.intervals["accuracy"]
    assert low < run.metrics["accuracy"] <= high
    assert f"| accuracy | {run.metrics['accuracy']:.4f} | {low:.4f} – {high:.4f} | 0.5000 |" in card
    assert str(tmp_path) not in card
    environment = json.loads((folder / "environment.json").read_text())
    assert "torch" in environment["packages"]
    assert environment["threads"] == torch.get_num_threads()  # another number gives other weights
    assert (folder / "curve.svg").read_text() == "<svg>sst2</svg>"
    saved = json.loads((folder / "metrics.json").read_text())
    assert len(saved["losses"]) == run.steps
    assert saved["evaluations"][0]["metrics"]["accuracy"] == run.metrics["accuracy"]


def test_remembering_ids_makes_no_other_run(data, plan):
    from tokbench.finetuning.data.load import read_data
    from tokbench.finetuning.prepare import run_fingerprint
    from tokbench.finetuning.stages import prepare_run

    def known_as(**settings):
        chosen = plan(data=data, **settings)
        return run_fingerprint(prepare_run(chosen, read_data(chosen)))

    assert known_as(cache="off") == known_as() != known_as(warmup=0.1)


def test_the_loop_without_a_watch_only_trains(data, plan):
    from tokbench.finetuning.data.load import read_data
    from tokbench.finetuning.stages import prepare_run

    chosen = plan(data=data)
    setting = prepare_run(chosen, read_data(chosen))
    fitted = fit(
        TrainingJob(setting.parts.model, setting.train, chosen, setting.plan, machine=setting.machine)
    )
    assert fitted.evaluations == ()
    assert fitted.steps == len(fitted.losses) == 8


def test_a_held_model_starts_every_weight_at_a_cache_line(plan):
    line = torch.nn.Linear(4, 1)
    line.weight.data = torch.randn(5)[1:].reshape(1, 4)
    assert line.weight.data_ptr() % 64
    before = line.weight.detach().clone()
    machine_of(plan()).hold(line)
    assert line.weight.data_ptr() % 64 == 0
    assert torch.equal(line.weight, before)
