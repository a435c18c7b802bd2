import json
import os
import shutil
import sys

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from tokbench.errors import (
    ChecksFailedError,
    DataError,
    FileError,
    MissingExtraError,
    NegativeResultError,
    UsageError,
)
from tokbench.finetuning.config import FinetuneConfig
from tokbench.finetuning.data.load import read_data
from tokbench.finetuning.models import copy_tokenizer, save_model
from tokbench.finetuning.multi import finetune
from tokbench.finetuning.stages import Reload, prepare_run, reload
from tokbench.finetuning.tasks import TASKS

TRAINABLE = [name for name, task in TASKS.items() if task.trainable]


@pytest.mark.parametrize("name", TRAINABLE)
def test_every_task_runs_from_its_files_to_a_folder_that_loads(name, official, plan, tmp_path):
    task = TASKS[name]
    run = finetune(plan(task=name, data=str(official(name))))
    metrics = {task.key(split, metric) for split in task.evaluation for metric in task.metrics}
    assert set(run.metrics) == set(run.majority) == metrics
    assert all(-1 <= value <= 1 for value in run.metrics.values())
    assert (run.reload_difference, run.same_ids, run.no_gradient) == (0.0, True, ())
    assert run.steps == -(-run.train_rows // 4)
    folder = tmp_path / "run"
    saved = json.loads((folder / "metrics.json").read_text())
    assert saved["metrics"] == run.metrics
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    inputs = AutoTokenizer.from_pretrained(folder)(*task.example[:-1], return_tensors="pt")
    with torch.inference_mode():
        assert model(**inputs).logits.shape == (1, len(task.labels) or 1)
    assert list(model.config.id2label.values()) == (list(task.labels) or ["LABEL_0"])


def test_the_saved_tokenizer_is_the_given_one_byte_for_byte(official, plan, tokenizer_folder, tmp_path):
    finetune(plan(data=str(official("sst2"))))
    for name in ("tokenizer.json", "tokenizer_config.json"):
        assert (tmp_path / "run" / name).read_bytes() == (tokenizer_folder / name).read_bytes()


def test_the_same_seed_gives_the_same_weights_and_choices(official, plan, tmp_path):
    data = str(official("mrpc"))
    for name in ("one", "same"):
        finetune(plan(task="mrpc", data=data, output=str(tmp_path / name)))
    for file in ("model.safetensors", "config.json", "hyperparameters.json", "tokenizer.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "same" / file).read_bytes(), file


def test_a_run_learns_what_can_be_learned_and_beats_the_majority(official, plan):
    rows = [
        [f"{word} {'x ' * number}", label]
        for number in range(4)
        for word, label in (("good", "1"), ("bad", "0"))
    ]
    run = finetune(plan(data=str(official("sst2", rows=rows)), epochs=12, learning_rate=5e-3))
    assert run.metrics == {"accuracy": 1.0}
    assert run.majority == {"accuracy": 0.5}
    assert run.beats_majority
    assert run.rows_per_second > 0
    assert run.peak_memory_mb > 10


def test_a_constant_model_does_not_beat_the_majority_and_is_called_constant(official, plan):
    rows = [["good", "1"], ["bad", "0"], ["bad", "1"]]
    run = finetune(plan(data=str(official("sst2", rows=rows)), learning_rate=1e-9))
    assert run.majority == {"accuracy": pytest.approx(2 / 3)}
    assert not run.beats_majority
    assert not run.learned
    assert run.why.startswith("nothing was learned, every row of dev gets the same answer (loss 0.")
    assert run.why.endswith("a constant answer's is 0.64)")
    assert run.remedy == (
        "5 steps at 1e-09 are too little for this model: --learning-rate 0.0003 --batch-size 8 --epochs 20"
    )


def test_dev_rows_of_one_label_cannot_judge_and_nothing_is_trained(official, plan, tmp_path):
    data = str(official("sst2", rows=[["good", "1"], ["bad", "1"]]))
    with pytest.raises(DataError, match=r"positive is the label of 100\.0% of the dev rows") as caught:
        finetune(plan(data=data))
    assert "--dev FILE" in caught.value.fix
    assert not (tmp_path / "run").exists()


def test_a_fresh_preset_fits_a_tokenizer_with_added_tokens_whose_rows_move(
    official, plan, tokenizer_folder, tmp_path
):
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder)
    tokenizer.add_tokens(["[E1]", "[E2]"], special_tokens=True)
    tokenizer.save_pretrained(tmp_path / "grown")
    data = str(official("sst2", rows=[["good [E1] film", "1"], ["bad film", "0"]]))
    run = finetune(plan(data=data, tokenizer=str(tmp_path / "grown"), model="bert-tiny", learning_rate=None))
    assert run.new_tokens == {"[E1]": "moved", "[E2]": "not in the data"}
    assert run.learning_rate == 1e-3
    assert (run.reload_difference, run.same_ids) == (0.0, True)


def test_a_saved_run_is_a_tokenizer_and_a_model_for_the_next(official, plan, tmp_path):
    data = str(official("sst2"))
    finetune(plan(data=data))
    run = finetune(
        plan(data=data, tokenizer=None, model=str(tmp_path / "run"), output=str(tmp_path / "next"))
    )
    assert run.same_ids


def test_progress_tells_of_every_stage(official, plan):
    seen = {}
    finetune(
        plan(data=str(official("sst2"))), progress=lambda stage, done, total=None: seen.update({stage: done})
    )
    assert seen == {"read": 0, "tokenize": 6, "train": 3, "evaluate": 6}


def test_choices_are_saved_without_the_output_and_with_versions(official, plan, tmp_path):
    finetune(plan(data=str(official("sst2")), learning_rate=None))
    saved = json.loads((tmp_path / "run" / "hyperparameters.json").read_text())
    assert (saved["learning_rate"], saved["device"], saved["seed"]) == (3e-4, "cpu", 42)
    assert set(saved["versions"]) == {"tokbench", "tokenizers", "torch", "transformers"}
    assert "output" not in saved


def test_an_existing_output_is_refused_before_anything_is_read(plan, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_text("{}")
    with pytest.raises(FileError, match="exists already"):
        finetune(plan(data="nowhere", tokenizer="nowhere"))


def test_an_existing_run_is_replaced_with_force_and_stays_when_the_run_fails(official, plan, tmp_path):
    data = str(official("sst2"))
    finetune(plan(data=data))
    before = (tmp_path / "run" / "model.safetensors").read_bytes()
    with pytest.raises(NegativeResultError):
        finetune(plan(data=data, learning_rate=1e30), force=True)
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == before
    finetune(plan(data=data, seed=7), force=True)
    assert (tmp_path / "run" / "model.safetensors").read_bytes() != before


def test_a_failed_run_leaves_nothing_behind(official, plan, tmp_path):
    data = official("sst2")
    with pytest.raises(NegativeResultError, match="the loss is"):
        finetune(plan(data=str(data), learning_rate=1e30))
    assert [each.name for each in tmp_path.iterdir()] == [data.name]


def test_an_id_beyond_the_models_rows_stops_before_training(official, plan, tokenizer_folder, tmp_path):
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder)
    tokenizer.add_tokens(["film"])
    tokenizer.save_pretrained(tmp_path / "grown")
    with pytest.raises(ChecksFailedError) as caught:
        finetune(plan(data=str(official("sst2")), tokenizer=str(tmp_path / "grown")))
    assert caught.value.fix
    assert not (tmp_path / "run").exists()


def test_a_preset_without_a_tokenizer_is_refused_at_once(tmp_path):
    with pytest.raises(UsageError, match="bert-mini is made to fit a tokenizer, and none was given"):
        finetune(FinetuneConfig(data="nowhere", output=str(tmp_path / "run")))


def test_a_bare_tokenizer_file_says_how_to_wrap_it(official, plan, tokenizer_folder):
    with pytest.raises(FileError, match=r"is a bare tokenizer\.json") as caught:
        finetune(plan(data=str(official("sst2")), tokenizer=str(tokenizer_folder / "tokenizer.json")))
    assert caught.value.fix.startswith("tokbench wrap ")


def test_pairs_without_segment_ids_are_said(official, plan, tokenizer_folder, tmp_path):
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder)
    tokenizer.model_input_names = ["input_ids", "attention_mask"]
    tokenizer.save_pretrained(tmp_path / "plain")
    run = finetune(plan(task="rte", data=str(official("rte")), tokenizer=str(tmp_path / "plain")))
    assert any("no segment ids" in note for note in run.notes)


