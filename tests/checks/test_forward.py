"""Models as they should be give no finding: every class, its number type, padded on its side."""

import time

import pytest

from tokbench.checks.context import check_context
from tokbench.checks.run import check

from .folders import clean_pair
from .real_models import config, prefixed, saved, without

CODES = {"TB410", "TB461", "TB462", "TB463", "TB464"}
CLEAN = {
    "BertModel": "bert",
    "BertForMaskedLM": "bert",
    "BertForSequenceClassification": "bert",
    "RobertaForSequenceClassification": "roberta",
    "GPT2LMHeadModel": "gpt2",
    "GPT2ForSequenceClassification": "gpt2",
    "LlamaForSequenceClassification": "gpt2",
    "T5ForConditionalGeneration": "t5",
}


@pytest.fixture
def folder(tmp_path):
    """A function: the folder of a real model with the tokenizer of its kind."""

    def make(architecture, *then, tokenizer=None, **choices):
        files = clean_pair(CLEAN[architecture])
        files.config |= tokenizer or {}
        if architecture.startswith("Llama"):
            choices |= {"max_position_embeddings": 128, "num_key_value_heads": 1}
        saved(architecture, *then, **choices)(files)
        return files.write(tmp_path / "model")

    return make


def found(path, **choices):
    checkup = check(path, **choices)
    assert set(checkup.checked) >= CODES, checkup.skipped
    return {finding.code for finding in checkup.findings} & CODES


@pytest.mark.parametrize("architecture", CLEAN)
def test_a_model_as_it_was_saved_raises_no_alarm(architecture, folder):
    assert found(folder(architecture)) == set()


@pytest.mark.parametrize("architecture", ["BertForMaskedLM", "GPT2ForSequenceClassification"])
def test_half_the_digits_raise_no_alarm(architecture, folder):
    import torch
    import transformers

    path = folder(architecture)
    kind = getattr(transformers, architecture)
    kind.from_pretrained(path).to(torch.bfloat16).save_pretrained(path)
    assert found(path) == set()


def test_padding_on_the_left_raises_no_alarm_where_generation_wants_it(folder):
    assert found(folder("GPT2LMHeadModel", tokenizer={"padding_side": "left"})) == set()


def test_padding_on_the_left_moves_learned_positions_of_a_classifier(folder):
    path = folder("GPT2ForSequenceClassification", tokenizer={"padding_side": "left"})
    [finding] = [each for each in check(path).findings if each.code == "TB464"]
    assert finding.fix == 'write "padding_side": "right" into tokenizer_config.json'


def test_what_is_hollow_is_said_once_and_not_put_to_work(folder):
    checkup = check(folder("BertForSequenceClassification", prefixed("mine.")))
    assert {finding.code for finding in checkup.findings} & CODES == {"TB410"}
    assert checkup.skipped["TB461"] == "the weights are not those of the model's class"


@pytest.mark.parametrize("damage", [{"num_hidden_layers": 10**9}, {"hidden_size": 10**9}])
def test_a_config_of_giant_numbers_is_answered_at_once(damage, folder):
    started = time.process_time()
    checkup = check(folder("BertModel", config(**damage)))
    assert time.process_time() - started < 10
    assert not checkup.passed
    assert "TB464" in checkup.skipped


def test_the_library_loses_what_the_header_says_it_will_lose(folder):
    import transformers

    lost = ("bert.encoder.layer.0.output.dense.bias", "classifier.bias")
    path = folder("BertForSequenceClassification", without(*lost), prefixed(""))
    kind = transformers.BertForSequenceClassification
    _, info = kind.from_pretrained(path, output_loading_info=True)
    fit = check_context(path).model.outcome
    assert set(fit.missing) == info["missing_keys"] == set(lost)
    assert fit.expected == len(list(kind.from_pretrained(path).parameters()))


def test_a_class_of_someones_own_is_not_run_and_the_reason_is_said(folder):
    path = folder("BertModel")
    config(architectures=["MyOwnBert"])(path)
    checkup = check(path)
    assert checkup.skipped.keys() >= CODES
    assert checkup.skipped["TB464"] == "MyOwnBert is no class of transformers' own"


def test_quick_neither_loads_nor_compares(folder):
    assert check(folder("BertModel"), quick=True).skipped.keys() >= CODES


def test_a_large_model_is_run_only_when_asked(tmp_path):
    files = clean_pair("bert")
    files.model["architectures"] = ["BertModel"]
    files.tensors["encoder.large.weight"] = (3_000, 3_000)
    path = files.write(tmp_path / "model")
    assert check(path).skipped["TB464"] == "it puts texts through 36 MB of weights: --weights"
    assert check(path, values=True).skipped["TB464"] == "the weights are not those of the model's class"
