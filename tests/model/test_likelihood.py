"""Bits of texts by a language model: as the model's own loss has them, whatever the length and the batch."""

import math

import pytest
import torch
import transformers

from tokbench.errors import FileError
from tokbench.model import likelihood
from tokbench.model.likelihood import Likelihood, load_language_model

V, CONTEXT = 50, 16
BOS = 3
SMALL = {"vocab_size": V, "n_embd": 8, "n_layer": 2, "n_head": 2, "n_positions": CONTEXT}
TEXTS = [[5, 6, 7, 8, 9], [1], [], [10] * 9, [4, 44, 3]]


def gpt2(**more):
    torch.manual_seed(1)
    config = transformers.GPT2Config(**{**SMALL, "bos_token_id": BOS, "eos_token_id": BOS, **more})
    model = transformers.GPT2LMHeadModel(config)
    for weight in model.parameters():  # far from uniform, so that a wrong context is seen
        torch.nn.init.normal_(weight, std=0.5)
    return model.eval()


def bits_by_hand(model, ids, *, context=CONTEXT):
    """One token at a time: the whole row before it goes through the model, and its softmax is written out."""
    row, bits = [BOS, *ids], 0.0
    for at in range(1, len(row)):
        begin = (
            0 if at < context else max(0, (at - context) // (context // 2) * (context // 2) + context // 2)
        )
        with torch.no_grad():
            logits = model(torch.tensor([row[begin:at]])).logits[0, -1].double()
        bits -= (logits[row[at]] - logits.exp().sum().log()).item() / math.log(2)
    return bits


def test_the_bits_are_those_of_the_softmax_written_out():
    model = gpt2()
    expected = sum(bits_by_hand(model, ids) for ids in TEXTS)
    assert Likelihood("m", model).bits(TEXTS) == pytest.approx(expected, rel=1e-5)
    assert expected > len(TEXTS) * math.log2(V)  # nothing like uniform


@pytest.mark.parametrize("length", [15, 16, 17, 23, 24, 25, 40])
def test_a_text_longer_than_the_context_is_scored_once_a_token_in_windows_of_half_overlap(length):
    model, ids = gpt2(), [(7 * at) % V for at in range(length)]
    assert Likelihood("m", model).bits([ids]) == pytest.approx(bits_by_hand(model, ids), rel=1e-5)


def test_a_uniform_model_needs_log2_of_its_rows_a_token():
    model = gpt2()
    for weight in model.parameters():
        torch.nn.init.zeros_(weight)
    tokens = sum(map(len, TEXTS))
    assert Likelihood("m", model).bits(TEXTS) == pytest.approx(tokens * math.log2(V))


def test_without_a_token_to_begin_with_the_first_is_as_likely_as_any():
    model = gpt2(bos_token_id=None, eos_token_id=None)
    assert Likelihood("m", model).bits([[7], [9]]) == pytest.approx(2 * math.log2(V))
    with torch.no_grad():
        second = -model(torch.tensor([[7]])).logits[0, -1].log_softmax(-1)[9].item() / math.log(2)
    assert Likelihood("m", model).bits([[7, 9]]) == pytest.approx(math.log2(V) + second, rel=1e-5)


def test_a_start_beyond_the_rows_is_no_start():
    assert Likelihood("m", gpt2(bos_token_id=V, eos_token_id=None)).bits([[7]]) == pytest.approx(math.log2(V))


def test_a_batch_of_any_size_gives_the_same_bits(monkeypatch):
    model = gpt2()
    together = Likelihood("m", model).bits(TEXTS)
    monkeypatch.setattr(likelihood, "NUMBERS", 1)
    assert Likelihood("m", model).bits(TEXTS) == pytest.approx(together, rel=1e-6)


def test_a_saved_model_is_opened(tmp_path):
    model = gpt2()
    model.save_pretrained(tmp_path)
    found = load_language_model(str(tmp_path))
    assert found.rows == V
    assert found.bits(TEXTS) == pytest.approx(Likelihood("m", model).bits(TEXTS), rel=1e-6)


def test_a_model_that_predicts_no_next_token_is_refused(tmp_path):
    config = transformers.BertConfig(
        vocab_size=V, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8
    )
    transformers.BertForMaskedLM(config).save_pretrained(tmp_path)
    with pytest.raises(FileError, match="is a BertForMaskedLM, and only a causal language model"):
        load_language_model(str(tmp_path))
