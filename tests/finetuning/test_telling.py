"""What a run tells others: TensorBoard, a message at the end, and never a secret."""

import json
import re
import shlex
import shutil
import warnings
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.util import find_spec
from pathlib import Path
from threading import Thread

import pytest
import torch
from huggingface_hub import ModelCard
from safetensors.torch import load_file
from tokenizers import Tokenizer

import tokbench as tb
from tokbench.__main__ import main
from tokbench.errors import NegativeResultError, UsageError
from tokbench.finetuning.card import card
from tokbench.finetuning.engines.monitor import NAME
from tokbench.finetuning.multi import finetune
from tokbench.finetuning.notify import masked, notified
from tokbench.finetuning.tasks import TASKS

needs_apprise = pytest.mark.skipif(not find_spec("apprise"), reason="apprise is not installed")
needs_board = pytest.mark.skipif(not find_spec(NAME), reason="tensorboard is not installed")
TOKEN = "hf_" + "abcdefgh" * 4


@pytest.fixture
def listener():
    """An address on this machine, and what was sent there."""
    heard = []

    class Listens(BaseHTTPRequestHandler):
        def do_POST(self):
            heard.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Listens)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"json://127.0.0.1:{server.server_port}", heard
    server.shutdown()
    server.server_close()


@needs_apprise
@pytest.mark.filterwarnings("ignore")  # apprise's own
def test_the_end_of_a_run_is_sent(listener):
    address, heard = listener
    with notified(address, "finetune sst2") as tell:
        tell("accuracy 0.9000")
    [message] = heard
    assert "finetune sst2 is done" in message
    assert "accuracy 0.9000" in message


@needs_apprise
@pytest.mark.filterwarnings("ignore")
def test_a_failure_is_sent_without_secrets_and_goes_on(listener):
    address, heard = listener
    with pytest.raises(NegativeResultError), notified(address, "finetune sst2"):
        raise NegativeResultError(f"the hub refused {TOKEN}")
    assert "finetune sst2 failed" in heard[0]
    assert TOKEN not in heard[0]
    with pytest.raises(ZeroDivisionError), notified(address, "finetune sst2"):
        raise ZeroDivisionError(TOKEN)
    assert "ZeroDivisionError" in heard[1]
    assert TOKEN not in heard[1]


@needs_apprise
@pytest.mark.filterwarnings("ignore")
def test_a_message_that_does_not_arrive_is_said_and_undoes_nothing():
    heard = []
    with notified(f"json://me:{TOKEN}@127.0.0.1:9/{TOKEN}", "finetune sst2", told=heard.append) as tell:
        tell("accuracy 0.9000")
    assert heard == ["nobody was told: no message went through to the json address after --notify"]


@needs_apprise
@pytest.mark.filterwarnings("ignore")
def test_an_address_of_no_known_kind_is_refused_before_the_work_and_not_shown():
    with pytest.raises(UsageError) as caught, notified(f"nokind://{TOKEN}", "finetune"):
        raise AssertionError("the work began")
    assert TOKEN not in str(caught.value) + caught.value.fix


@pytest.mark.parametrize("secret", [TOKEN, "slack://one/two/three", "https://hooks.example/services/a?key=b"])
def test_secrets_are_masked_in_any_text(secret):
    assert masked(f"sent ({secret} twice").startswith("sent (***")
    assert secret not in masked(f"a {secret} b")


