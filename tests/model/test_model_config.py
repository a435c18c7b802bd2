import json

import pytest
import torch

from tokbench.errors import FileError, UsageError
from tokbench.model.loading import load_model
from tokbench.model.model_config import config, set_config


@pytest.fixture
def model(build, save_model):
    """The folder of a classifier with a note beside it."""
    path = save_model(build("BertForSequenceClassification"))
    (path / "README.md").write_text("mine")
    return path


def config_of(folder):
    return json.loads((folder / "config.json").read_text())


def everything(folder):
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_key_is_shown_with_what_may_be_done_to_it(model):
    view = config(model)
    keys = {each.key: each for each in view.keys}
    assert set(config_of(model)) <= set(keys)
    assert keys["hidden_dropout_prob"].allowed == "may"
    assert keys["hidden_size"].allowed == "must not"
    assert keys["vocab_size"].allowed == "only with a resize"
    assert [each.key for each in config(model, only=["vocab_size"]).keys] == ["vocab_size"]


def test_a_copy_has_the_new_value_and_all_the_rest(model, tmp_path):
    before = everything(model)
    change = set_config(model, output=tmp_path / "copy", **{"hidden_dropout_prob": "0.25"})
    assert change.changed == {"hidden_dropout_prob": (0.1, 0.25)}
    assert everything(model) == before
    after = everything(tmp_path / "copy")
    assert {name for name in before if before[name] != after[name]} == {"config.json"}
    assert load_model(tmp_path / "copy").model.config.hidden_dropout_prob == 0.25


def test_in_place_the_other_files_keep_their_bytes(model):
    before = everything(model)
    set_config(model, in_place=True, **{"classifier_dropout": "0.3", "use_cache": "false"})
    after = everything(model)
    assert {name for name in before if before[name] != after[name]} == {"config.json"}
    assert config_of(model)["classifier_dropout"] == 0.3
    assert config_of(model)["use_cache"] is False
    assert sorted(entry.name for entry in model.parent.iterdir()) == ["model"]


def test_labels_are_named_in_a_list_and_both_tables_follow(model):
    set_config(model, in_place=True, **{"id2label": '["no", "yes"]'})
    assert config_of(model)["id2label"] == {"0": "no", "1": "yes"}
    assert config_of(model)["label2id"] == {"no": 0, "yes": 1}
    assert load_model(model).model.config.id2label == {0: "no", 1: "yes"}
    set_config(model, in_place=True, **{"label2id": '{"bad": 0, "good": 1}'})
    assert config_of(model)["id2label"] == {"0": "bad", "1": "good"}


def test_generation_follows_a_special_id(build, save_model):
    path = save_model(build("GPT2LMHeadModel"))
    change = set_config(path, in_place=True, **{"eos_token_id": "5"})
    assert json.loads((path / "generation_config.json").read_text())["eos_token_id"] == 5
    assert change.changed == {"eos_token_id": (3, 5), "generation_config.json: eos_token_id": (3, 5)}


def test_a_value_that_is_there_already_is_no_change(model):
    before = everything(model)
    change = set_config(model, in_place=True, **{"hidden_dropout_prob": "0.1", "hidden_size": "16"})
    assert (change.changed, change.unchanged) == ({}, ("hidden_dropout_prob", "hidden_size"))
    assert json.loads(before["config.json"]) == config_of(model)


def test_a_name_of_the_class_s_own_is_the_key_of_the_file(build, save_model):
    path = save_model(build("DistilBertForMaskedLM"))
    with pytest.raises(UsageError, match="dim must not change"):
        set_config(path, in_place=True, **{"hidden_size": "32"})


def test_a_new_key_needs_its_own_word(model):
    with pytest.raises(UsageError, match="no key our_note") as caught:
        set_config(model, in_place=True, **{"our_note": "x"})
    assert "--allow-new" in caught.value.fix
    assert set_config(model, in_place=True, **{"our_note": "x"}, allow_new=True).new == ("our_note",)
    assert config_of(model)["our_note"] == "x"


def test_nested_keys_are_dotted(build, save_model):
    path = save_model(build())
    config = config_of(path)
    config = {"model_type": "gemma3", "architectures": ["Gemma3Model"], "text_config": {"vocab_size": 99},
              "dtype": "float32", "transformers_version": config["transformers_version"]}  # fmt: skip
    (path / "config.json").write_text(json.dumps(config))
    set_config(path, in_place=True, **{"text_config.attention_dropout": "0.2"})
    assert config_of(path)["text_config"] == {"vocab_size": 99, "attention_dropout": 0.2}


WRONG = {
    "an unknown key": ({"hiden_dropout_prob": "0.1"}, "no key hiden_dropout_prob"),
    "an architecture key": ({"num_hidden_layers": "3"}, "num_hidden_layers must not change"),
    "the size of the vocabulary": ({"vocab_size": "200"}, "vocab_size changes only with a resize"),
    "a word for a number": (
        {"hidden_dropout_prob": "much"},
        "hidden_dropout_prob takes a number, not .much.",
    ),
    "a number for a switch": ({"use_cache": "3"}, "use_cache takes true or false, not 3"),
    "a share above 1": ({"hidden_dropout_prob": "1.5"}, "a share of what is dropped"),
    "an id without a row": ({"eos_token_id": "5000"}, "eos_token_id is 5000, and the model has"),
    "three labels for two rows": ({"id2label": '["a", "b", "c"]'}, "3 labels were named, and the head"),
    "a label twice": ({"id2label": '["a", "a"]'}, "every label once"),
    "labels with a hole": ({"id2label": '{"0": "a", "2": "b"}'}, "every label once"),
    "the number of labels": ({"num_labels": "2"}, "follows their names"),
    "a number type": ({"dtype": "float33"}, "no number type"),
    "nothing": ({}, "nothing to set"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_would_break_the_model_is_refused_and_nothing_is_written(model, case, tmp_path):
    settings, sentence = WRONG[case]
    before = everything(model)
    for out in (None, tmp_path / "copy"):
        with pytest.raises(UsageError, match=sentence):
            set_config(model, output=out, in_place=out is None, **settings)
    assert everything(model) == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["model"]


def test_roberta_s_padding_does_not_move(build, save_model):
    with pytest.raises(UsageError, match="roberta counts positions"):
        set_config(save_model(build("RobertaForMaskedLM")), in_place=True, **{"pad_token_id": "3"})


def test_a_name_on_the_hub_is_not_changed_in_place():
    with pytest.raises(FileError, match="no folder of yours"):
        set_config("some-org/some-model", in_place=True, **{"use_cache": "false"})


def test_a_model_loads_after_every_change_that_may_be_made(model):
    settings = {each.key: json.dumps(each.value) for each in config(model).keys if each.allowed == "may"}
    settings |= {"hidden_dropout_prob": "0.3", "dtype": "float32", "pad_token_id": "1"}
    settings = {key: value for key, value in settings.items() if value != "null"}
    states = load_model(model).model.state_dict()
    set_config(model, in_place=True, **settings)
    assert all(torch.equal(value, states[key]) for key, value in load_model(model).model.state_dict().items())
