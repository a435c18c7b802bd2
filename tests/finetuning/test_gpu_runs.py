"""On a GPU: whole runs, as a user starts them."""

import json

import numpy as np
import pytest
import torch

from tests.stopping import StopsAt
from tokbench.__main__ import main
from tokbench.errors import RunInterruptedError
from tokbench.finetuning.multi import finetune

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU here"),
]
ROWS = [
    [f"{word} {'x ' * number}", label]
    for number in range(20)
    for word, label in (("good", "1"), ("bad", "0"))
]


@pytest.fixture
def command(capsys, tokenizer_folder, model_folder, tmp_path):
    """A function: what `tokbench finetune` says with these words, as JSON."""

    def run(*words):
        fixed = ["--tokenizer", str(tokenizer_folder), "--model", str(model_folder), "--batch-size", "4"]
        told = ["-o", str(tmp_path / "run"), "--json", "--quiet", "--device", "cuda", "--epochs", "4"]
        assert main(["finetune", *fixed, *told, *map(str, words)]) == 0, capsys.readouterr().err
        return json.loads(capsys.readouterr().out)

    return run


@pytest.mark.parametrize("engine", ["loop", "hf", "lightning"])
def test_the_command_trains_and_proves_on_a_gpu(engine, command, official):
    if engine == "lightning":
        pytest.importorskip("lightning")
    found = command("--data", official("sst2", rows=ROWS, times=2), "--trainer", engine)
    assert (found["device"], found["precision"], found["engine"]) == ("cuda", "bf16", engine)
    assert found["same_ids"]
    assert found["reload_difference"] <= 1e-2  # logits of bf16
    assert not [note for note in found["notes"] if "not replayed" in note]
    assert found["peak_memory_mb"] > 0


@pytest.mark.parametrize("task", ["stsb", "mnli"])
def test_scores_and_pairs_train_on_a_gpu(task, command, official):
    found = command("--data", official(task, times=20), "--task", task)
    assert found["device"] == "cuda"
    assert np.isfinite(found["losses"]).all()
    assert not [note for note in found["notes"] if "not replayed" in note]


def test_tagged_words_train_on_a_gpu(command, tmp_path):
    (tmp_path / "train.conll").write_text("good\tB-X\ncab\tO\n\nbad\tO\n.\tO\n\n" * 40)
    (tmp_path / "dev.conll").write_text("cab\tO\ngood\tB-X\n\n" * 3)
    found = command("--data", tmp_path, "--task", "ner", "--learning-rate", "1e-2")
    assert found["metrics"]["entity_f1"] == 1.0
    assert not [note for note in found["notes"] if "not replayed" in note]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_stopped_run_goes_on_as_one_that_was_not(precision, official, plan, make_model, tmp_path):
    model = str(make_model(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0))
    choices = {"data": str(official("sst2", rows=ROWS, times=2)), "model": model, "epochs": 3}
    choices |= {"device": "cuda", "precision": precision}
    whole = finetune(plan(**choices, output=str(tmp_path / "whole")))
    with pytest.raises(RunInterruptedError, match="stopped after step 31 of 60"):
        finetune(plan(**choices), progress=StopsAt(31))
    run = finetune(plan(**choices), resume=True)
    assert any("resumed after step 31 of 60" in note for note in run.notes)
    assert run.losses[:31] == whole.losses[:31] or precision == "bf16"
    assert run.losses == pytest.approx(whole.losses, abs={"fp32": 1e-3, "bf16": 5e-2}[precision])
    assert run.metrics == pytest.approx(whole.metrics, abs=0.1)


def test_the_same_seed_gives_the_same_losses_twice(official, plan, tmp_path):
    data = str(official("sst2", rows=ROWS, times=2))
    one, same, other = (
        finetune(plan(data=data, device="cuda", seed=seed, output=str(tmp_path / name)))
        for name, seed in (("one", 1), ("same", 1), ("other", 2))
    )
    assert one.losses == pytest.approx(same.losses, abs=1e-3)
    assert one.losses != pytest.approx(other.losses, abs=1e-3)
