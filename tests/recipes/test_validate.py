"""Special tokens come first, keep their options, and may share roles."""

from dataclasses import replace

import pytest

from tokbench.errors import RecipeError
from tokbench.recipes.build import build
from tokbench.recipes.presets import DEFAULTS
from tokbench.recipes.recipe import Recipe, block, change


@pytest.mark.parametrize("name", DEFAULTS)
def test_roles_come_first_then_the_extra_ones(name, texts, assert_sound):
    recipe = change(DEFAULTS[name], {"extra_special_tokens": '["[E1]", "[/E1]"]', "vocab_size": "600"})
    tokenizer = build(recipe, [texts])
    assert_sound(recipe, tokenizer)
    assert tokenizer.token_to_id("[/E1]") == len(recipe.tokens) - 1


@pytest.mark.parametrize("name", DEFAULTS)
def test_options_of_a_token_are_kept(name, texts):
    settings = {
        "special_tokens.mask": "[M]",
        "token_options": '{"[M]" = {lstrip = true, single_word = true}}',
    }
    tokenizer = build(change(DEFAULTS[name], {**settings, "vocab_size": "600"}), [texts])
    [mask] = [each for each in tokenizer.get_added_tokens_decoder().values() if each.content == "[M]"]
    assert (mask.lstrip, mask.rstrip, mask.single_word, mask.normalized, mask.special) == (
        True,
        False,
        True,
        False,
        True,
    )


def test_one_token_may_have_several_roles(texts):
    recipe = change(DEFAULTS["wordpiece"], {"special_tokens.bos": "[CLS]", "vocab_size": "400"})
    assert recipe.tokens == ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
    assert build(recipe, [texts]).token_to_id("[SEP]") == 3


def test_two_special_tokens_that_the_normalizer_makes_one_are_refused():
    """After a reload the library gave the id of the other one."""
    options = {"CAFÉ": {"normalized": True}, "café": {"normalized": True}}
    recipe = Recipe(
        algorithm="wordpiece",
        vocab_size=60,
        special_tokens={"unk": "[UNK]"},
        extra_special_tokens=("CAFÉ", "café"),
        token_options=options,
        normalizers=(block("Lowercase"),),
    )
    with pytest.raises(RecipeError, match="CAFÉ and café are one token here") as caught:
        build(recipe, [["a café"]])
    assert "token_options.café.normalized" in caught.value.fix
    build(replace(recipe, token_options={"CAFÉ": {"normalized": True}}), [["a cafe", "the cafe"]])
    build(replace(recipe, normalizers=()), [["a cafe", "the cafe"]])


def test_a_special_token_of_which_the_normalizers_leave_nothing_is_refused():
    """The library panics on texts, or takes all memory, when nothing is what it looks for."""
    recipe = Recipe(
        algorithm="wordpiece",
        vocab_size=60,
        special_tokens={"unk": "[UNK]"},
        extra_special_tokens=("\u200b",),
        token_options={"\u200b": {"normalized": True}},
        normalizers=(block("BertNormalizer"),),
    )
    with pytest.raises(RecipeError, match="leave nothing of the special token"):
        build(recipe, [["a cafe"]])
