import pytest

from tokbench.pretrained.folder import load
from tokbench.pretrained.wrap import portable_config

BERT_INPUTS = ["input_ids", "token_type_ids", "attention_mask"]


def of(make_folder, kinds, config):
    folder = make_folder(kinds["wordpiece"][0], config)
    return portable_config(folder, folder.tokenizer)


@pytest.mark.parametrize(
    "name", ["BertTokenizer", "BertTokenizerFast", "TokenizersBackend", "RobertaTokenizerFast", None]
)
def test_a_class_that_is_only_a_pipeline_becomes_the_one_that_reads_it(make_folder, kinds, name):
    config = of(make_folder, kinds, {"tokenizer_class": name, "do_lower_case": True})
    assert config["tokenizer_class"] == "PreTrainedTokenizerFast"
    assert config["model_input_names"] == BERT_INPUTS
    assert config["do_lower_case"] is True


def test_a_class_with_ways_of_its_own_stays(make_folder, kinds):
    config = of(make_folder, kinds, {"tokenizer_class": "NllbTokenizerFast", "src_lang": "eng_Latn"})
    assert config["tokenizer_class"] == "NllbTokenizerFast"
    assert "model_input_names" not in config


def test_distilbert_has_no_segments_whatever_its_template_says(make_folder, kinds):
    config = of(make_folder, kinds, {"tokenizer_class": "DistilBertTokenizer"})
    assert config["model_input_names"] == ["input_ids", "attention_mask"]


def test_chosen_input_names_stay(make_folder, kinds):
    assert of(make_folder, kinds, {"model_input_names": ["input_ids"]})["model_input_names"] == ["input_ids"]


def test_roles_that_only_a_class_knew_are_spelt_out(make_folder, kinds):
    config = of(make_folder, kinds, {"tokenizer_class": "BertTokenizer", "pad_token": None})
    assert config["cls_token"] == "[CLS]"
    assert config["pad_token"] == "[PAD]"


def test_where_it_lay_is_forgotten(make_folder, kinds):
    config = of(
        make_folder, kinds, {"name_or_path": "/home/me", "backend": "tokenizers", "added_tokens_decoder": {}}
    )
    assert not {"name_or_path", "backend", "added_tokens_decoder"} & config.keys()


def test_named_tokens_of_version_5_stay_named(make_folder, kinds):
    config = of(make_folder, kinds, {"extra_special_tokens": {"image_token": "[MASK]"}})
    assert config["extra_special_tokens"] == {"image_token": "[MASK]"}


def test_ours_is_portable_already(folder):
    assert portable_config(load(folder.path), folder.tokenizer) == folder.config
