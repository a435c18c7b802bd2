"""Several processes, started as users start them, give what one process gives."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tokbench import __main__
from tokbench.errors import RunInterruptedError
from tokbench.finetuning.engines.distributed import ALONE, Team, of_other_size, peers_or_interrupted
from tokbench.finetuning.multi import finetune
from tokbench.finetuning.run_files import found_in, launched_alone, unfinished
from tokbench.progress import leading

ROWS = [
    [f"{word} {'x ' * number}", label] for number in range(5) for word, label in (("good", "1"), ("bad", "0"))
]
TWO = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port"]
KIDS = Path("/proc/self/task").exists()


def test_each_process_goes_on_drawing_where_it_was_itself():
    first, second = torch.tensor([1]), torch.tensor([2])
    kept = {"cpu": first, "cpu@1": second, "gpu": first, "gpu@1": second}
    assert Team(0, 2).own(kept) == {"cpu": first, "gpu": first}
    assert Team(1, 2).own(kept) == {"cpu": second, "gpu": second}
    assert Team(2, 3).own(kept) == {}  # it was not there: it draws from its seed
    assert ALONE.gathered({"cpu": first}) == {"cpu": first}
    assert ALONE.agree(True, False) == (True, False)


def test_that_the_others_are_gone_is_no_bug_of_ours_and_no_reason_to_forget():
    with (
        pytest.raises(RunInterruptedError, match="another process of this run has ended"),
        peers_or_interrupted(),
    ):
        raise RuntimeError("[pair.cc:547] Connection closed by peer [127.0.0.1]:59012")


def test_another_number_of_processes_is_told():
    assert of_other_size(2, Team(0, 2)) == []
    assert "it goes on in 1 process after 2" in of_other_size(2, ALONE)[0]
    assert "it goes on in 3 processes after 1" in of_other_size(1, Team(0, 3))[0]


def test_a_run_of_two_processes_goes_on_in_one_and_says_so(official, plan):
    chosen = plan(data=str(official("sst2", rows=ROWS)), save_every=2)

    def stop(stage, done, total=None):
        if (stage, done) == ("train", 3):
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(RunInterruptedError):
        finetune(chosen, progress=stop)
    for folder in found_in(unfinished(chosen.output)):
        state = json.loads((folder / "state.json").read_text())
        assert state["processes"] == 1
        (folder / "state.json").write_text(json.dumps({**state, "processes": 2}))
    run = finetune(chosen, resume=True)
    assert any(note.startswith("it goes on in 1 process after 2") for note in run.notes)


@pytest.mark.parametrize(("rank", "said"), [("0", "Error: "), ("1", "Error: process 1 of the run: ")])
def test_what_is_wrong_is_said_by_the_first_process_and_later_by_another(rank, said, capsys, monkeypatch):
    slept = []
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(time, "sleep", slept.append)
    assert __main__.main(["finetune", "--tokenizer", "/nowhere", "--data", "sample", "-o", "x"]) == 2
    assert capsys.readouterr().err.startswith(f"{said}there is no tokenizer at /nowhere")
    assert slept == ([] if rank == "0" else [__main__.SECONDS_FOR_THE_FIRST])


@pytest.mark.slow
@pytest.mark.parametrize("more", [(), ("--set", "class_weights=negative=1,positive=3")])
def test_two_processes_give_the_metric_and_the_weights_of_one(
    more, official, make_model, tokenizer_folder, tmp_path
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
        *("--device", "cpu", "--precision", "fp32", *more),
    ]
    launcher = [*TWO, "29517", "-m"]
    saids = {}
    for name, start in (("one", [sys.executable, "-m"]), ("two", launcher)):
        output = tmp_path / name
        said = subprocess.run([*start, *words, "-o", str(output)], capture_output=True, text=True)
        saids[name] = json.loads(said.stdout)  # only the first process speaks
        assert said.returncode == (1 if saids[name]["why"] else 0), said.stderr
    one, two = saids["one"], saids["two"]
    assert two["metrics"] == one["metrics"]
    assert two["losses"] == pytest.approx(one["losses"], abs=1e-5)
    weights = [load_file(tmp_path / name / "model.safetensors") for name in ("one", "two")]
    assert all(torch.allclose(weights[0][name], weights[1][name], atol=1e-4) for name in weights[0])


@pytest.mark.parametrize(
    ("rank", "processes", "leads"),
    [(None, None, True), ("0", "2", True), ("1", "2", False), ("1", "1", True)],
)
def test_the_first_process_leads_and_so_does_the_only_one(rank, processes, leads, monkeypatch):
    for name, value in (("RANK", rank), ("WORLD_SIZE", processes)):
        monkeypatch.delenv(name, raising=False) if value is None else monkeypatch.setenv(name, value)
    assert leading() == leads


def test_one_process_where_several_were_asked_for_is_told(monkeypatch):
    for name in ("ACCELERATE_USE_CPU", "MASTER_PORT", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    assert launched_alone() == ""
    monkeypatch.setenv("ACCELERATE_USE_CPU", "True")
    assert launched_alone() == ""  # one was asked for
    monkeypatch.setenv("MASTER_PORT", "29500")
    assert "accelerate started one process" in launched_alone()
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert launched_alone() == ""


@pytest.fixture
def words(official, plan, tmp_path):
    """A function: the words of a run of 150 steps into a folder of this name, in two processes."""
    data = str(official("sst2", rows=ROWS, times=3))
    chosen = plan(data=data)

    def make(port, name, *more):
        return [
            *(*TWO, port, "-m", "tokbench", "finetune", "--task", "sst2", "--data", data, "-q"),
            *("--model", chosen.model, "--tokenizer", chosen.tokenizer, "--device", "cpu"),
            *("--precision", "fp32", "--epochs", "20", "--batch-size", "4", "--learning-rate", "1e-3"),
            *("--set", "save_every=5", "--set", "keep=last", "-o", str(tmp_path / name), *more),
        ]

    return make


def at_step(launcher, output, step):
    """Wait until a run has left a checkpoint of this step, or a later one."""
    while not (found := found_in(unfinished(str(output)))) or int(found[0].name[5:]) < step:
        assert launcher.poll() is None, launcher.stderr.read()
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.skipif(not KIDS, reason="the processes of a launcher are read from /proc")
def test_two_processes_killed_with_kill_9_and_resumed_end_in_the_same_bits(words, tmp_path):
    subprocess.run(words("29518", "whole"), check=True, capture_output=True)
    launcher = subprocess.Popen(words("29519", "cut"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    at_step(launcher, tmp_path / "cut", 20)
    kids = Path(f"/proc/{launcher.pid}/task/{launcher.pid}/children").read_text().split()
    assert len(kids) >= 2
    for each in (launcher.pid, *map(int, kids)):
        os.kill(each, signal.SIGKILL)
    launcher.communicate()
    subprocess.run(words("29520", "cut", "--resume"), check=True, capture_output=True)
    whole, cut = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "cut"))
    assert all(torch.equal(whole[name], cut[name]) for name in whole)
    made, saved = (json.loads((tmp_path / name / "metrics.json").read_text()) for name in ("whole", "cut"))
    assert saved["losses"] == made["losses"]
    assert any(note.startswith("resumed after step") for note in saved["notes"])


@pytest.mark.slow
def test_ctrl_c_stops_both_processes_after_the_same_step_and_is_told_once(words, tmp_path):
    launcher = subprocess.Popen(
        words("29521", "cut"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    at_step(launcher, tmp_path / "cut", 10)
    launcher.send_signal(signal.SIGINT)
    said, complained = launcher.communicate(timeout=60)
    assert said == ""
    assert complained.count("Error: stopped after step") == 1
    assert not (tmp_path / "cut").exists()
    assert found_in(unfinished(str(tmp_path / "cut")))
