"""What training lessens: classes that count by weight, rows with several labels, alike in every engine."""

import importlib.util
import json
import os
import shlex
import signal
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from sklearn.utils.class_weight import compute_class_weight
from transformers import AutoModelForSequenceClassification

from tests.stopping import StopsAt
from tokbench.__main__ import main
from tokbench.errors import RunInterruptedError, UsageError
from tokbench.finetuning.card import command
from tokbench.finetuning.config import FinetuneConfig
from tokbench.finetuning.data.load import read_data
from tokbench.finetuning.data.rows import Rows
from tokbench.finetuning.data.tokenize import UNLABELLED
from tokbench.finetuning.engines.objective import Objective, class_weights, losses_of
from tokbench.finetuning.engines.state import in_parts
from tokbench.finetuning.multi import finetune
from tokbench.finetuning.stages import prepare_run, run_stages
from tokbench.finetuning.tag_scheme import TagScheme
from tokbench.finetuning.tasks import TASKS, Task

ROWS = [
    [f"{word} {'x ' * number}", label]
    for number in range(5)
    for word, label in (("good", "1"), ("bad", "0"), ("bad", "0"))
]
TAGGED = "cab\tB-X\ngood\tI-X\n.\tO\n\nbad\tO\ndeed\tB-Y\n\na\tO\nb\tO\nc\tB-X\n\n"
ENGINES = [
    "loop",
    "hf",
    pytest.param(
        "lightning",
        marks=pytest.mark.skipif(
            not importlib.util.find_spec("lightning"), reason="lightning is not installed"
        ),
    ),
]
SEVERAL = replace(
    TASKS["sst2"],
    labels=("a", "b", "c"),
    tsv_labels=(),
    metrics=("micro_f1", "macro_f1", "subset_accuracy"),
    threshold=0.5,
)
SETS = [(0,), (1, 2), (), (0, 1, 2), (2,)]


@pytest.fixture
def data(official):
    return str(official("sst2", rows=ROWS, times=2))


@pytest.fixture
def conll(tmp_path):
    for name in ("train", "dev"):
        (tmp_path / f"{name}.conll").write_text(TAGGED * 5)
    return str(tmp_path)


def several(config):
    """The rows of a config, each with a set of labels in the place of its class."""
    found = read_data(config)
    rows, dev = (
        Rows(each.texts, None, [SETS[at % len(SETS)] for at in range(len(each))])
        for each in (found.train, found.evaluation["dev"])
    )
    return replace(found, task=SEVERAL, train=rows, evaluation={"dev": dev}, classes={})


def test_balanced_weights_are_scikit_learns():
    random = np.random.default_rng(0)
    for _ in range(200):
        size = int(random.integers(2, 7))
        task = Task(name="own", folder="", texts=("t",), tsv_texts=(), labels=tuple(map(str, range(size))))
        labels = random.choice(size, int(random.integers(2, 60)), p=random.dirichlet(np.ones(size)))
        there = np.unique(labels)
        wanted = dict(
            zip(map(str, there), compute_class_weight("balanced", classes=there, y=labels), strict=True)
        )
        pieces = random.permutation([*labels, *[UNLABELLED] * int(random.integers(0, 30))])
        found = class_weights("balanced", task, pieces)
        assert found == pytest.approx({**dict.fromkeys(task.labels, 1.0), **wanted})


def test_a_label_of_several_is_weighed_by_the_rows_without_it():
    rows = np.array([[1, 0, 1], [0, 0, 1], [0, 0, 1], [0, 0, 0]], np.float32)
    assert class_weights("balanced", SEVERAL, rows) == {"a": 3.0, "b": 1.0, "c": pytest.approx(1 / 3)}


