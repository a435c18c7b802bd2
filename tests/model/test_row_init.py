import pytest
import torch

from tokbench.adapt.grow import add_tokens
from tokbench.errors import UsageError
from tokbench.model.initializers import normal
from tokbench.model.loading import load_model
from tokbench.model.resize import HeldRows


@pytest.fixture
def started(build, save_model, tokenizer_folder, tmp_path):
    """A function: grow a model with these choices; the old and the new input and output rows and bias."""

    def grown(kind="BertForMaskedLM", out="grown", **choices):
        old = save_model(build(kind), name=f"old-{out}")
        growth = add_tokens(
            tokenizer_folder.path, output=tmp_path / out, tokens=["covid", "hospital"], model=old, **choices
        )
        return growth, *(weights(load_model(path).model) for path in (old, growth.path))

    return grown


def weights(model):
    head = model.get_output_embeddings()
    found = [model.get_input_embeddings().weight, head.weight, getattr(head, "bias", None)]
    return [each.detach() for each in found if each is not None]


def drawn(old, rows):
    return torch.from_numpy(normal(HeldRows(old))([()] * rows, [None] * rows))


def pieces(folder, text):
    return folder.tokenizer.encode(text, add_special_tokens=False).ids


@pytest.mark.parametrize("kind", ["BertForMaskedLM", "LlamaForCausalLM"])
def test_a_described_row_is_the_mean_of_its_description_in_every_matrix(started, tokenizer_folder, kind):
    growth, before, after = started(kind, start="zero", descriptions={"covid": "the quick virus"})
    row, other = growth.added.regular["covid"], growth.added.regular["hospital"]
    ids = pieces(tokenizer_folder, "the quick virus")
    for old, new in zip(before, after, strict=True):
        assert torch.allclose(new[row], old[ids].mean(0), atol=1e-6)
        assert new[other].abs().max() == 0


@pytest.mark.parametrize("kind", ["BertForMaskedLM", "LlamaForCausalLM"])
def test_a_copied_row_is_that_token_s_in_every_matrix(started, tokenizer_folder, kind):
    growth, before, after = started(kind, start="copy=fox", pad_to_multiple_of=64)
    fox = tokenizer_folder.tokenizer.token_to_id("fox")
    for old, new in zip(before, after, strict=True):
        for row in growth.added.regular.values():
            assert torch.equal(new[row], old[fox])
        assert torch.allclose(new[-1], old.mean(0), atol=1e-6)  # a spare row copies nobody
    assert growth.resized.initializer == "copy=fox"


def test_normal_rows_follow_the_seed_and_only_the_seed(started):
    one, again, other = (
        started(out=f"{at}", start="normal", seed=seed)[2][0] for at, seed in enumerate((1, 1, 2))
    )
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_normal_rows_have_the_mean_and_the_covariance_of_the_old():
    torch.manual_seed(0)
    mixed = torch.tensor([[2.0, 0.0, 0.0], [1.0, 0.5, 0.0], [0.0, 3.0, 0.1]])
    old = torch.randn(4000, 3) @ mixed + torch.tensor([1.0, -2.0, 5.0])
    new = drawn(old, 200_000)
    assert torch.allclose(new.mean(0), old.mean(0), atol=0.05)
    assert torch.allclose(torch.cov(new.T), torch.cov(old.T), atol=0.15)


def test_normal_rows_of_fewer_old_rows_than_columns_stay_among_them():
    old = torch.tensor([[1.0, 1.0, 0.0], [3.0, 1.0, 0.0]])  # they differ in one direction only
    new = drawn(old, 50)
    assert torch.allclose(new[:, 1:], torch.tensor([1.0, 0.0]).expand(50, 2), atol=1e-6)
    assert new[:, 0].std() > 0.5


WRONG = {
    "a copy of nothing": ({"start": "copy="}, "copy nothing"),
    "a copy of a stranger": ({"start": "copy=zebra"}, "copy zebra"),
    "a description of an old token": ({"descriptions": {"fox": "an animal"}}, "fox is described"),
    "a description that says nothing": ({"descriptions": {"covid": "한"}}, "says nothing"),
    "an unknown way": ({"start": "norm"}, "cannot start with norm"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_start_that_cannot_be_is_one_sentence(started, case, tmp_path):
    choices, sentence = WRONG[case]
    with pytest.raises(UsageError, match=sentence):
        started(**choices)
    assert not (tmp_path / "grown").exists()
