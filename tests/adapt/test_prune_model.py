"""A model pruned with its tokenizer: rows of the tokens that are left keep their bits, and all ids follow."""

import json

import pytest
import torch
import transformers
from transformers import AutoModel, GPT2Config, GPT2LMHeadModel, RobertaConfig, RobertaForMaskedLM

import tokbench as tb
from tests.adapt.test_extend import byte_level
from tests.adapt.test_prune import ENGLISH
from tests.model.conftest import FAMILIES
from tokbench.errors import UsageError
from tokbench.io.quiet import quiet
from tokbench.pretrained.folder import load

SPECIAL = ["<pad>", "<end>"]


def pair(folder, kind="GPT2LMHeadModel", **changes):
    """A model whose special tokens have the highest ids, so that pruning moves them."""
    tokenizer = byte_level(ENGLISH, 270)
    tokenizer.add_special_tokens(SPECIAL)
    ids = {"pad_token_id": 270, "bos_token_id": 271, "eos_token_id": 271}
    config, small, _ = FAMILIES[kind]
    torch.manual_seed(3)
    made = getattr(transformers, config)(**{**small, "vocab_size": 272, **ids, **changes})
    model = getattr(transformers, kind)(made)
    with quiet():
        model.save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"pad_token": "<pad>", "eos_token": "<end>", "tokenizer_class": "PreTrainedTokenizerFast"})
    )
    return tokenizer, model.eval()


@pytest.mark.parametrize("kind", [each for each in FAMILIES if not each.startswith("Roberta")])
def test_texts_of_tokens_that_are_left_have_the_same_hidden_states(tmp_path, kind):
    (tmp_path / "pair").mkdir()
    old, model = pair(tmp_path / "pair", kind)
    lean = tb.prune(tmp_path / "pair", ["the cat sat"] * 3, output=tmp_path / "lean")
    assert lean.growth.proof.holds
    assert lean.weights.parameters < lean.weights.parameters_before
    again = getattr(transformers, kind).from_pretrained(tmp_path / "lean").eval()
    told = json.loads((tmp_path / "lean" / "ids.json").read_text())
    text = old.encode("the cat sat").ids
    with torch.no_grad():
        before = model.base_model(torch.tensor([text])).last_hidden_state
        after = again.base_model(torch.tensor([[told[str(each)] for each in text]])).last_hidden_state
    assert torch.equal(before, after)
    assert sum(each.numel() for each in again.parameters()) == lean.weights.parameters
    assert again.config.pad_token_id == told["270"] == lean.tokens - 2
    assert tb.check(tmp_path / "lean").passed


def test_generation_follows_with_every_id_it_names(tmp_path):
    (tmp_path / "pair").mkdir()
    old, _ = pair(tmp_path / "pair")
    kept, gone = old.token_to_id("hat"), old.token_to_id("sat")
    said = {"eos_token_id": [271, kept], "pad_token_id": 270, "suppress_tokens": [gone, 5]}
    (tmp_path / "pair" / "generation_config.json").write_text(json.dumps(said))
    lean = tb.prune(tmp_path / "pair", ["the cat"], output=tmp_path / "lean")
    told = json.loads((tmp_path / "lean" / "generation_config.json").read_text())
    assert told["eos_token_id"] == [lean.moved[271], lean.moved[kept]]
    assert told["suppress_tokens"] == [lean.moved[5]]
    assert lean.weights.followed["generation_config.eos_token_id"] == (
        [271, kept],
        [lean.moved[271], lean.moved[kept]],
    )
    assert load(tmp_path / "lean").tokenizer.token_to_id("hat") == lean.moved[kept]


def test_positions_that_count_from_the_padding_stay_or_are_refused(tmp_path):
    (tmp_path / "pair").mkdir()
    pair(tmp_path / "pair", "RobertaForMaskedLM", max_position_embeddings=400)
    with pytest.raises(UsageError, match="this model counts positions from its id"):
        tb.prune(tmp_path / "pair", ["the cat sat"], output=tmp_path / "lean")
    assert not (tmp_path / "lean").exists()
    config = {**FAMILIES["RobertaForMaskedLM"][1], "vocab_size": 272, "pad_token_id": 1}
    with quiet():
        RobertaForMaskedLM(RobertaConfig(**config)).save_pretrained(tmp_path / "pair")
    (tmp_path / "pair" / "tokenizer_config.json").unlink()
    assert tb.prune(tmp_path / "pair", ["the cat sat"], force_ids=True).growth.proof.holds