@pytest.mark.parametrize("written", ["b=3, a=1,c=0.5", '{"a": 1, "b": 3, "c": 0.5}'])
def test_weights_are_given_by_the_names_of_labels(written):
    found = class_weights(written, SEVERAL, np.zeros((1, 3)))
    assert (found, list(found)) == ({"a": 1.0, "b": 3.0, "c": 0.5}, ["a", "b", "c"])


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("balance", "class_weights is 'balance'"),
        ("a=1,b=2", "leaves 'c' out"),
        ("a=1,b=2,c=3,d=4", "names 'd', which is no label"),
        ("a=1,b=2,c=0", "gives 'c' 0: a weight is above 0"),
        ("a=1,b=2,c=nan", "gives 'c' nan"),
        ("a=1,b=2,c=few", "class_weights is 'a=1,b=2,c=few'"),
        ('{"a": [1]}', "class_weights is"),
    ],
)
def test_weights_that_nobody_can_use_are_refused_with_ones_that_work(written, words):
    with pytest.raises(UsageError, match=words) as caught:
        class_weights(written, SEVERAL, np.zeros((1, 3)))
    _, option, *_ = shlex.split(caught.value.fix)
    given = option.partition("=")[2]
    assert class_weights(given, SEVERAL, np.zeros((1, 3))) == dict.fromkeys("abc", 1.0)


def test_scores_have_no_class_weights(official, plan):
    chosen = plan(task="stsb", data=str(official("stsb")), class_weights="balanced")
    with pytest.raises(UsageError, match="the rows have scores"):
        finetune(chosen)


def test_the_weighted_loss_is_torchs(tokenizer_folder, model_folder):
    model = AutoModelForSequenceClassification.from_pretrained(model_folder)
    ids = torch.tensor([[2, 5, 6, 3], [2, 7, 8, 3], [2, 9, 5, 3]])
    batch = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": torch.tensor([0, 1, 1])}
    weights = torch.tensor([3.0, 0.5])
    with torch.inference_mode():
        logits = model(input_ids=ids).logits
        wanted = torch.nn.CrossEntropyLoss(weights)(logits, batch["labels"])
        assert Objective(weights)(model, batch) == pytest.approx(float(wanted), abs=1e-6)
        sets = torch.tensor([[0.0, 1.0], [1.0, 1.0], [0.0, 0.0]])
        wanted = torch.nn.BCEWithLogitsLoss(pos_weight=weights)(logits, sets)
        found = Objective(weights, multi_label=True)(model, {**batch, "labels": sets})
        assert found == pytest.approx(float(wanted), abs=1e-6)


def runs_of(engines, plan, tmp_path, *, rows=read_data, **changes):
    """A run of each engine by the same config."""
    found = {}
    for name in engines:
        config = plan(trainer=name, output=str(tmp_path / name), **changes)
        found[name] = run_stages(config, rows(config))
    return found


CASES = {
    "classes": {"class_weights": "balanced"},
    "classes, in parts": {"class_weights": "0=0.3,1=5", "accumulate": 3},
    "tags": {"task": "ner", "class_weights": "balanced"},
    "tags, in parts": {"task": "ner", "class_weights": "balanced", "accumulate": 2, "label_all_pieces": True},
    "several labels": {},
    "several labels, in parts": {"accumulate": 3},
    "several labels, weighed": {"class_weights": "balanced", "accumulate": 2},
    "several labels, pooled": {"pooling": "mean"},
}


ALIKE = ("classes", "tags", "several labels", "several labels, in parts")  # others do the same and more


def slow(*names):
    """The cases, these of them slow."""
    return [pytest.param(name, marks=pytest.mark.slow if name in names else ()) for name in CASES]


def changes_of(case, data, conll):
    changes = dict(CASES[case])
    if "0=" in changes.get("class_weights", ""):
        changes["class_weights"] = "negative=0.3,positive=5"
    rows = several if case.startswith("several") else read_data
    return {**changes, "data": conll if "task" in changes else data, "rows": rows}