@needs_board
@pytest.mark.filterwarnings("ignore")  # tensorboard's own
def test_event_files_hold_the_curve_and_lie_in_the_output(official, plan, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    settings = {"report_to": NAME, "evaluate_every": 1}
    run = finetune(plan(data=str(official("sst2")), **settings))
    events = EventAccumulator(str(tmp_path / "run" / NAME)).Reload()
    seen = [(each.step, each.value) for each in events.Scalars("dev/accuracy")]
    assert seen == [(each.step, pytest.approx(each.metrics["accuracy"])) for each in run.evaluations]


@pytest.fixture
def page(official, plan, tmp_path):
    """A function: the card of a run on a task, as it lies in the output."""

    def make(task="sst2", **changes):
        finetune(plan(task=task, data=str(official(task)), **changes), force=True)
        return (tmp_path / "run" / "README.md").read_text()

    return make


def test_a_card_names_no_place_on_the_machine(page, tmp_path):
    said = page()
    assert str(tmp_path) not in said
    assert "/tmp" not in said
    assert "--data PATH/glue-sst2" in said
    assert "PATH stands for where a file lies" in said


def test_a_note_in_a_card_loses_its_places(official, plan, tokenizer):
    run = finetune(plan(data=str(official("sst2"))))
    run = replace(run, notes=("/home/me/secret/bert has no pooler; see https://a.b/c/d and and/or",))
    choices = {"model": "/home/me/secret/bert", "tokenizer": "org/name", "data": None}
    said = card(run, {**choices, "clip": 2, "versions": {}}, TASKS["sst2"], tokenizer)
    assert "/home/me" not in said
    assert "- bert has no pooler; see https://a.b/c/d and and/or" in said
    assert "tokbench finetune --tokenizer org/name --model PATH/bert --set clip=2" in said


@pytest.mark.parametrize("task", ["mrpc", "stsb", "mnli"])
def test_the_hub_reads_the_metrics_out_of_a_card(task, page, tmp_path):
    found = ModelCard(page(task)).data
    measured = json.loads((tmp_path / "run" / "metrics.json").read_text())["metrics"]
    assert found.pipeline_tag == "text-classification"
    assert found.datasets == ["nyu-mll/glue"]
    read = [(each.metric_name, each.metric_value, each.dataset_split) for each in found.eval_results]
    splits = {split.name: split.hub for split in TASKS[task].evaluation}
    assert sorted(read) == sorted(
        (metric, pytest.approx(measured[TASKS[task].key(split, metric)], abs=1e-6), splits[split.name])
        for split in TASKS[task].evaluation
        for metric in TASKS[task].metrics
    )
    assert {each.dataset_config for each in found.eval_results} == {task}


def test_the_command_of_a_card_is_the_plan_that_was_carried_out(page, tmp_path):
    """Read back by the command line's own parser: nothing is left out, nothing is made up."""
    from typer.main import get_command

    from tokbench.cli.app import app

    said = page(epochs=2, seed=7, warmup=0.2, clip=0, max_train_rows=9)
    words = shlex.split(next(line for line in said.splitlines() if line.startswith("tokbench finetune ")))
    group = get_command(app)
    asked = group.commands["finetune"].make_context("finetune", words[2:]).params
    assert (asked["epochs"], asked["seed"], asked["max_train_rows"]) == (2, 7, 9)
    assert list(asked["settings"]) == ["warmup=0.2", "clip=0.0"]
    assert (asked["learning_rate"], asked["batch_size"], asked["precision"]) == (1e-3, 4, "fp32")


def test_the_card_says_what_an_adapted_tokenizer_was_made_of(page, tmp_path, tokenizer_folder):
    tb.add_tokens(tokenizer_folder, ["good films"], output=tmp_path / "wider")
    made_of = f"{tokenizer_folder.name} grown by 1 token; no general gain of that is established"
    assert f"| made of | {made_of} |" in page(tokenizer=str(tmp_path / "wider"), model="bert-tiny")


def test_the_card_of_a_tokenizer_as_it_was_trained_says_nothing_of_that(page):
    assert "| made of |" not in page()


@pytest.mark.parametrize("objects", [False, True])
def test_the_command_of_a_card_makes_the_same_weights_where_it_was_given(
    objects, official, plan, tmp_path, tokenizer_folder, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    official("sst2")
    shutil.copytree(tokenizer_folder, tmp_path / "my tok")
    tokenizer = Tokenizer.from_file("my tok/tokenizer.json") if objects else "my tok"
    others = {"class_weights": "balanced", "warmup": 0.2, "model": "bert-tiny", "output": "out/a run"}
    run = finetune(plan(data=str(tmp_path / "glue-sst2"), **others), tokenizer=tokenizer)
    said = Path("out/a run/README.md").read_text()
    line = next(line for line in said.splitlines() if line.startswith("tokbench finetune "))
    assert "PATH" not in line
    assert "--data glue-sst2" in line
    saved = json.loads(Path("out/a run/hyperparameters.json").read_text())
    assert f"--data {tmp_path}/glue-sst2" in saved["command"]
    words, whole = shlex.split(line), shlex.split(run.command)
    differ = {one: other for one, other in zip(words, whole, strict=True) if one != other}
    assert differ.pop("glue-sst2") == f"{tmp_path}/glue-sst2"
    assert differ == {"a run-again": "out/a run-again"}
    capsys.readouterr()
    assert main([*words[1:], "-q"]) in (0, 1)
    assert not capsys.readouterr().err
    one, other = (load_file(f"{each}/model.safetensors") for each in ("out/a run", "a run-again"))
    assert all(torch.equal(one[name], other[name]) for name in other)


def test_a_password_and_a_token_are_in_no_file_of_a_run(listener, official, plan, tmp_path, monkeypatch):
    pytest.importorskip("apprise")
    address, _ = listener
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    word = "pass" + "word" * 3
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with notified(address.replace("://", f"://me:{word}@"), "finetune"):
            finetune(plan(data=str(official("sst2")), report_to=NAME if find_spec(NAME) else {}))
    files = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    assert len(files) > 5
    for path in files:
        assert not any(each.encode() in path.read_bytes() for each in (TOKEN, word)), path


class Heard:
    """A progress that keeps the lines it is told."""

    def __init__(self):
        self.lines = []

    def __call__(self, stage, done, total=None):
        pass

    def event(self, words):
        self.lines.append(words)


@pytest.mark.parametrize("trainer", ["loop", "hf", "lightning"])
def test_every_evaluation_is_a_line_with_epoch_step_losses_metric_speed_and_time_left(
    trainer, official, plan
):
    heard = Heard()
    run = finetune(
        plan(task="mrpc", data=str(official("mrpc")), epochs=2, evaluate_every=2, trainer=trainer),
        progress=heard,
    )
    assert len(run.evaluations) == 3
    looks = zip(heard.lines, run.evaluations, ((1, 2), (2, 4), (2, 6)), strict=True)
    for line, look, (epoch, step) in looks:
        left = r", \d+ s left" if step < 6 else ""
        assert re.fullmatch(
            rf"epoch {epoch} of 2, step {step} of 6: accuracy {look.metrics['accuracy']:.4f},"
            rf" f1 {look.metrics['f1']:.4f}, train loss {look.train_loss:.4f}, dev loss {look.dev_loss:.4f},"
            rf" [\d,]+ rows/s{left}",
            line,
        )


def test_what_was_chosen_is_told_before_the_first_step(official, plan):
    heard = Heard()
    run = finetune(plan(data=str(official("sst2")), epochs=None, learning_rate=None), progress=heard)
    assert heard.lines[0].startswith("learning rate 0.0003 for a width of 16, ")
    assert heard.lines[0] in run.notes
