"""What config.json and the names of tensors say of a model; the names are those of the library's models."""

import json

import pytest

from tokbench.checks.model_files import ModelFiles, read_model
from tokbench.errors import FileError
from tokbench.model.safetensors_files import Tensor, Weights

# Name of the input embedding, then of all that has a row for each id, as transformers 5.23 saves them.
NAMES = {
    "bert": (
        "bert.embeddings.word_embeddings.weight",
        "cls.predictions.bias",
        "cls.predictions.decoder.weight",
    ),
    "roberta": ("roberta.embeddings.word_embeddings.weight", "lm_head.bias", "lm_head.decoder.weight"),
    "distilbert": (
        "distilbert.embeddings.word_embeddings.weight",
        "vocab_projector.weight",
        "vocab_projector.bias",
    ),
    "electra": (
        "electra.embeddings.word_embeddings.weight",
        "generator_lm_head.weight",
        "generator_lm_head.bias",
    ),
    "albert": ("albert.embeddings.word_embeddings.weight", "predictions.decoder.weight", "predictions.bias"),
    "gpt2": ("transformer.wte.weight", "lm_head.weight"),
    "gpt_neox": ("gpt_neox.embed_in.weight", "embed_out.weight"),
    "llama": ("model.embed_tokens.weight", "lm_head.weight"),
    "modernbert": ("model.embeddings.tok_embeddings.weight", "decoder.weight", "decoder.bias"),
    "t5": ("shared.weight", "encoder.embed_tokens.weight", "lm_head.weight"),
    "bart": ("model.shared.weight", "model.decoder.embed_tokens.weight", "lm_head.weight"),
    "xlnet": ("transformer.word_embedding.weight", "lm_loss.weight", "lm_loss.bias"),
    "bloom": ("transformer.word_embeddings.weight", "lm_head.weight"),
}
OTHERS = (
    "encoder.layer.0.output.dense.weight",
    "bert.embeddings.position_embeddings.weight",
    "pooler.decoder.weight",
)


def model(config=None, **shapes):
    tensors = {name.replace("__", "."): Tensor(shape, "F32") for name, shape in shapes.items()}
    return ModelFiles("a model", None, config or {}, weights=Weights(tensors))


@pytest.mark.parametrize("family", NAMES)
def test_matrices_over_the_vocabulary_are_found_by_name(family):
    shapes = {name: (20,) if name.endswith("bias") else (20, 8) for name in NAMES[family]}
    found = model(**shapes, **dict.fromkeys(OTHERS, (5, 5)))
    assert next(iter(found.embeddings)) == NAMES[family][0]
    assert (found.embeddings | found.outputs).keys() == shapes.keys()
    assert found.rows == 20


def test_a_bias_of_one_row_is_read_across():
    assert model(final_logits_bias=(1, 30)).outputs == {"final_logits_bias": 30}


def test_a_decoder_with_a_vocabulary_of_its_own_is_not_the_tokenizers():
    found = model(
        {"decoder_vocab_size": 9},
        **{"model.encoder.embed_tokens.weight": (20, 8), "model.decoder.embed_tokens.weight": (9, 8)},
    )
    assert set(found.embeddings.values()) == {20}


def test_the_config_tells_the_rows_where_there_are_no_weights():
    assert model({"vocab_size": 30}).rows == 30
    assert model({"vocab_size": "30"}).rows is None
    assert model({"vocab_size": True}).rows is None


def test_a_composed_model_keeps_its_numbers_inside():
    found = model(
        {"model_type": "gemma3", "pad_token_id": 3, "text_config": {"vocab_size": 30, "model_type": "gemma"}}
    )
    assert (found.rows, found.number("pad_token_id"), found.model_type) == (30, 3, "gemma")


@pytest.mark.parametrize("content", ["{", "[]", "", '{"a": 1'])
def test_a_config_that_is_none_is_refused_by_name(content, tmp_path):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(FileError, match=r"config\.json"):
        read_model(tmp_path)


def test_the_generation_config_is_read_when_it_is_there(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    assert read_model(tmp_path).generation == {}
    (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": 3}))
    assert read_model(tmp_path).generation == {"eos_token_id": 3}
