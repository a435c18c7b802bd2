"""The table of families is the library's own: its config classes, and small models of them."""

import os

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
transformers = pytest.importorskip("transformers")

from tokbench.checks.model_files import FAMILIES  # noqa: E402

BUILT = ("bert", "roberta", "gpt2", "llama", "t5", "xlnet", "modernbert")
SMALL = {
    "hidden_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 8,
    "n_embd": 8,
    "n_layer": 1,
    "n_head": 2,
    "d_model": 8,
    "d_ff": 8,
    "d_kv": 4,
    "num_layers": 1,
    "num_heads": 2,
    "d_inner": 8,
}


@pytest.mark.parametrize("model_type", FAMILIES)
def test_the_default_ids_are_those_of_the_config_class(model_type):
    config, family = transformers.CONFIG_MAPPING[model_type](), FAMILIES[model_type]
    theirs = {role: getattr(config, f"{role}_token_id", None) for role in ("pad", "bos", "eos")}
    assert {role: family.default(role) for role in theirs} == theirs
    assert family.default("cls") is None


@pytest.mark.parametrize("model_type", FAMILIES)
def test_only_families_with_positions_have_a_limit_in_their_config(model_type):
    config, family = transformers.CONFIG_MAPPING[model_type](), FAMILIES[model_type]
    assert not family.positions or config.max_position_embeddings > 0


@pytest.mark.parametrize("model_type", BUILT)
def test_the_padding_row_and_the_positions_are_as_a_small_model_has_them(model_type):
    torch = pytest.importorskip("torch")
    ids = {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, "cls_token_id": 0, "sep_token_id": 2}
    config = transformers.CONFIG_MAPPING[model_type]()
    config = type(config)(
        vocab_size=20, **{key: value for key, value in (SMALL | ids).items() if hasattr(config, key)}
    )
    with torch.device("meta"):
        model = transformers.AutoModel.from_config(config)
    family = FAMILIES[model_type]
    padding = getattr(model.get_input_embeddings(), "padding_idx", None)
    assert padding == (1 if family.padding_row else None)
    learned = any(
        "position_embeddings" in name or name == "wpe.weight" for name, _ in model.named_parameters()
    )
    assert learned == bool(family.positions)