def test_rows_that_were_cut_are_counted(official, plan):
    rows = [["a b c d e f g h", "1"], ["a", "0"]]
    run = finetune(plan(data=str(official("sst2", rows=rows)), max_length=6))
    assert run.truncated == {"train": 6, "dev": 3}
    assert [(each.rows, each.cut) for each in run.read.splits.values()] == [(12, 6), (6, 3)]


def test_a_split_of_which_every_row_was_cut_is_noted(official, plan):
    rows = [["a b c d e f g h", "1"], ["a b c d e f g", "0"]]
    told = []
    run = finetune(plan(data=str(official("sst2", rows=rows)), max_length=6), log=told.append)
    assert "  cut to 6 tokens: 12 of 12 train rows, 6 of 6 dev rows" in told
    assert "all 12 train rows were cut to 6 tokens: --max-length takes more of them" in run.notes
    assert run.max_length == 6


def test_openmp_is_told_to_sleep_before_torch_loads_unless_the_user_said_otherwise(
    official, monkeypatch, plan
):
    data = str(official("sst2"))
    monkeypatch.setitem(sys.modules, "tokbench.finetuning.stages", None)  # the first import that needs torch
    for given, wanted in (None, "PASSIVE"), ("ACTIVE", "ACTIVE"):
        monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
        if given:
            monkeypatch.setenv("OMP_WAIT_POLICY", given)
        with pytest.raises(ImportError):
            finetune(plan(data=data))
        assert os.environ["OMP_WAIT_POLICY"] == wanted


