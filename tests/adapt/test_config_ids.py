import json

import pytest
import torch

from tokbench.adapt.grow import add_tokens
from tokbench.errors import UsageError
from tokbench.model.loading import load_model


@pytest.fixture
def move(build, save_model, tokenizer_folder, tmp_path):
    """A function: grow a model of a kind and move roles."""

    def moved(kind, roles, **changes):
        return add_tokens(
            tokenizer_folder.path,
            output=tmp_path / "grown",
            roles=roles,
            model=save_model(build(kind, **changes)),
        )

    return moved


def test_pad_moves_in_config_and_embedding_and_old_texts_stay(move):
    growth = move("BertForMaskedLM", {"pad": "[PAD2]"})
    new = growth.added.special["[PAD2]"]
    assert growth.followed == {"config.pad_token_id": (0, new)}
    again = load_model(growth.path).model
    assert again.config.pad_token_id == again.get_input_embeddings().padding_idx == new
    assert growth.proof.holds
    assert growth.proof.texts >= 5


def test_an_end_that_moves_is_followed_by_generation(move):
    growth = move("GPT2LMHeadModel", {"eos": "<end>"})
    new = growth.added.special["<end>"]
    assert json.loads((growth.path / "generation_config.json").read_text())["eos_token_id"] == new
    assert load_model(growth.path).model.config.eos_token_id == new


def test_a_role_that_the_config_does_not_name_adds_no_key(move):
    growth = move("BertForMaskedLM", {"cls": "[CLS2]"})
    assert growth.followed == {}
    assert "cls_token_id" not in json.loads((growth.path / "config.json").read_text())
    assert growth.added.roles[0].template


def test_a_decoder_starts_with_the_token_it_started_with(build, tokenizer_folder, tmp_path):
    import transformers

    from tokbench.io.quiet import quiet

    torch.manual_seed(7)
    config = transformers.T5Config(
        vocab_size=tokenizer_folder.tokenizer.get_vocab_size(), d_model=16, d_kv=8, d_ff=32, num_layers=1,
        num_heads=2, decoder_start_token_id=0, pad_token_id=0, eos_token_id=3,
    )  # fmt: skip
    with quiet():
        transformers.T5ForConditionalGeneration(config).save_pretrained(tmp_path / "t5")
    growth = add_tokens(
        tokenizer_folder.path, output=tmp_path / "grown", roles={"pad": "<pad2>"}, model=tmp_path / "t5"
    )
    new = growth.added.special["<pad2>"]
    assert growth.followed["config.decoder_start_token_id"] == (0, new)
    assert growth.followed["generation_config.pad_token_id"] == (0, new)


def test_roberta_keeps_its_padding(move, tmp_path):
    with pytest.raises(UsageError, match="counts positions from the padding's id"):
        move("RobertaForMaskedLM", {"pad": "[PAD2]"})
    assert not (tmp_path / "grown").exists()
