"""An output is written by one process at a time, and what was only in memory survives a stop."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer

from tests.stopping import StopsAt
from tokbench.errors import FileError, RunInterruptedError, UsageError
from tokbench.finetuning.multi import finetune
from tokbench.finetuning.prove import prove
from tokbench.finetuning.run_files import OBJECTS, alone_in, found_in, unfinished
from tokbench.io.locks import LOCK

ROWS = [
    [f"{word} {'x ' * number}", label] for number in range(5) for word, label in (("good", "1"), ("bad", "0"))
]


@pytest.fixture
def data(official):
    return str(official("sst2", rows=ROWS, times=3))


class Asks:
    """A progress that gives these command lines, all at once, during the first training step."""

    def __init__(self, *lines):
        self.lines, self.said = lines, []

    def __call__(self, stage, done, total=None):
        if stage == "train" and not self.said:
            asked = [subprocess.Popen(line, stderr=subprocess.PIPE, text=True) for line in self.lines]
            self.said = [(each.communicate()[1], each.returncode) for each in asked]


def words(chosen, *more):
    named = {"--tokenizer": chosen.tokenizer, "--model": chosen.model, "--data": chosen.data}
    given = [word for pair in named.items() for word in pair]
    return [sys.executable, "-m", "tokbench", "finetune", *given, "-o", chosen.output, "-q", *more]


def test_a_second_run_with_the_same_output_is_refused_while_the_first_lives(data, plan):
    chosen = plan(data=data, save_every=1)
    more = [(), ("--resume",), ("--force",), ("--task", "all")]
    asks = Asks(*(words(chosen, *each) for each in more))
    run = finetune(chosen, progress=asks)
    assert run.proved
    for said, code in asks.said:
        assert code == 2
        assert f"{chosen.output} is being written by process {os.getpid()} on " in said
        assert "-o" in said.partition("Hint:")[2]


def test_one_of_several_runs_cannot_be_made_by_another_process(data, plan, tmp_path):
    asks = Asks(words(plan(data=data, output=str(tmp_path / "both" / "own"))))
    finetune(plan(data=data, output=str(tmp_path / "both")), compare_pooling=True, progress=asks)
    [(said, code)] = asks.said
    assert code == 2
    assert "is being written by process" in said


def test_a_comparison_of_tokenizers_has_its_output_alone(data, plan, tmp_path):
    chosen, out = plan(data=data, max_train_rows=8, batch_size=8), tmp_path / "proof"
    with alone_in(str(out)), pytest.raises(FileError) as caught:
        subprocess_prove(chosen, out)
    assert "is being written by process" in str(caught.value)
    assert prove(chosen.tokenizer, chosen.tokenizer, chosen, seeds=2, output=out).pairs
    assert not unfinished(str(out)).exists()


def subprocess_prove(chosen, out):
    given = ["--task", "sst2", "--model", chosen.model, "--data", chosen.data, "--seeds", "2", "-o", str(out)]
    line = [sys.executable, "-m", "tokbench", "prove", chosen.tokenizer, chosen.tokenizer, *given, "-q"]
    found = subprocess.run(line, capture_output=True, text=True)
    if found.returncode == 2:
        raise FileError(found.stderr)


def test_a_killed_run_leaves_no_lock_in_the_way(data, plan):
    chosen = plan(data=data)
    killed = subprocess.Popen(words(chosen, "--epochs", "4000"), stderr=subprocess.DEVNULL)
    lock = unfinished(chosen.output) / LOCK
    while not lock.exists() or not lock.read_text():
        assert killed.poll() is None
        time.sleep(0.01)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    assert str(killed.pid) in lock.read_text()
    assert finetune(chosen).proved
    assert not unfinished(chosen.output).exists()


def test_a_run_that_is_refused_leaves_nothing(data, plan, tmp_path):
    with pytest.raises(UsageError, match="there is no metric"):
        finetune(plan(data=data, metric="acuracy", output=str(tmp_path / "new" / "run")))
    assert not (tmp_path / "new").exists()


def test_a_run_with_a_tokenizer_in_memory_goes_on_after_ctrl_c(data, plan, tmp_path):
    chosen = plan(data=data)
    tokenizer = Tokenizer.from_file(f"{chosen.tokenizer}/tokenizer.json")
    given = {"data": data, "tokenizer": tokenizer, "model": "bert-tiny", "learning_rate": 1e-3}
    given |= {"epochs": 2, "batch_size": 4, "device": "cpu", "precision": "fp32"}
    whole = finetune(**given, output=str(tmp_path / "whole"))
    assert not unfinished(str(tmp_path / "whole")).exists()
    with pytest.raises(RunInterruptedError):
        finetune(**given, output=str(tmp_path / "run"), progress=StopsAt(5))
    place = unfinished(str(tmp_path / "run"))
    assert {path.name for path in place.iterdir()} == {OBJECTS, found_in(place)[0].name}
    run = finetune(**given, output=str(tmp_path / "run"), resume=True)
    assert run.losses == whole.losses
    one, other = (load_file(tmp_path / name / "model.safetensors") for name in ("run", "whole"))
    assert all(torch.equal(one[name], other[name]) for name in other)
    assert not place.exists()


def test_another_tokenizer_in_memory_is_not_taken_for_the_first(data, plan, tmp_path):
    chosen = plan(data=data)
    tokenizer = Tokenizer.from_file(f"{chosen.tokenizer}/tokenizer.json")
    given = {"data": data, "model": "bert-tiny", "output": chosen.output, "batch_size": 4}
    with pytest.raises(RunInterruptedError):
        finetune(**given, tokenizer=tokenizer, progress=StopsAt(2))
    saved = json.loads(tokenizer.to_str())
    vocabulary = saved["model"]["vocab"]
    vocabulary["good"], vocabulary["bad"] = vocabulary["bad"], vocabulary["good"]
    with pytest.raises(UsageError, match="belongs to a run with other choices"):
        finetune(**given, tokenizer=Tokenizer.from_str(json.dumps(saved)), resume=True)
