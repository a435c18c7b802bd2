import pytest
import torch

from tokbench.errors import NegativeResultError, UsageError
from tokbench.model.resize import apply, embedding_rows, head_kind, prove_rows, snapshot
from tokbench.model.row_plan import plan_added


def weights(model):
    """The input matrix, the output matrix and the head's bias, as they are now."""
    head = model.get_output_embeddings()
    found = [model.get_input_embeddings().weight, getattr(head, "weight", None), getattr(head, "bias", None)]
    return [each.detach().clone() if each is not None else None for each in found]


def test_old_rows_keep_every_bit_and_new_ones_start_from_their_pieces(family, build):
    kind, tie = family
    model = build(kind)
    before, rows = weights(model), embedding_rows(model)
    done = apply(model, plan_added(rows, rows, [rows, rows + 1], 8), pieces={rows: (7, 9)})
    assert (done.head, done.rows) == (tie, embedding_rows(model))
    assert model.config.vocab_size == done.rows == -(-(rows + 2) // 8) * 8
    for old, new in zip(before, weights(model), strict=True):
        if old is not None:
            assert torch.equal(new[:rows], old)
            assert torch.allclose(new[rows], old[[7, 9]].mean(0), atol=1e-6)
            assert torch.allclose(new[rows + 1], old.mean(0), atol=1e-6)  # no pieces: the mean of all
            assert torch.isfinite(new).all()


def test_ties_stay_ties_and_what_is_apart_stays_apart(family, build):
    kind, tie = family
    model = build(kind)
    rows = embedding_rows(model)
    apply(model, plan_added(rows, rows, [rows]))
    assert head_kind(model) == tie
    if tie == "tied":
        assert model.get_output_embeddings().weight is model.get_input_embeddings().weight


def test_a_bias_that_two_parts_share_is_still_shared(build):
    model = build("BertForMaskedLM")
    apply(model, plan_added(embedding_rows(model), embedding_rows(model), [embedding_rows(model)]))
    assert model.cls.predictions.decoder.bias is model.cls.predictions.bias
    assert model.cls.predictions.bias.shape == (embedding_rows(model),)


def test_spare_rows_are_written_without_a_resize(build):
    model = build(vocab_size=200)
    old = weights(model)
    done = apply(model, plan_added(200, 150, [150, 151]), start="zero")
    new = weights(model)
    assert (done.rows_before, done.rows, done.started) == (200, 200, 2)
    assert new[0][150:152].abs().max() == 0
    assert new[2][150:152].abs().max() == 0
    assert torch.equal(new[0][152:], old[0][152:])


def test_the_mean_leaves_rows_out_that_no_token_used(build):
    model = build(vocab_size=200)
    with torch.no_grad():
        model.get_input_embeddings().weight[150:] = 1e6
    old = weights(model)[0]
    apply(model, plan_added(200, 150, [150]), start="mean")
    assert torch.allclose(weights(model)[0][150], old[:150].mean(0), atol=1e-6)


def test_the_row_that_is_never_trained_stays_so(build):
    model = build("BertModel")
    done = apply(model, plan_added(embedding_rows(model), embedding_rows(model), [embedding_rows(model)]))
    assert done.padding_idx == model.get_input_embeddings().padding_idx == 0


def test_the_same_seed_gives_the_same_model_and_leaves_the_other_randomness_alone(build):
    results = []
    for _ in range(2):
        model = build("LlamaForCausalLM")
        torch.manual_seed(5)
        apply(
            model, plan_added(embedding_rows(model), embedding_rows(model), [embedding_rows(model)]), seed=1
        )
        results.append((model.state_dict(), torch.rand(1)))
    torch.manual_seed(5)
    assert results[0][1] == results[1][1] == torch.rand(1)
    assert all(torch.equal(value, results[1][0][key]) for key, value in results[0][0].items())


def test_half_precision_stays_half(build):
    model = build().to(torch.bfloat16)
    apply(
        model,
        plan_added(embedding_rows(model), embedding_rows(model), [embedding_rows(model)]),
        pieces={embedding_rows(model): (1, 2)},
    )
    assert {weight.dtype for weight in weights(model)} == {torch.bfloat16}


def test_a_plan_for_another_model_is_refused(build):
    with pytest.raises(UsageError, match="the plan is for 10 rows"):
        apply(build(), plan_added(10, 10, [10]))


def head(model):
    return model.get_output_embeddings()


def embedding(model):
    return model.get_input_embeddings()


def resized(model, size, **choices):
    """An embedding of another size with the old rows in it."""
    made = torch.nn.Embedding(size, 16, **choices)
    rows = min(size, embedding_rows(model))
    made.weight.data[:rows] = embedding(model).weight.data[:rows]
    return made


def one_row_short(model):
    model.resize_token_embeddings(embedding_rows(model) - 1)


def another_input(model):
    model.set_input_embeddings(resized(model, embedding_rows(model), padding_idx=0))


def another_head(model, *, bias=True):
    model.set_output_embeddings(torch.nn.Linear(16, embedding_rows(model), bias=bias))


def other_values(change):
    def fault(model):
        with torch.no_grad():
            change(embedding(model).weight.data)

    return fault


def swap(rows):
    rows[:5] = rows[:5].flip(0).clone()


# What resizers were seen to do wrong, or could.
BROKEN = {
    "one row short": one_row_short,
    "rounds up by itself": lambda model: model.resize_token_embeddings(embedding_rows(model) + 8),
    "unties the input": another_input,
    "unties the head": another_head,
    "loses the bias": lambda model: another_head(model, bias=False),
    "forgets the padding row": lambda model: setattr(embedding(model), "padding_idx", None),
    "writes over the padding row": other_values(lambda rows: rows[0].fill_(1.0)),
    "moves old rows": other_values(swap),
    "changes the number type": lambda model: model.half(),
    "leaves the config": lambda model: setattr(model.config, "vocab_size", model.config.vocab_size - 1),
    "changes the bias": lambda model: head(model).bias.data.add_(1),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_growth_that_went_wrong_is_found_out(build, fault):
    model = build("BertForMaskedLM")
    rows = embedding_rows(model)
    plan, before = plan_added(rows, rows, [rows, rows + 1]), snapshot(model, ("vocab_size",))
    apply(model, plan)
    prove_rows(model, plan, before)
    BROKEN[fault](model)
    with pytest.raises(NegativeResultError):
        prove_rows(model, plan, before)


def test_a_model_that_did_not_grow_is_found_out(build):
    model = build("BertForMaskedLM")
    rows = embedding_rows(model)
    with pytest.raises(NegativeResultError):
        prove_rows(model, plan_added(rows, rows, [rows]), snapshot(model, ("vocab_size",)))


def test_rows_that_start_from_other_pieces_are_not_one_row(build):
    model = build()
    rows = embedding_rows(model)
    apply(model, plan_added(rows, rows, [rows, rows + 1]), pieces={rows: (7, 9), rows + 1: (8,)})
    new = embedding(model).weight.detach()[rows:]
    assert not torch.allclose(new[0], new[1], atol=1e-3)
