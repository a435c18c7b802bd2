"""Models by their name on the hub, from the local cache; no network."""

import shutil

import pytest

from tokbench.adapt.grow import add_tokens, resize
from tokbench.model.loading import meta_model
from tokbench.model.model_config import config, set_config

NAME = "an-owner/a-model"


@pytest.fixture
def cached(build, save_model, tokenizer_folder, tmp_path, monkeypatch):
    """A function: a pair in the cache under NAME, with these files only."""
    snapshot = tmp_path / "cache" / "models--an-owner--a-model" / "snapshots" / ("0" * 40)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)

    def made(*files):
        shutil.copytree(save_model(build()), snapshot)
        shutil.copytree(tokenizer_folder.path, snapshot, dirs_exist_ok=True)
        (snapshot.parents[1] / "refs").mkdir()
        (snapshot.parents[1] / "refs" / "main").write_text("0" * 40)
        for file in snapshot.iterdir():
            if files and file.name not in files:
                file.unlink()
        return snapshot

    return made


def test_a_name_is_as_good_as_a_folder(cached, tmp_path):
    cached()
    growth = add_tokens(NAME, output=tmp_path / "grown", tokens=["hospital"], model=NAME)
    assert growth.proof.holds
    assert resize(NAME, NAME, output=tmp_path / "same").plan.resize_needed is False
    set_config(NAME, output=tmp_path / "copy", **{"hidden_dropout_prob": "0.2"})
    assert (tmp_path / "copy" / "model.safetensors").exists()
    assert not (tmp_path / "copy" / "model.safetensors").is_symlink()


def test_a_plan_and_a_look_need_the_config_only(cached, build):
    cached("config.json", "tokenizer.json", "tokenizer_config.json")
    assert meta_model(NAME).weight_bytes == sum(4 * weight.numel() for weight in build().parameters())
    dry = add_tokens(NAME, dry_run=True, tokens=["hospital"], model=NAME)
    assert dry.plan.size == dry.plan.rows_before + 1
    assert any(each.key == "vocab_size" for each in config(NAME).keys)
