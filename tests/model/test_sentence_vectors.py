"""A vector for each text, by whatever class reads it."""

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    BertConfig,
    BertForMaskedLM,
    BertModel,
    GPT2Config,
    T5Config,
    T5ForConditionalGeneration,
    ViTConfig,
    ViTModel,
)

from tokbench.model.sentence_vectors import cosines, sentence_vectors

SMALL = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 1, "intermediate_size": 8}
TEXTS = [[1, 2, 3], [4], [5, 6]]


def expected(states):
    return torch.nn.functional.normalize(states.mean(1), dim=1)[0]


def test_vectors_are_the_means_of_the_last_hidden_states():
    model = BertModel(BertConfig(vocab_size=9, **SMALL)).eval()
    found = sentence_vectors(model, TEXTS)
    with torch.no_grad():
        for row, ids in zip(found, TEXTS, strict=True):
            assert torch.allclose(row, expected(model(torch.tensor([ids])).last_hidden_state), atol=1e-6)
    assert cosines(found, found).tolist() == pytest.approx([1, 1, 1], abs=1e-5)


@pytest.mark.parametrize(
    ("model", "body"),
    [
        (BertForMaskedLM(BertConfig(vocab_size=9, **SMALL)), lambda model: model.bert),
        (
            AutoModelForCausalLM.from_config(GPT2Config(vocab_size=9, n_embd=8, n_layer=2, n_head=1)),
            lambda model: model.transformer,
        ),
        (
            T5ForConditionalGeneration(
                T5Config(vocab_size=9, d_model=8, d_kv=8, d_ff=8, num_layers=1, num_heads=1)
            ),
            lambda model: model.encoder,
        ),
    ],
)
def test_heads_and_two_stacks_give_those_of_what_reads_the_text(model, body):
    found = sentence_vectors(model, TEXTS)
    with torch.no_grad():
        states = body(model.eval())(torch.tensor([TEXTS[0]])).last_hidden_state
    assert torch.allclose(found[0], expected(states), atol=1e-6)


def test_a_text_is_read_as_far_as_positions_go():
    model = BertModel(BertConfig(vocab_size=9, max_position_embeddings=10, **SMALL))
    long = [1, 2, 3, 4, 5, 6, 7, 8] * 9
    assert torch.equal(sentence_vectors(model, [long]), sentence_vectors(model, [long[:8]]))


def test_a_text_of_nothing_has_zeros_and_a_class_that_reads_none_has_no_vectors():
    model = BertModel(BertConfig(vocab_size=9, **SMALL))
    found = sentence_vectors(model, [[], [1]])
    assert found[0].abs().sum() == 0
    assert sentence_vectors(ViTModel(ViTConfig(image_size=8, patch_size=4, **SMALL)), [[1]]) is None
