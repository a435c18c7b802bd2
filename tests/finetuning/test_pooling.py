import json
import os
import shlex
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    DistilBertConfig,
    EuroBertConfig,
    GPT2Config,
    ModernBertConfig,
)

from tests.stopping import StopsAt
from tokbench.__main__ import main
from tokbench.checks.run import check
from tokbench.errors import RunInterruptedError, UsageError
from tokbench.finetuning.config import POOLINGS, PRESETS
from tokbench.finetuning.models import config_of, fresh, make_portable, pooled_as
from tokbench.finetuning.multi import finetune
from tokbench.finetuning.predict import predict
from tokbench.finetuning.tasks import TASKS
from tokbench.io.quiet import quiet
from tokbench.model.loading import LoadedModel
from tokbench.model.modeling_pooled import PooledClassifier, PooledConfig, pooled

WAYS = ("cls", "mean", "max", "last")
SMALL = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
IDS = {f"{role}_token_id": number for number, role in enumerate(("pad", "bos", "eos", "cls", "sep"))}
BODIES = {
    "bert": lambda: BertConfig(vocab_size=50, **SMALL),
    "distilbert": lambda: DistilBertConfig(vocab_size=50, dim=16, n_layers=1, n_heads=2, hidden_dim=32),
    "gpt2": lambda: GPT2Config(vocab_size=50, n_embd=16, n_layer=1, n_head=2),
    "modernbert": lambda: ModernBertConfig(vocab_size=50, **SMALL, **IDS),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("body", BODIES)
def test_a_pooled_model_loads_to_the_bit_and_padding_changes_nothing(body, way, tmp_path):
    model = PooledClassifier(PooledConfig(BODIES[body](), way, num_labels=3)).eval()
    with quiet():
        model.save_pretrained(tmp_path)
        again, report = AutoModelForSequenceClassification.from_pretrained(tmp_path, output_loading_info=True)
    ids = torch.tensor([[5, 6, 7, 0, 0], [5, 6, 7, 8, 9]])
    mask = (ids != 0).long()
    with torch.inference_mode():
        logits = model(input_ids=ids, attention_mask=mask).logits
        assert torch.equal(logits, again.eval()(input_ids=ids, attention_mask=mask).logits)
        assert torch.allclose(logits[:1], model(input_ids=ids[:1, :3]).logits, atol=1e-6)
    assert not any(report.values())


def test_vectors_are_pooled_over_real_tokens_whatever_side_the_padding_is_on():
    vectors = torch.tensor([[[9.0], [1.0], [4.0]], [[1.0], [4.0], [9.0]]])
    mask = torch.tensor([[0, 1, 1], [1, 1, 0]])
    found = {way: pooled(vectors, mask, way)[:, 0].tolist() for way in WAYS}
    assert found == {"cls": [1, 1], "mean": [2.5, 2.5], "max": [4, 4], "last": [4, 4]}


ALONE = """
import sys, json
sys.modules["tokbench"] = None  # as where it is not installed
import torch
from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification, AutoTokenizer
torch.set_num_threads(1)
for asked in sys.stdin:
    folder, line, texts = json.loads(asked)
    trusted = "trust_remote_code" in line
    try:
        model = eval(line).eval()
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=trusted)
        with torch.inference_mode():
            found = model(**tokenizer(texts, padding=True, return_tensors="pt")).logits.tolist()
    except Exception as error:
        found = str(error)
    print(json.dumps(found), flush=True)
"""
TEXTS = ["good", "a bad and dull film", "good good bad x"]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """A function: the logits that a process with transformers alone gives, or its error."""
    env = {"HF_HOME": str(tmp_path_factory.mktemp("home")), "HF_HUB_OFFLINE": "1", "PYTHONPATH": ""}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", ALONE], env={**os.environ, **env}, **pipes) as process:

        def asked(folder, line):
            print(json.dumps([str(folder), line, TEXTS]), file=process.stdin, flush=True)
            return json.loads(process.stdout.readline())

        yield asked


def logits_of(folder):
    """The same by the classes that tokbench has."""
    batch = AutoTokenizer.from_pretrained(folder)(TEXTS, padding=True, return_tensors="pt")
    with torch.inference_mode():
        return AutoModelForSequenceClassification.from_pretrained(folder).eval()(**batch).logits


def test_with_its_code_beside_it_a_pooled_run_loads_without_tokbench(official, plan, tmp_path, alone):
    run = finetune(plan(data=str(official("sst2")), pooling="mean", portable="code"))
    assert run.load_with.endswith("trust_remote_code=True)")
    assert any("trust_remote_code=True runs modeling_pooled.py" in note for note in run.notes)
    assert "trust_remote_code=True" in (tmp_path / "run" / "README.md").read_text()
    found = alone(run.output, run.load_with)
    assert torch.allclose(torch.tensor(found), logits_of(run.output), atol=1e-6)
    finding = next(each for each in check(run.output).findings if each.code == "TB451")
    assert (finding.severity, "that which tokbench writes" in finding.message) == ("note", True)
    assert "modeling_pooled.py" in finding.evidence


def test_without_it_the_run_says_a_command_that_puts_it_there(official, plan, alone):
    run = finetune(plan(data=str(official("sst2")), pooling="max"))
    refused = alone(run.output, run.load_with.rpartition("; ")[2])
    assert isinstance(refused, str)
    assert "tokbench_pooled" in refused
    [note] = [each for each in run.notes if "max pooling is not in transformers" in each]
    line = shlex.split(note[note.index("python -c") :])[:3]
    assert line[:2] == ["python", "-c"]
    exec(line[2], {})
    loading = f"AutoModelForSequenceClassification.from_pretrained({run.output!r}, trust_remote_code=True)"
    found = alone(run.output, loading)
    assert torch.allclose(torch.tensor(found), logits_of(run.output), atol=1e-6)
    with pytest.raises(UsageError, match="needs no code"):
        make_portable(plan().model)


def test_a_family_that_can_say_it_pools_natively_and_needs_no_code(
    official, plan, tmp_path, tokenizer, alone
):
    task = TASKS["sst2"]
    small = replace(PRESETS["modernbert"], layers=1, hidden=64, inner_width=64)
    fresh(small, tokenizer, task, seed=0).model.save_pretrained(tmp_path / "model")
    chosen = plan(data=str(official("sst2")), model=str(tmp_path / "model"), pooling="mean", portable="code")
    run = finetune(chosen)
    assert "trust_remote_code" not in run.load_with
    assert any("needs no code of its own" in note for note in run.notes)
    assert not [*(tmp_path / "run").glob("*.py")]
    assert AutoConfig.from_pretrained(run.output).classifier_pooling == "mean"
    found = alone(run.output, run.load_with)
    assert torch.allclose(torch.tensor(found), logits_of(run.output), atol=1e-6)


def test_eurobert_pools_as_it_is_told_also_before_it_is_saved(tmp_path):
    config = EuroBertConfig(vocab_size=50, **SMALL, num_key_value_heads=2, **IDS)
    model = AutoModelForSequenceClassification.from_config(config).eval()
    ids = torch.tensor([[5, 6, 7]])
    late = model(input_ids=ids).logits
    assert pooled_as(LoadedModel(model=model), "mean").model is model
    mean = model(input_ids=ids).logits
    model.save_pretrained(tmp_path)
    again = AutoModelForSequenceClassification.from_pretrained(tmp_path)(input_ids=ids).logits
    assert not torch.allclose(late, mean)
    assert torch.allclose(mean, again, atol=1e-6)


def test_tokbench_never_runs_the_code_in_a_folder(official, plan, tmp_path, monkeypatch):
    data = str(official("sst2"))
    first = finetune(plan(data=data, pooling="mean", portable="code"))
    mark = tmp_path / "ran"
    code = tmp_path / "run" / "modeling_pooled.py"
    code.write_text(f"open({str(mark)!r}, 'w').close()\n" + code.read_text())
    second = finetune(plan(data=data, model=first.output, output=str(tmp_path / "second")))
    predict(first, ["good"])
    finding = next(each for each in check(first.output, values=True).findings if each.code == "TB451")
    assert finding.severity == "warning"
    assert "asks for code of its own to be run, and carries it: modeling_pooled.py" in finding.message
    grown = str(tmp_path / "grown")
    assert main(["add-tokens", first.output, "--token", "zebra", "--model", first.output, "-o", grown]) == 0
    assert not mark.exists()
    assert "auto_map" not in json.loads((tmp_path / "second" / "config.json").read_text())
    assert not [*(tmp_path / "second").glob("*.py")]
    assert "trust_remote_code" not in second.load_with


def test_a_stopped_run_goes_on_whether_its_code_is_wanted_or_not(official, plan, tmp_path):
    chosen = plan(data=str(official("sst2", times=9)), pooling="mean")
    with pytest.raises(RunInterruptedError):
        finetune(chosen, progress=StopsAt(2))
    finetune(replace(chosen, portable="code"), resume=True)
    assert (tmp_path / "run" / "modeling_pooled.py").is_file()


def test_modernbert_and_decoders_pool_in_their_own_way_where_they_can():
    modern = AutoModelForSequenceClassification.from_config(BODIES["modernbert"]())
    assert pooled_as(LoadedModel(model=modern), "mean").model is modern
    assert modern.config.classifier_pooling == "mean"
    decoder = AutoModelForSequenceClassification.from_config(BODIES["gpt2"]())
    assert pooled_as(LoadedModel(model=decoder), "last").model is decoder
    assert pooled_as(LoadedModel(model=decoder), "own").model is decoder
    assert isinstance(pooled_as(LoadedModel(model=decoder), "mean").model, PooledClassifier)


@pytest.mark.parametrize("way", ["mean", "last"])
def test_a_run_with_pooling_proves_itself(way, official, plan):
    run = finetune(plan(data=str(official("sst2")), pooling=way))
    assert (run.reload_difference, run.same_ids, run.no_gradient) == (0.0, True, ())
    config = AutoConfig.from_pretrained(run.output)
    assert (config.pooling, config.id2label) == (way, {0: "negative", 1: "positive"})


def test_a_pooled_folder_is_trained_on_as_it_is(official, plan, tmp_path):
    data = str(official("sst2"))
    finetune(plan(data=data, pooling="max"))
    again = finetune(plan(data=data, model=str(tmp_path / "run"), output=str(tmp_path / "again")))
    assert again.reload_difference == 0.0
    assert AutoConfig.from_pretrained(again.output).pooling == "max"


def test_tags_are_not_pooled(plan, tmp_path):
    (tmp_path / "a.conll").write_text("good\tB-X\n\nbad\tO\n\n" * 5)
    with pytest.raises(UsageError, match="tagged words are not pooled"):
        finetune(plan(task="ner", data=str(tmp_path / "a.conll"), pooling="mean"))


def test_the_words_for_pooling_are_known_everywhere():
    assert set(POOLINGS) == {"own", *WAYS}


@pytest.mark.parametrize("name", PRESETS)
def test_a_presets_config_has_the_tokenizers_rows_and_special_ids(name, tokenizer):
    config = config_of(PRESETS[name], tokenizer)
    assert config.vocab_size == len(tokenizer)
    assert config.pad_token_id == tokenizer.pad_token_id
    for role in ("bos", "eos", "cls", "sep"):
        number = getattr(config, f"{role}_token_id", None)
        assert number is None or 0 <= number < len(tokenizer)
    assert config.num_hidden_layers == PRESETS[name].layers
    assert config.hidden_size == PRESETS[name].hidden


@pytest.mark.parametrize("name", ["roberta", "distilbert", "electra", "modernbert", "gpt2"])
@pytest.mark.parametrize("task", ["sst2", "stsb"])
def test_every_family_trains_a_step_on_padded_rows(name, task, tokenizer):
    small = replace(PRESETS[name], layers=1, hidden=64, inner_width=64, embedding=0)
    model = fresh(small, tokenizer, TASKS[task], seed=0).model.train()
    batch = tokenizer(["good", "bad film"], padding=True, return_tensors="pt")
    kept = {key: batch[key] for key in ("input_ids", "attention_mask")}
    labels = torch.tensor([0.5, 4.0]) if task == "stsb" else torch.tensor([0, 1])
    model(**kept, labels=labels).loss.backward()
    assert model.get_input_embeddings().weight.grad.abs().sum() > 0


def test_roberta_without_a_padding_token_is_one_sentence(tokenizer):
    tokenizer.pad_token = None
    with pytest.raises(UsageError, match="no padding token"):
        config_of(PRESETS["roberta"], tokenizer)
    assert config_of(PRESETS["gpt2"], tokenizer).pad_token_id == 0
