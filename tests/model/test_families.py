"""Twelve families grown, saved and loaded: the table of benchmarks/grow_families.py, asserted."""

import importlib.util
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "grow_families.py"
if not SCRIPT.exists():
    pytest.skip("the benchmarks are not here", allow_module_level=True)
SPEC = importlib.util.spec_from_file_location("grow_families", SCRIPT)
families = importlib.util.module_from_spec(SPEC)
sys.modules["grow_families"] = families
SPEC.loader.exec_module(families)

QUICK = {"deberta-v2", "modernbert", "t5", "xlnet", "qwen2"}  # the others grow in test_grow.py
CASES = [
    pytest.param(family, head, marks=() if family in QUICK and place == 0 else pytest.mark.slow)
    for family, (_, _, heads) in families.FAMILIES.items()
    for place, head in enumerate(heads)
]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with the table's tokenizer."""
    path = tmp_path_factory.mktemp("families")
    families.save_tokenizer(path / "tokenizer")
    return path


@pytest.mark.parametrize(("family", "head"), CASES)
def test_old_texts_give_the_same_bits_after_20_tokens_and_a_reload(family, head, place):
    config, small, _ = families.FAMILIES[family]
    row = families.measure(place, family, head, config, small)
    assert row.holds, row
    assert row.states == 0.0
    assert row.rows == (families.V, 128)


def test_the_table_has_the_twelve_families_with_two_heads_each():
    assert len(families.FAMILIES) == 12
    assert all(len(heads) == 2 for _, _, heads in families.FAMILIES.values())


NESTED = {"vocab_size": families.V, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
          "num_key_value_heads": 1, "intermediate_size": 32, "head_dim": 8, **families.IDS}  # fmt: skip
VISION = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32,
          "image_size": 16, "patch_size": 8}  # fmt: skip


def nested_model(kind):
    import transformers

    if kind == "Gemma3":
        config = transformers.Gemma3Config(
            text_config=NESTED, vision_config=VISION, mm_tokens_per_image=4,
            image_token_index=5, boi_token_index=6, eoi_token_index=7,
        )  # fmt: skip
    else:
        config = transformers.LlavaConfig(
            text_config={"model_type": "llama", **NESTED},
            vision_config={"model_type": "clip_vision_model", **VISION},
            image_token_index=5,
        )
    return getattr(transformers, f"{kind}ForConditionalGeneration")(config)


@pytest.mark.parametrize("kind", ["Gemma3", "Llava"])
def test_a_config_inside_the_config_follows(kind, place):
    from tokbench.adapt.grow import add_tokens
    from tokbench.io.quiet import quiet
    from tokbench.model.loading import load_model

    with quiet():
        nested_model(kind).save_pretrained(place / kind)
    growth = add_tokens(
        place / "tokenizer",
        output=place / f"{kind}-new",
        special=["[X]"],
        model=place / kind,
        pad_to_multiple_of=64,
    )
    again = load_model(growth.path)
    assert (again.fresh, again.dropped) == ((), ())
    assert again.model.config.text_config.vocab_size == growth.plan.size == 64
    assert growth.proof.holds
    assert growth.proof.texts >= 5


def test_the_extra_bias_of_bart_follows(place):
    import transformers

    from tokbench.adapt.grow import add_tokens
    from tokbench.io.quiet import quiet
    from tokbench.model.loading import load_model

    config = transformers.BartConfig(
        vocab_size=families.V, d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=32, decoder_ffn_dim=32, max_position_embeddings=64,
        decoder_start_token_id=3, **families.IDS,
    )  # fmt: skip
    with quiet():
        transformers.BartForConditionalGeneration(config).save_pretrained(place / "bart")
    growth = add_tokens(place / "tokenizer", output=place / "bart-new", special=["[X]"], model=place / "bart")
    assert load_model(growth.path).model.final_logits_bias.shape == (1, families.V + 1)