@pytest.mark.parametrize("case", slow(*ALIKE))
@pytest.mark.parametrize("engine", ENGINES[1:])
def test_every_engine_lessens_the_same_loss_step_by_step(engine, case, data, conll, plan, tmp_path):
    settings = {"epochs": 2, "learning_rate": 5e-3, "clip": 0.3, "warmup": 0.2, "evaluate_every": 3}
    runs = runs_of(("loop", engine), plan, tmp_path, **settings, **changes_of(case, data, conll))
    assert runs[engine].losses == pytest.approx(runs["loop"].losses, abs=1e-6)
    assert runs[engine].metrics == runs["loop"].metrics
    assert runs[engine].evaluations[-1].metrics == pytest.approx(
        runs["loop"].evaluations[-1].metrics, abs=1e-6
    )
    one, other = (load_file(tmp_path / name / "model.safetensors") for name in runs)
    assert all(torch.allclose(one[name], other[name], atol=1e-6) for name in one)
    assert all(run.proved for run in runs.values())


@pytest.mark.parametrize(
    "case",
    [each for each in slow("several labels", "several labels, pooled") if "parts" not in each.values[0]],
)
def test_parts_of_a_batch_change_nothing(case, data, conll, plan, tmp_path):
    changes = changes_of(case, data, conll)
    config = plan(**{name: each for name, each in changes.items() if name != "rows"})
    losses = []
    for parts in (1, 2, 3):
        chosen = replace(config, accumulate=parts, output=str(tmp_path / str(parts)), epochs=2)
        model = changes["rows"](chosen)
        losses.append(run_stages(without_dropout(chosen, tmp_path), model).losses)
    assert losses[1] == pytest.approx(losses[0], abs=1e-5)
    assert losses[2] == pytest.approx(losses[0], abs=1e-5)


def without_dropout(config, tmp_path):
    """The config with a model that draws nothing, so that parts compute what a whole computes."""
    model = AutoModelForSequenceClassification.from_pretrained(config.model)
    model.config.hidden_dropout_prob = model.config.attention_probs_dropout_prob = 0.0
    model.save_pretrained(tmp_path / "still")
    return replace(config, model=str(tmp_path / "still"))


@pytest.mark.parametrize("case", [pytest.param("classes", marks=pytest.mark.slow), "several labels, weighed"])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_stopped_run_goes_on_to_the_same_bits(engine, case, data, conll, plan, tmp_path):
    changes = changes_of(case, data, conll)
    rows = changes.pop("rows")
    config = plan(**changes, trainer=engine, epochs=2, save_every=2)
    whole = run_stages(replace(config, output=str(tmp_path / "whole")), rows(config))
    with pytest.raises(RunInterruptedError):
        run_stages(config, rows(config), progress=StopsAt(5))
    run = run_stages(config, rows(config), resume=True)
    assert run.losses == whole.losses
    one, other = (load_file(tmp_path / name / "model.safetensors") for name in ("run", "whole"))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_weights_are_recorded_as_numbers_and_the_dev_loss_has_none(data, plan, tmp_path, monkeypatch):
    config = plan(data=data, class_weights="balanced", epochs=2)
    run = finetune(config)
    wanted = {"negative": 0.75, "positive": 1.5}
    assert run.class_weights == wanted
    saved = json.loads((tmp_path / "run" / "hyperparameters.json").read_text())
    assert saved["class_weights"] == wanted
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["class_weights"] == wanted
    prepared = prepare_run(replace(config, model=str(tmp_path / "run")), read_data(config))
    dev = prepared.evaluation["dev"].encoded
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "run")
    with torch.inference_mode():
        rows = [torch.from_numpy(dev.ids[start:end])[None] for start, end in pairwise(dev.starts)]
        logits = torch.cat([model(input_ids=row).logits for row in rows])
        plain = torch.nn.functional.cross_entropy(logits, torch.from_numpy(dev.labels))
    kept = next(each for each in run.evaluations if each.step == run.kept_step)
    assert kept.dev_loss == pytest.approx(float(plain), abs=1e-5)
    assert losses_of(logits.numpy(), dev, prepared.task).mean() == pytest.approx(float(plain), abs=1e-6)
    words = shlex.split(command(saved))
    again = dict(zip(words[2::2], words[3::2], strict=True))["--set"]
    assert json.loads(again.partition("=")[2]) == wanted
    assert FinetuneConfig(class_weights=wanted).class_weights == json.dumps(wanted)
    monkeypatch.chdir(tmp_path)
    words = [*shlex.split(command(saved)), "--tokenizer", config.tokenizer, "--model", config.model]
    assert main([*words[1:], "--data", data, "-o", "again", "-q"]) in (0, 1)
    assert json.loads((tmp_path / "again" / "metrics.json").read_text())["losses"] == list(run.losses)


