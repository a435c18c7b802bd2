"""Special tokens come first, keep their options, and may share roles."""

import pytest

from tokbench.recipes.build import build
from tokbench.recipes.presets import DEFAULTS
from tokbench.recipes.recipe import change


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
