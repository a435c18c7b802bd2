"""What hangs on a vocabulary key, asked of classes that keep it in unusual places."""

import pytest
import torch
import transformers

from tokbench.model.vocabulary_tables import config_with, hollow_model, vocabulary_tables


@pytest.fixture
def tables_of(tiny):
    """A function: the tables of a small model of a family, which has no storage."""

    def asked(kind, name):
        return vocabulary_tables(hollow_model(getattr(transformers, name), tiny.config_of(kind)))

    return asked


def places(tables, key):
    return {(each.name, each.dimension, each.offset) for each in tables.tensors[key]}


def test_a_tied_head_is_one_table_under_two_names(tables_of):
    tables = tables_of("bert", "BertForMaskedLM")
    assert tables.text == ("vocab_size",)
    table, bias = tables.tensors["vocab_size"]
    assert table.names == ("bert.embeddings.word_embeddings.weight", "cls.predictions.decoder.weight")
    assert (table.embeds, bias.embeds, bias.name) == (True, False, "cls.predictions.bias")
    assert tables.inputs == tables.heads == (table.name,)


def test_segments_have_a_table_of_their_own(tables_of):
    tables = tables_of("bert", "BertForMaskedLM")
    assert [each.name for each in tables.tensors["type_vocab_size"]] == [
        "bert.embeddings.token_type_embeddings.weight"
    ]
    assert tables.key_of("bert.embeddings.token_type_embeddings.weight") == "type_vocab_size"


def test_a_matrix_may_have_its_tokens_in_the_second_dimension(tables_of):
    found = places(tables_of("mobilebert", "MobileBertForMaskedLM"), "vocab_size")
    assert ("cls.predictions.dense.weight", 1, 0) in found


def test_a_buffer_is_told_from_a_parameter(tables_of):
    tables = tables_of("bart", "BartForConditionalGeneration")
    [bias] = [each for each in tables.tensors["vocab_size"] if each.buffer]
    assert (bias.name, bias.dimension) == ("final_logits_bias", 1)


def test_a_table_a_layer_stands_beside_the_first(tables_of):
    tables = tables_of("gemma4_text", "Gemma4ForCausalLM")
    assert tables.text == ("vocab_size",)
    assert tables.beside("vocab_size") == ("vocab_size_per_layer_input",)
    assert places(tables, "vocab_size_per_layer_input") == {("model.embed_tokens_per_layer.weight", 0, 0)}


@pytest.mark.parametrize(
    ("kind", "name", "text"),
    [
        ("fsmt", "FSMTForConditionalGeneration", ("src_vocab_size", "tgt_vocab_size")),
        ("encoder-decoder", "EncoderDecoderModel", ("encoder.vocab_size", "decoder.vocab_size")),
        ("t5gemma", "T5GemmaForConditionalGeneration", ("encoder.vocab_size", "decoder.vocab_size")),
        ("marian", "MarianMTModel", ("vocab_size",)),
        ("clip", "CLIPModel", ("text_config.vocab_size",)),
        ("blip-2", "Blip2ForConditionalGeneration", ("text_config.vocab_size",)),
    ],
)
def test_a_class_says_how_many_vocabularies_it_has(tables_of, kind, name, text):
    assert tables_of(kind, name).text == text


def test_a_number_that_sizes_nothing_follows_only_within_its_stack(tables_of):
    tables = tables_of("t5gemma2", "T5Gemma2ForConditionalGeneration")
    assert set(tables.silent("encoder.text_config.vocab_size")) == {"decoder.vocab_size", "vocab_size"}
    tables = tables_of("blip-2", "Blip2ForConditionalGeneration")
    assert tables.values["qformer_config.vocab_size"] == tables.values["text_config.vocab_size"]
    assert tables.silent("text_config.vocab_size") == ()


def test_rows_beyond_the_vocabulary_are_an_offset(tables_of):
    found = places(tables_of("moshi", "MoshiForCausalLM"), "vocab_size")
    assert found == {("model.embed_tokens.weight", 0, 1), ("lm_head.weight", 0, 0)}


def test_whole_numbers_of_modules_follow_too(tables_of):
    tables = tables_of("bert", "BertForMaskedLM")
    followers = set(tables.numbers["vocab_size"])
    assert ("bert.embeddings.word_embeddings", "num_embeddings", 0) in followers
    assert ("cls.predictions.decoder", "out_features", 0) in followers


def test_an_answer_is_kept_for_the_class_and_the_config(tiny):
    config = tiny.config_of("bert")
    one = vocabulary_tables(hollow_model(transformers.BertForMaskedLM, config))
    assert vocabulary_tables(hollow_model(transformers.BertForMaskedLM, config)) is one
    other = config_with(config, {"vocab_size": 7})
    assert vocabulary_tables(hollow_model(transformers.BertForMaskedLM, other)) is not one
    assert config.vocab_size == tiny.V


def test_a_model_with_storage_gives_the_same_answer_and_keeps_its_numbers(tiny):
    model = transformers.BertForMaskedLM(tiny.config_of("bert"))
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    hollow = vocabulary_tables(hollow_model(transformers.BertForMaskedLM, tiny.config_of("bert")))
    assert vocabulary_tables(model) == hollow
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())