def test_spare_rows_go_and_rows_are_rounded_up(tmp_path):
    (tmp_path / "pair").mkdir()
    pair(tmp_path / "pair", vocab_size=320)
    lean = tb.prune(tmp_path / "pair", ["the cat sat"], pad_to_multiple_of=64, output=tmp_path / "lean")
    assert (lean.growth.plan.rows_before, lean.growth.plan.size) == (320, 320 - 320 % 64)
    assert lean.growth.plan.size >= lean.tokens
    model = AutoModel.from_pretrained(tmp_path / "lean")
    assert len(model.get_input_embeddings().weight) == lean.growth.plan.size


def test_an_id_of_the_config_without_a_token_is_named(tmp_path):
    (tmp_path / "pair").mkdir()
    pair(tmp_path / "pair", vocab_size=320, bos_token_id=300)
    with pytest.raises(
        UsageError, match=r"config\.bos_token_id of .* is 300, and .* has no token with that id"
    ):
        tb.prune(tmp_path / "pair", ["the cat sat"], force_ids=True)


def test_a_dry_run_proves_the_model_and_writes_nothing(tmp_path):
    (tmp_path / "pair").mkdir()
    pair(tmp_path / "pair")
    lean = tb.prune(tmp_path / "pair", ["the cat sat"], output=tmp_path / "lean", dry_run=True)
    assert lean.growth.proof.holds
    assert not (tmp_path / "lean").exists()


def test_a_dry_run_of_a_large_model_loads_no_weights(tmp_path, monkeypatch):
    (tmp_path / "pair").mkdir()
    pair(tmp_path / "pair", "LlamaForCausalLM")
    whole = tb.prune(tmp_path / "pair", ["the cat sat"])
    monkeypatch.setattr("tokbench.adapt.grow.TRIED", 0)
    lean = tb.prune(tmp_path / "pair", ["the cat sat"], dry_run=True)
    assert lean.growth.proof is None
    assert (lean.growth.plan, lean.growth.memory) == (whole.growth.plan, whole.growth.memory)
    assert lean.weights.parameters == whole.weights.parameters


@pytest.mark.parametrize("kind", [each for each in FAMILIES if not each.startswith("Roberta")])
def test_a_model_that_is_not_loaded_is_pruned_by_its_files_alike(tmp_path, monkeypatch, kind):
    (tmp_path / "pair").mkdir()
    pair(tmp_path / "pair", kind)
    said = {"eos_token_id": [271, 261], "suppress_tokens": [269, 5]}
    if kind in ("GPT2LMHeadModel", "LlamaForCausalLM"):
        (tmp_path / "pair" / "generation_config.json").write_text(json.dumps(said))
    loaded = tb.prune(tmp_path / "pair", ["the cat sat"], output=tmp_path / "loaded")
    monkeypatch.setattr("tokbench.adapt.grow.TRIED", 0)
    lean = tb.prune(tmp_path / "pair", ["the cat sat"], output=tmp_path / "files")
    assert (loaded.growth.proof is None, lean.growth.proof is None) == (False, True)
    assert lean.growth.rewritten.started == 0
    assert lean.growth.followed == loaded.growth.followed != {}
    for name in ("config.json", "generation_config.json", "model.safetensors", "ids.json"):
        one, other = (tmp_path / each / name for each in ("loaded", "files"))
        assert one.exists() == other.exists()
        assert not one.exists() or one.read_bytes() == other.read_bytes()


def test_the_card_tells_what_was_measured_and_what_is_not_known(tmp_path):
    (tmp_path / "pair").mkdir()
    pair(tmp_path / "pair")
    lean = tb.prune(tmp_path / "pair", ["the cat sat"], output=tmp_path / "lean")
    card = (tmp_path / "lean" / "README.md").read_text()
    assert f"`pair`, pruned to {lean.tokens} tokens." in card
    assert f"| parameters | {lean.weights.parameters_before:,} | {lean.weights.parameters:,} |" in card
    assert "1 of 1 text of the corpus" in card
    assert "what that does to its answers was not\nmeasured" in card
    assert "tokbench prove pair lean -t sst2 --seeds 5" in card


def test_a_tokenizer_of_another_model_is_refused(tmp_path):
    (tmp_path / "pair").mkdir()
    pair(tmp_path / "pair")
    other = GPT2LMHeadModel(GPT2Config(vocab_size=100, n_embd=8, n_layer=1, n_head=1))
    with quiet():
        other.save_pretrained(tmp_path / "other")
    with pytest.raises(UsageError):
        tb.prune(tmp_path / "pair", ["the cat"], model=tmp_path / "other")