def test_what_is_wrong_with_the_rows_is_said_before_anything_heavy_loads(monkeypatch, plan):
    monkeypatch.setitem(sys.modules, "tokbench.finetuning.stages", None)
    with pytest.raises(FileError, match="no folder at nowhere"):
        finetune(plan(data="nowhere"))


@pytest.mark.parametrize(
    ("module", "package", "data"),
    [("torch", "torch", "sample"), ("sklearn", "scikit-learn", "sample"), ("datasets", "datasets", None)],
)
def test_a_missing_package_is_named_with_its_extra_before_anything_is_read(
    module, package, data, monkeypatch, plan
):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(
        MissingExtraError, match=f"finetune needs the package {package}, which is not installed"
    ) as caught:
        finetune(plan(data=data, tokenizer="nowhere"))
    assert caught.value.fix == "pip install 'tokbench[train]'"


def test_what_check_calls_an_error_stops_before_training_with_its_fix(official, plan, make_model, tmp_path):
    model = str(make_model(pad_token_id=1))
    with pytest.raises(ChecksFailedError, match="nothing was trained, check found TB411") as caught:
        finetune(plan(data=str(official("sst2")), model=model))
    assert caught.value.fix
    assert not (tmp_path / "run").exists()


def test_a_model_beside_the_tokenizer_has_no_say_in_a_preset(
    official, plan, make_model, tokenizer_folder, tmp_path
):
    both = tmp_path / "both"
    shutil.copytree(make_model(pad_token_id=1), both)
    copy_tokenizer(tokenizer_folder, both)
    run = finetune(plan(data=str(official("sst2")), tokenizer=str(both), model="bert-tiny"))
    assert run.same_ids


def test_a_folder_with_other_weights_or_another_tokenizer_is_found_out(official, plan, make_model, tmp_path):
    chosen = plan(data=str(official("sst2", rows=[["A good film", "1"], ["A bad film", "0"]])))
    setting = prepare_run(chosen, read_data(chosen))
    folder = tmp_path / "saved"
    folder.mkdir()
    save_model(setting.parts.model, folder)
    copy_tokenizer(setting.parts.files.path, folder)

    def proved():
        rows, batches = setting.data.evaluation["dev"], setting.evaluation["dev"]
        return reload(
            setting.parts.model, folder, rows, task=setting.task, batches=batches, machine=setting.machine
        )

    assert proved() == Reload(0.0, True)
    text = (folder / "tokenizer.json").read_text()
    (folder / "tokenizer.json").write_text(text.replace('"lowercase": true', '"lowercase": false'))
    assert not proved().same_ids
    shutil.copy(make_model() / "model.safetensors", folder)
    assert proved().difference > 0


def test_a_run_that_is_not_above_a_constant_answer_says_of_which_metric(official, plan):
    rows = [["good", "1"], ["good", "0"], ["good bad", "0"]]
    run = finetune(plan(data=str(official("sst2", rows=rows)), learning_rate=1e-9))
    assert run.not_above_constant == ("accuracy",)
    assert run.why
