import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    BertConfig,
    DistilBertConfig,
    GPT2Config,
    ModernBertConfig,
)

from tokbench.errors import UsageError
from tokbench.finetuning.config import POOLINGS, PRESETS
from tokbench.finetuning.models import PooledClassifier, PooledConfig, config_of, fresh, pooled, pooled_as
from tokbench.finetuning.multi import finetune
from tokbench.finetuning.tasks import TASKS
from tokbench.io.quiet import quiet
from tokbench.model.loading import LoadedModel

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


@pytest.mark.slow
def test_without_tokbench_the_folder_is_refused_rather_than_pooled_otherwise(tmp_path):
    with quiet():
        PooledClassifier(PooledConfig(BODIES["bert"](), "mean")).save_pretrained(tmp_path)
    code = f"from transformers import AutoConfig; AutoConfig.from_pretrained({str(tmp_path)!r})"
    alone = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "tokbench_pooled" in alone.stderr
    assert alone.returncode == 1
    known = subprocess.run([sys.executable, "-c", f"import tokbench.finetune.pooling; {code}"])
    assert known.returncode == 0


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
