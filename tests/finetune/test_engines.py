"""Three engines, one plan: the same batches, the same losses, results that agree."""

import importlib.util

import pytest
import torch
from safetensors.torch import load_file

from tokbench.errors import AskedWrongly
from tokbench.finetune.course import settle
from tokbench.finetune.data import read_data
from tokbench.finetune.feeding import Flat
from tokbench.finetune.finetune import finetune

ROWS = [
    [f"{word} {'x ' * number}", label] for number in range(5) for word, label in (("good", "1"), ("bad", "0"))
]
OTHERS = [
    "trainer",
    pytest.param(
        "lightning",
        marks=pytest.mark.skipif(
            not importlib.util.find_spec("lightning"), reason="lightning is not installed"
        ),
    ),
]


@pytest.fixture
def data(official):
    return str(official("sst2", rows=ROWS, times=3))


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("engine", OTHERS)
def test_an_engine_learns_what_the_loop_learns(engine, precision, data, plan, tmp_path):
    runs, weights = {}, {}
    for name in ("loop", engine):
        output = tmp_path / name
        chosen = plan(
            data=data, engine=name, epochs=3, output=str(output), precision=precision, learning_rate=5e-3
        )
        runs[name] = finetune(chosen)
        weights[name] = load_file(output / "model.safetensors")
    loop, other = runs["loop"], runs[engine]
    close = 1e-5 if precision == "fp32" else 2e-2
    assert other.engine == engine
    assert other.losses == pytest.approx(loop.losses, abs=close)
    assert [each.step for each in other.evaluations] == [each.step for each in loop.evaluations]
    assert other.proved
    if precision == "fp32":
        assert other.metrics == loop.metrics
        assert other.kept_step == loop.kept_step
        assert all(
            torch.allclose(weights["loop"][name], weights[engine][name], atol=1e-5)
            for name in weights["loop"]
        )


@pytest.mark.parametrize("engine", OTHERS)
def test_an_engine_stops_early_where_the_loop_does(engine, data, plan, tmp_path):
    settings = {"patience": "2", "evaluate_every": "2"}
    runs = [
        finetune(plan(data=data, engine=name, epochs=6, settings=settings, output=str(tmp_path / name)))
        for name in ("loop", engine)
    ]
    assert runs[0].steps < 48
    assert runs[1].steps == runs[0].steps
    assert runs[1].kept_step == runs[0].kept_step


@pytest.mark.parametrize(
    ("engine", "field"), [("trainer", "adam_beta2=0.9"), ("lightning", "gradient_clip_algorithm=value")]
)
def test_an_engine_takes_its_own_fields_by_name(engine, field, data, plan):
    if not importlib.util.find_spec(engine if engine == "lightning" else "transformers"):
        pytest.skip("not installed")
    name, value = field.split("=")
    assert finetune(plan(data=data, engine=engine, settings={name: value})).proved
    with pytest.raises(AskedWrongly, match=f"no setting '{name}'"):
        finetune(plan(data=data, settings={name: value}))


@pytest.mark.parametrize(
    ("engine", "name", "words"),
    [
        ("trainer", "leaning_rate", "there is no setting 'leaning_rate'"),
        ("trainer", "learning_rate", "learning_rate is not set by name"),
        ("trainer", "hub_token", "there is no setting 'hub_token'"),
        ("trainer", "accumulate", "accumulate is a setting of the loop"),
        ("lightning", "max_epoch", "there is no setting 'max_epoch'"),
    ],
)
def test_a_field_nobody_knows_is_refused_before_training(engine, name, words, data, plan, tmp_path):
    with pytest.raises(AskedWrongly, match=words) as caught:
        finetune(plan(data=data, engine=engine, settings={name: "2"}))
    assert caught.value.fix
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("engine", ["trainer", "lightning"])
def test_other_engines_refuse_several_processes(engine, data, plan, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(AskedWrongly, match=f"the {engine} engine trains in one process, and 2") as caught:
        finetune(plan(data=data, engine=engine))
    assert caught.value.fix == "--engine loop"
    assert not (tmp_path / "run").exists()


def test_a_learning_rate_that_nobody_chose_is_said(data, plan, tmp_path):
    said = finetune(plan(data=data, learning_rate=None)).notes
    assert any("the learning rate 5e-05 is the default for trained weights" in note for note in said)
    chosen = finetune(plan(data=data, output=str(tmp_path / "other"))).notes
    assert not any("is the default" in note for note in chosen)


def test_only_the_loop_resumes(plan):
    with pytest.raises(AskedWrongly, match="trainer engine does not resume"):
        finetune(plan(data="nowhere", engine="trainer"), resume=True)


@pytest.mark.parametrize("left", [False, True])
def test_batches_cut_out_of_flat_tensors_are_the_padded_ones(left, data, plan):
    from dataclasses import replace

    chosen = plan(data=data)
    train = settle(chosen, read_data(chosen)).train
    train = replace(train, feed=replace(train.feed, left=left))
    flat = Flat(train.encoded, train.feed, torch.device("cpu"))
    for rows, batch in zip(train.orders(0), train.epoch(0), strict=True):
        cut = flat.batch(rows, batch["input_ids"].shape[1])
        assert cut.keys() == batch.keys()
        assert all(torch.equal(cut[name], batch[name]) for name in batch)
