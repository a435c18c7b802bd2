"""The card of what was adapted says what was measured, and keeps the base's own card."""

import pytest

import tokbench as tb

TEXTS = ["the mat on the mats", "a cat sat on the mat"] * 9


@pytest.fixture
def base(tmp_path, save_model, build):
    """A model with a tokenizer and a card of its own."""
    tok = tb.train(["a cat", "a hat"] * 9, "bpe", vocab_size=262).tokenizer
    model = save_model(build(vocab_size=262))
    tok.save(str(model / "tokenizer.json"))
    (model / "README.md").write_text("# The base\n")
    return model


def test_the_figures_of_the_result_are_those_of_the_card(base, tmp_path):
    result = tb.extend(base, TEXTS, tokens=4, sample=["a cat", "a hat"], output=tmp_path / "wider")
    card = (tmp_path / "wider" / "README.md").read_text()
    assert f"| {result.domain.before:.3f} | {result.domain.after:.3f} |" in card
    assert f"extended by {result.got} tokens" in card
    assert f"largest difference was {result.growth.proof.largest_difference:g}" in card
    assert "| rows of the embedding | 262 | 266 |" in card


def test_no_general_gain_is_claimed_and_the_command_that_measures_is_named(base, tmp_path):
    tb.extend(base, TEXTS, tokens=4, output=tmp_path / "wider")
    card = (tmp_path / "wider" / "README.md").read_text()
    assert "no general gain in the quality of downstream tasks is established" in card
    assert f"tokbench prove {base.name} wider" in card
    assert str(tmp_path) not in card


def test_the_card_of_the_base_goes_along(base, tmp_path):
    result = tb.extend(base, TEXTS, tokens=4, output=tmp_path / "wider")
    assert (tmp_path / "wider" / "README.base.md").read_text() == "# The base\n"
    assert "README.base.md" in result.growth.copied
    assert "README.md" not in result.growth.copied
