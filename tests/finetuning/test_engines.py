"""Three engines, one plan: the same batches, the same losses, results that agree."""

import importlib.util
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from tests.stopping import StopsAt
from tokbench.errors import NegativeResultError, RunInterruptedError, UsageError
from tokbench.finetuning.config import PRESETS, FinetuneConfig
from tokbench.finetuning.data.batches import DeviceRows
from tokbench.finetuning.data.load import read_data
from tokbench.finetuning.engines.step import optimizer_of
from tokbench.finetuning.models import fresh
from tokbench.finetuning.multi import finetune
from tokbench.finetuning.run_files import found_in, unfinished
from tokbench.finetuning.stages import prepare_run
from tokbench.finetuning.tasks import TASKS

ROWS = [
    [f"{word} {'x ' * number}", label] for number in range(5) for word, label in (("good", "1"), ("bad", "0"))
]
OTHERS = [
    "hf",
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
            data=data,
            trainer=name,
            epochs=3,
            output=str(output),
            precision=precision,
            learning_rate=5e-3,
            weight_decay=0.5,
            clip=0.3,
            warmup=0.2,
            evaluate_every=5,
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
    settings = {"patience": 2, "evaluate_every": 2}
    runs = [
        finetune(plan(data=data, trainer=name, epochs=6, **settings, output=str(tmp_path / name)))
        for name in ("loop", engine)
    ]
    assert runs[0].steps < 48
    assert runs[1].steps == runs[0].steps
    assert runs[1].kept_step == runs[0].kept_step


@pytest.mark.parametrize(
    ("engine", "field"),
    [
        ("hf", "adam_beta2=0.9"),
        ("lightning", "gradient_clip_algorithm=value"),
    ],
)
def test_an_engine_takes_its_own_fields_by_name(engine, field, data, plan, tmp_path):
    if engine == "lightning":
        pytest.importorskip("lightning")
    name, value = field.split("=")
    rest = {"data": data, "trainer": engine, "learning_rate": 1e-2}
    run = finetune(plan(**rest, clip=0.01, trainer_options={name: value}))
    assert run.proved
    plain = finetune(plan(**rest, clip=0.01, output=str(tmp_path / "plain")))
    assert run.losses != pytest.approx(plain.losses, abs=1e-6)  # it does something
    with pytest.raises(UsageError, match=f"no setting '{name}'"):
        finetune(plan(data=data, trainer_options={name: value}))


@pytest.mark.parametrize(
    ("engine", "name", "words"),
    [
        ("hf", "leaning_rate", "there is no setting 'leaning_rate'"),
        ("hf", "learning_rate", "learning_rate is not set by name"),
        ("hf", "hub_token", "there is no setting 'hub_token'"),
        ("hf", "gradient_accumulation_steps", "it follows from the plan"),
        ("hf", "max_steps", "it follows from the plan"),
        ("hf", "logging_strategy", "logging_strategy would change nothing"),
        ("hf", "adam_beta2=high", "adam_beta2 is 'high'"),
        ("hf", "torch_compile=2.5", "torch_compile is '2.5'"),
        ("hf", "gradient_checkpointing_kwargs=on", "gradient_checkpointing_kwargs is 'on'"),
        ("hf", "adam_beta2=1.5", "refuses adam_beta2"),
        ("hf", "torch_compile_mode=quick", "torch_compile_mode is 'quick'"),
        ("lightning", "deterministic=maybe", "deterministic is 'maybe'"),
        ("lightning", "max_epoch", "there is no setting 'max_epoch'"),
        ("lightning", "accumulate_grad_batches", "it follows from the plan"),
        ("lightning", "enable_progress_bar", "enable_progress_bar would change nothing"),
        ("lightning", "benchmark=maybe", "benchmark is 'maybe'"),
        ("lightning", "max_time=soon", "refuses max_time"),
    ],
)
def test_a_field_nobody_knows_is_refused_before_training(engine, name, words, data, plan, tmp_path):
    if engine == "lightning":
        pytest.importorskip("lightning")
    field, _, value = name.partition("=")
    chosen = plan(data=data, trainer=engine, trainer_options={field: value or "2"})
    with pytest.raises(UsageError, match=words) as caught:
        finetune(chosen)
    assert caught.value.fix
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_metric_nobody_knows_is_refused_before_training(data, plan):
    trained = []
    with pytest.raises(UsageError, match="no metric 'acuracy'") as caught:
        finetune(plan(data=data, metric="acuracy"), progress=lambda *told: trained.append(told))
    assert caught.value.fix == "did you mean accuracy?"
    assert not any(stage == "train" for stage, *_ in trained)


def test_of_the_loss_less_is_better_and_a_mode_that_says_otherwise_is_refused():
    assert FinetuneConfig(metric="loss").direction == "min"
    for metric, mode in (("loss", "max"), ("accuracy", "min"), ("", "min")):
        with pytest.raises(UsageError, match="is better when it is"):
            FinetuneConfig(metric=metric, mode=mode)
    assert FinetuneConfig(metric="accuracy").direction == "max"


@pytest.mark.parametrize("engine", ["loop", *OTHERS])
def test_an_evaluation_beyond_the_end_is_made_at_the_end(engine, data, plan):
    run = finetune(plan(data=data, trainer=engine, evaluate_every=1000))
    assert [each.step for each in run.evaluations] == [run.steps]


@pytest.mark.parametrize("engine", ["loop", *OTHERS])
def test_a_fast_dev_run_of_an_engine_leaves_nothing(engine, data, plan, tmp_path):
    before = sorted(tmp_path.iterdir())
    run = finetune(plan(data=data, trainer=engine, epochs=5, fast_dev_run=2))
    assert (run.steps, run.train_rows, run.output) == (2, 8, "")
    assert run.proved
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("engine", ["loop", *OTHERS])
def test_a_loss_that_is_no_number_ends_a_run_of_any_engine(engine, data, plan, tmp_path):
    with pytest.raises(NegativeResultError, match="the loss is nan at step") as caught:
        finetune(plan(data=data, trainer=engine, learning_rate=1e30, clip=0, save_every=1))
    assert "--learning-rate" in caught.value.fix
    assert not (tmp_path / "run").exists()
    assert not unfinished(str(tmp_path / "run")).exists()


@pytest.mark.parametrize("engine", ["hf", "lightning"])
def test_other_engines_refuse_several_processes(engine, data, plan, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UsageError, match=f"the {engine} trainer trains in one process, and 2") as caught:
        finetune(plan(data=data, trainer=engine))
    assert caught.value.fix == "--trainer loop"
    assert not (tmp_path / "run").exists()


def test_a_learning_rate_that_nobody_chose_is_said(data, plan, tmp_path):
    said = finetune(plan(data=data, learning_rate=None)).notes
    words = "learning rate 0.0003 for a width of 16: 8 steps for 30 rows, which are few"
    assert any(words in note for note in said)
    chosen = finetune(plan(data=data, output=str(tmp_path / "other"))).notes
    assert not any("--learning-rate changes it" in note for note in chosen)


# in the middle of an epoch, where an evaluation is due, at the end of an epoch; the best is before and after
@pytest.mark.parametrize(
    ("step", "every"),
    [
        (9, 3),
        (11, 0),
        pytest.param(7, 3, marks=pytest.mark.slow),
        pytest.param(8, 0, marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("engine", OTHERS)
def test_an_engine_goes_on_after_ctrl_c_to_the_same_bits(engine, step, every, data, plan, tmp_path):
    settings = {"evaluate_every": every, "metric": "loss", "mode": "min", "patience": 9}
    rest = {"data": data, "trainer": engine, "epochs": 3, **settings, "learning_rate": 3e-2}
    whole = finetune(plan(**rest, output=str(tmp_path / "whole")))
    chosen = plan(**rest)
    with pytest.raises(RunInterruptedError, match=f"stopped after step {step} of 24") as stopped:
        finetune(chosen, progress=StopsAt(step))
    assert "--resume" in stopped.value.fix
    assert not (tmp_path / "run").exists()
    [folder] = found_in(unfinished(chosen.output))
    assert {path.suffix for path in folder.iterdir()} == {".safetensors", ".json"}
    run = finetune(chosen, resume=True)
    assert f"resumed after step {step} of 24" in run.notes
    assert run.losses == whole.losses
    assert run.evaluations == whole.evaluations
    assert run.kept_step == whole.kept_step
    one, other = (load_file(tmp_path / name / "model.safetensors") for name in ("run", "whole"))
    assert all(torch.equal(one[name], other[name]) for name in other)
    assert not unfinished(chosen.output).exists()


@pytest.mark.parametrize("engine", OTHERS)
def test_an_engine_is_as_patient_after_resuming_as_before(engine, data, plan, tmp_path):
    settings = {"patience": 3, "evaluate_every": 2}
    rest = {"data": data, "trainer": engine, "epochs": 6, **settings}
    whole = finetune(plan(**rest, output=str(tmp_path / "whole")))
    assert whole.steps < 48
    with pytest.raises(RunInterruptedError):
        finetune(plan(**rest), progress=StopsAt(whole.steps - 1))
    assert finetune(plan(**rest), resume=True).evaluations == whole.evaluations


@pytest.mark.parametrize("engine", OTHERS)
def test_a_batch_in_parts_is_the_same_step_in_every_engine(engine, data, plan, tmp_path):
    runs = {}
    for name in ("loop", engine):  # the last batch of an epoch has fewer rows: unequal parts, and fewer
        settings = {"accumulate": 3, "clip": 0.05}
        rest = {"batch_size": 7, "learning_rate": 1e-2, "output": str(tmp_path / name)}
        runs[name] = finetune(plan(data=data, trainer=name, epochs=2, **settings, **rest))
    assert runs[engine].losses == pytest.approx(runs["loop"].losses, abs=1e-5)


@pytest.mark.parametrize("preset", PRESETS)
def test_weights_decay_and_biases_and_norms_do_not(preset, tokenizer):
    small = replace(PRESETS[preset], layers=2, hidden=64, inner_width=0, embedding=0)
    with torch.device("meta"):
        model = fresh(small, tokenizer, TASKS["sst2"], seed=0).model
    decaying, others = (
        {id(each) for each in group["params"]}
        for group in optimizer_of(model, 1e-3, FinetuneConfig()).param_groups
    )
    assert [group["weight_decay"] for group in optimizer_of(model, 1e-3, FinetuneConfig()).param_groups] == [
        0.01,
        0,
    ]
    for name, module in model.named_modules():
        for kind, weight in module.named_parameters(recurse=False):
            spared = kind == "bias" or "Norm" in type(module).__name__
            assert (id(weight) in others) == spared, f"{name}.{kind}"
            assert (id(weight) in decaying) != spared


@pytest.mark.parametrize("left", [False, True])
def test_batches_cut_out_of_flat_tensors_are_the_padded_ones(left, data, plan):
    chosen = plan(data=data)
    train = prepare_run(chosen, read_data(chosen)).train
    train = replace(train, model_inputs=replace(train.model_inputs, left=left))
    flat = DeviceRows(train.encoded, train.model_inputs, torch.device("cpu"))
    for rows, batch in zip(train.orders(0), train.epoch(0), strict=True):
        cut = flat.batch(rows, batch["input_ids"].shape[1])
        assert cut.keys() == batch.keys()
        assert all(torch.equal(cut[name], batch[name]) for name in batch)
