"""Several processes, started as users start them, give what one process gives."""

import json
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

ROWS = [
    [f"{word} {'x ' * number}", label] for number in range(5) for word, label in (("good", "1"), ("bad", "0"))
]


@pytest.mark.slow
def test_two_processes_give_the_metric_and_the_weights_of_one(
    official, make_model, tokenizer_folder, tmp_path
):
    data = str(official("sst2", rows=ROWS, times=3))
    model = str(make_model(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0))
    words = [
        *("tokbench", "finetune", "--task", "sst2", "--data", data, "-q", "--model", model, "--json"),
        *(
            "--tokenizer",
            str(tokenizer_folder),
            "--epochs",
            "2",
            "--batch-size",
            "7",
            "--learning-rate",
            "1e-3",
        ),
        *("--device", "cpu", "--precision", "fp32"),
    ]
    launcher = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nproc_per_node",
        "2",
        "--master_port",
        "29517",
        "-m",
    ]
    saids = {}
    for name, start in (("one", [sys.executable, "-m"]), ("two", launcher)):
        output = tmp_path / name
        said = subprocess.run([*start, *words, "-o", str(output)], capture_output=True, text=True)
        assert said.returncode == 0, said.stderr
        saids[name] = json.loads(said.stdout)  # only the first process speaks
    one, two = saids["one"], saids["two"]
    assert two["metrics"] == one["metrics"]
    assert two["losses"] == pytest.approx(one["losses"], abs=1e-5)
    weights = [load_file(tmp_path / name / "model.safetensors") for name in ("one", "two")]
    assert all(torch.allclose(weights[0][name], weights[1][name], atol=1e-4) for name in weights[0])
