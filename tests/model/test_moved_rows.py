"""Rows that move: each kept row keeps its bits at its new place, and everything that names it follows."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import BertConfig, BertForMaskedLM, LlamaConfig, LlamaForCausalLM

from tokbench.errors import UsageError
from tokbench.model.contract import answers, prove_growth
from tokbench.model.initializers import Origins
from tokbench.model.readers import reader_of
from tokbench.model.resize import HeldRows, apply, embedding_rows, moved_row
from tokbench.model.row_plan import plan_moved
from tokbench.model.vocabulary_tables import vocabulary_tables

SMALL = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}


def bert(rows=20):
    torch.manual_seed(1)
    return BertForMaskedLM(BertConfig(vocab_size=rows, max_position_embeddings=16, **SMALL)).eval()


def llama(rows=20):
    torch.manual_seed(1)
    config = LlamaConfig(vocab_size=rows, num_key_value_heads=2, tie_word_embeddings=False, **SMALL)
    return LlamaForCausalLM(config).eval()


@given(st.data())
def test_a_plan_keeps_or_starts_each_row(data):
    rows, tokens = data.draw(st.integers(1, 30)), data.draw(st.integers(1, 30))
    kept = data.draw(st.dictionaries(st.integers(0, tokens - 1), st.integers(0, rows - 1)))
    plan = plan_moved(rows, kept, rows, tokens, data.draw(st.sampled_from([None, 1, 8])))
    assert sorted([*plan.kept, *plan.started]) == list(range(plan.size))
    assert dict(plan.kept) == kept
    assert plan.dropped == rows - len(set(kept.values()))


@pytest.mark.parametrize("kept", [{0: 20}, {9: 0}, {-1: 0}])
def test_a_row_that_is_none_is_refused(kept):
    with pytest.raises(UsageError, match="cannot become row"):
        plan_moved(20, kept, 20, 5)


@pytest.mark.parametrize("build", [bert, llama])
def test_kept_tokens_give_what_they_gave(build):
    model = build()
    kept = dict(enumerate(range(19, -1, -2)))
    plan = plan_moved(20, kept, 20, 10, 8)
    text = [19, 3, 11, 5, 7]
    reader = reader_of(model, text, vocabulary_tables(model).inputs, hidden=True)
    before = answers(model, reader, [text], 20)
    done = apply(model, plan)
    proof = prove_growth(model, before, plan, keys=("vocab_size",), new=())
    assert (done.rows, embedding_rows(model), model.config.vocab_size) == (16, 16, 16)
    assert proof.holds
    assert proof.old_columns is not None


def test_the_padding_row_moves():
    model = bert()
    apply(model, plan_moved(20, {4: 0, 2: 3}, 20, 5))
    assert model.get_input_embeddings().padding_idx == 4


def test_a_padding_row_that_goes_leaves_none():
    model = bert()
    apply(model, plan_moved(20, {0: 3}, 20, 5))
    assert model.get_input_embeddings().padding_idx is None
    assert moved_row(plan_moved(20, {0: 3}, 20, 5), 0) is None


def test_a_new_row_is_the_weighted_mean_of_old_ones():
    model = llama()
    tables = [model.get_input_embeddings().weight, model.get_output_embeddings().weight]
    old = [each.detach().clone() for each in tables]
    apply(model, plan_moved(20, {0: 5}, 20, 2), pieces={1: (3, 4)}, weights={1: (0.75, 0.25)})
    for before, each in zip(old, (model.get_input_embeddings(), model.get_output_embeddings()), strict=True):
        assert torch.equal(each.weight[0], before[5])
        assert torch.allclose(each.weight[1], 0.75 * before[3] + 0.25 * before[4])


def test_many_pieces_give_what_one_product_gives(monkeypatch):
    old = torch.randn(50, 4)
    pieces = [[at % 50, (at * 7) % 50] if at % 3 else [] for at in range(40)]
    weights = [[0.25, 0.75] if at % 2 and at % 3 else None for at in range(40)]
    origins = Origins("pieces", pieces, weights, {})
    whole, cut = list(origins.started(HeldRows(old))), []
    monkeypatch.setattr("tokbench.model.initializers.AT_ONCE", 24)  # numbers, of rows of four
    cut = list(origins.started(HeldRows(old)))
    assert len(cut) > len(whole) == 1
    whole, cut = (torch.from_numpy(np.concatenate(each)) for each in (whole, cut))
    assert torch.equal(whole, cut)
    for at, piece in enumerate(pieces):
        shares = torch.tensor(weights[at] or [0.5, 0.5])
        expected = (old[piece] * shares[:, None]).sum(0) if piece else old.mean(0)
        assert torch.allclose(cut[at], expected, atol=1e-6)