def test_a_score_of_minus_100_counts_in_parts_as_well():
    batch = {
        "input_ids": torch.ones(4, 3, dtype=torch.long),
        "attention_mask": torch.ones(4, 3, dtype=torch.long),
        "labels": torch.tensor([-100.0, 1.0, 2.0, -100.0]),
    }
    assert [share for share, _ in in_parts(batch, 1, Objective())] == [0.25] * 4


@pytest.mark.parametrize(
    ("changes", "rows", "words"),
    [({"class_weights": "balanced"}, read_data, "two losses"), ({}, several, "rows of one label")],
)
def test_smoothed_labels_are_refused_where_they_would_replace_the_loss(changes, rows, words, data, plan):
    config = plan(data=data, trainer="hf", trainer_options={"label_smoothing_factor": "0.1"}, **changes)
    with pytest.raises(UsageError, match=words) as caught:
        run_stages(config, rows(config))
    assert caught.value.fix


def test_in_bf16_the_losses_are_near(data, plan, tmp_path):
    runs = [
        run_stages(config, several(config)).losses
        for config in (
            plan(data=data, precision=name, output=str(tmp_path / name)) for name in ("fp32", "bf16")
        )
    ]
    assert runs[1] == pytest.approx(runs[0], abs=2e-2)


@pytest.mark.slow
def test_kill_9_and_resume_end_in_the_same_bits_with_class_weights(data, conll, plan, tmp_path):
    config = plan(data=data)
    words = [sys.executable, "-m", "tokbench", "finetune", "--task", "ner", "--data", conll, "-q"]
    words += ["--model", config.model, "--tokenizer", config.tokenizer, "--epochs", "30", "--batch-size", "4"]
    words += ["--device", "cpu", "--set", "class_weights=balanced", "--set", "save_every=1"]
    whole, broken = str(tmp_path / "whole"), str(tmp_path / "broken")
    assert subprocess.run([*words, "-o", whole], capture_output=True).returncode in (0, 1)
    killed = subprocess.Popen([*words, "-o", broken], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not [*tmp_path.glob("**/step-*")] and killed.poll() is None:
        pass
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    assert not (tmp_path / "broken").exists()
    assert subprocess.run([*words, "-o", broken, "--resume"], capture_output=True).returncode in (0, 1)
    one, other = (load_file(f"{each}/model.safetensors") for each in (whole, broken))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_an_outside_label_is_weighed_like_any_other_and_padding_is_not():
    scheme = TagScheme()
    task = replace(TASKS["sst2"], labels=("B-X", "O"), unit="word", scheme=scheme)
    labels = np.array([UNLABELLED, 1, 1, 1, 0, UNLABELLED])
    assert class_weights("balanced", task, labels) == {"B-X": 2.0, "O": pytest.approx(2 / 3)}
    weights = torch.tensor([2.0, 2 / 3])
    counts = Objective(weights).counts(torch.tensor([[-100, 1, 1, 0], [-100, -100, -100, -100]]))
    assert counts.tolist() == pytest.approx([2 + 4 / 3, 0.0])
