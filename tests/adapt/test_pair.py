"""Nothing is written for a tokenizer and a model that do not belong together, unless that is meant."""

import json
import shutil

import pytest

from tokbench.adapt.grow import add_tokens, resize
from tokbench.errors import UsageError
from tokbench.pretrained.folder import load


@pytest.fixture
def own(build, save_model, tokenizer_folder):
    """The folder of a model with its tokenizer, and ten spare rows."""
    path = save_model(build(vocab_size=tokenizer_folder.tokenizer.get_vocab_size() + 10))
    for file in tokenizer_folder.path.iterdir():
        shutil.copyfile(file, path / file.name)
    return path


@pytest.fixture
def stranger(own, tmp_path):
    """A tokenizer of the same kind whose words have other ids: the last of the model's are swapped."""
    path = tmp_path / "stranger"
    shutil.copytree(own, path, ignore=lambda _, names: [name for name in names if "model" in name])
    (path / "config.json").unlink()
    raw = json.loads((path / "tokenizer.json").read_text())
    vocab = raw["model"]["vocab"]
    vocab["fox"], vocab["quick"] = vocab["quick"], vocab["fox"]
    (path / "tokenizer.json").write_text(json.dumps(raw))
    return path


def test_another_tokenizer_is_refused_and_the_finding_is_named(own, stranger, tmp_path):
    with pytest.raises(UsageError, match=r"is not the tokenizer that .* was saved with.*TB452") as caught:
        add_tokens(stranger, ["zzq"], model=own, output=tmp_path / "out")
    assert "--force-ids" in caught.value.fix
    assert str(own) in caught.value.fix
    with pytest.raises(UsageError, match="TB452"):
        resize(own, stranger, output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_remedy_that_is_named_helps(own, tmp_path):
    assert add_tokens(own, ["zzq"], model=own, output=tmp_path / "out").proof.holds


def test_a_plan_is_refused_as_the_act_is(own, stranger):
    with pytest.raises(UsageError, match="TB452"):
        add_tokens(stranger, ["zzq"], model=own, dry_run=True)


def test_who_means_it_can_go_on(own, stranger, tmp_path):
    growth = add_tokens(stranger, ["zzq"], model=own, output=tmp_path / "out", force_ids=True)
    assert growth.path == tmp_path / "out"


def test_a_smaller_tokenizer_does_not_take_the_rows_of_the_models_words(own, stranger, tmp_path):
    raw = json.loads((own / "tokenizer.json").read_text())
    raw["model"]["vocab"].pop("##es")  # the last id of the model's own: it would look like a spare row
    (stranger / "tokenizer.json").write_text(json.dumps(raw))
    with pytest.raises(UsageError, match="TB452"):
        add_tokens(stranger, ["zzq"], model=own, output=tmp_path / "out")


def test_a_tokenizer_that_grew_from_the_models_own_is_its_own(own, tmp_path):
    add_tokens(own, ["zzq"], output=tmp_path / "more")
    growth = resize(own, tmp_path / "more", output=tmp_path / "fitted")
    assert growth.plan.spare_used == (load(own).tokenizer.get_vocab_size(),)
    assert growth.proof.holds


def test_another_padding_id_is_refused_with_what_sets_it(build, save_model, tokenizer_folder, tmp_path):
    path = save_model(build(pad_token_id=7))
    with pytest.raises(UsageError, match="TB411") as caught:
        add_tokens(tokenizer_folder.path, ["zzq"], model=path, output=tmp_path / "out")
    assert caught.value.fix.startswith(f"tokbench config set {path} pad_token_id=0 --in-place")


def test_a_padding_id_that_moves_now_is_not_held_against_the_pair(build, save_model, tokenizer_folder):
    path = save_model(build(pad_token_id=7))
    growth = add_tokens(tokenizer_folder.path, roles={"pad": "[PAD2]"}, model=path)
    assert growth.followed["config.pad_token_id"][1] == growth.added.special["[PAD2]"]
