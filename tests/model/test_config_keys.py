"""The table of config keys against the library: what may change changes no weight's shape."""

import pytest
import torch
import transformers

from tokbench.io.quiet import quiet
from tokbench.model.model_config import MAY, MUST_NOT, RESIZE, config_verdict, judged

SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32,
         "vocab_size": 64, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}  # fmt: skip
SPECIAL = {"cls_token_id": 1, "sep_token_id": 2}
FAMILIES = {
    "bert": ("BertForMaskedLM", SMALL),
    "roberta": ("RobertaForMaskedLM", SMALL),
    "distilbert": (
        "DistilBertForMaskedLM",
        {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32, "vocab_size": 64},
    ),
    "electra": ("ElectraForMaskedLM", {**SMALL, "embedding_size": 8}),
    "albert": ("AlbertForMaskedLM", {**SMALL, "embedding_size": 8}),
    "deberta-v2": ("DebertaV2ForMaskedLM", SMALL),
    "gpt2": ("GPT2LMHeadModel", {"n_embd": 16, "n_layer": 2, "n_head": 2, "vocab_size": 64}),
    "modernbert": ("ModernBertForMaskedLM", {**SMALL, **SPECIAL}),
    "t5": (
        "T5ForConditionalGeneration",
        {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2, "vocab_size": 64},
    ),
    "xlnet": (
        "XLNetLMHeadModel",
        {"d_model": 16, "n_layer": 2, "n_head": 2, "d_inner": 32, "vocab_size": 64},
    ),
    "llama": ("LlamaForCausalLM", {**SMALL, "num_key_value_heads": 2}),
    "qwen2": ("Qwen2ForCausalLM", {**SMALL, "num_key_value_heads": 2}),
}


def shapes(kind, model_type, values):
    """The shapes of all weights that a config makes; None when it makes no model."""
    try:
        with quiet(), torch.device("meta"):
            config = transformers.AutoConfig.for_model(model_type, **values)
            model = getattr(transformers, kind)._from_config(config)
    except Exception:
        return None
    return {name: tuple(weight.shape) for name, weight in model.state_dict().items()}


def another(value):
    """Another value of the same type, where there is an obvious one."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value * 2 or 1
    return value / 2 + 0.1 if isinstance(value, float) else None


@pytest.mark.parametrize("model_type", FAMILIES)
def test_what_may_change_keeps_every_weight_s_shape(model_type):
    kind, small = FAMILIES[model_type]
    config = transformers.AutoConfig.for_model(model_type, **small)
    usual, tried = shapes(kind, model_type, small), 0
    assert usual
    for each in judged(config.to_dict()):
        value = another(each.value)
        if value is None or each.key in ("id2label", "label2id"):
            continue
        found = shapes(kind, model_type, {**small, each.key: value})
        if each.allowed == MAY:
            assert found == usual, each.key
            tried += 1
        if each.allowed == RESIZE:
            assert found != usual
    assert tried >= 4


def test_every_key_of_every_family_is_of_the_table_or_of_the_architecture():
    told = {}
    for model_type in FAMILIES:
        for each in judged(transformers.AutoConfig.for_model(model_type).to_dict()):
            told[each.key] = each.allowed
            assert each.why
    assert {key for key, allowed in told.items() if allowed == RESIZE} == {"vocab_size"}
    assert all(told[key] == MAY for key in told if "dropout" in key or key.endswith("pdrop"))
    assert told["hidden_size"] == told["n_embd"] == told["d_model"] == told["num_layers"] == MUST_NOT
    assert told["id2label"] == told["label2id"] == MAY


def test_what_nobody_judged_must_not_change():
    assert config_verdict("never_heard_of").allowed == MUST_NOT


def test_a_config_inside_is_judged_with_dotted_keys():
    keys = {each.key: each for each in judged({"text_config": {"vocab_size": 3, "dropout": 0.1}, "a": 1})}
    assert keys.keys() == {"text_config.vocab_size", "text_config.dropout", "a"}
    assert keys["text_config.vocab_size"].allowed == RESIZE
