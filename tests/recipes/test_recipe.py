"""A recipe survives TOML, takes other choices, and names what it does not know."""

import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tokbench.errors import FileError, RecipeError
from tokbench.recipes.presets import DEFAULTS, PRESETS
from tokbench.recipes.recipe import (
    ROLES,
    Block,
    Recipe,
    block,
    change,
    flat,
    from_data,
    from_toml,
    read_recipe,
    to_data,
    to_toml,
)

ALL = {**DEFAULTS, **PRESETS}
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
numbers = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False)
values = st.recursive(
    st.booleans() | numbers | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
tables = st.dictionaries(words, values, max_size=4)
one_block = st.builds(
    Block, type=words, options=st.dictionaries(words.filter(lambda key: key != "type"), values, max_size=4)
)
several = st.lists(one_block, max_size=3).map(tuple)
recipes = st.builds(
    Recipe,
    algorithm=words,
    vocab_size=st.integers(-(2**63), 2**63 - 1),
    special_tokens=st.dictionaries(st.sampled_from(ROLES), words),
    extra_special_tokens=st.lists(words, max_size=4).map(tuple),
    token_options=st.dictionaries(words, st.dictionaries(words, st.booleans(), max_size=2), max_size=2),
    normalizers=several,
    pre_tokenizers=several,
    model=tables,
    trainer=tables,
    post_processor=st.none() | one_block,
    decoders=several,
    wrapper=tables,
)


@given(recipes)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_recipe_comes_back_from_toml(recipe):
    again = from_toml(to_toml(recipe))
    assert again == recipe
    assert list(again.special_tokens.items()) == list(recipe.special_tokens.items())
    assert again.tokens == recipe.tokens
    assert to_toml(again) == to_toml(recipe)


@pytest.mark.parametrize("name", ALL)
def test_our_recipes_come_back_from_toml(name):
    assert from_toml(to_toml(ALL[name])) == ALL[name]


def test_a_block_may_be_its_name_or_a_table():
    text = """
    normalizers = ["NFC"]
    post_processor = "ByteLevel"
    [[pre_tokenizers]]
    type = "Digits"
    individual_digits = true
    [[pre_tokenizers]]
    type = "Whitespace"
    """
    recipe = from_toml(text)
    assert recipe.normalizers == (block("NFC"),)
    assert recipe.post_processor == block("ByteLevel")
    assert recipe.pre_tokenizers == (block("Digits", individual_digits=True), block("Whitespace"))


@pytest.mark.parametrize(
    ("text", "words", "hint"),
    [
        ("vocabsize = 3", "has no vocabsize", "vocab_size"),
        ("vocab_size = '3'", "vocab_size must be a whole number", "8000"),
        ("vocab_size = true", "vocab_size must be a whole number", "8000"),
        ("algorithm = 1", "algorithm must be text", '"1"'),
        ("normalizers = 'NFC'", "normalizers must be a list of blocks", "NFC"),
        ("normalizers = [{}]", "normalizers.0 needs a type", "tokbench blocks"),
        ("normalizers = [1]", "normalizers.0 must be a table", "presets"),
        ("trainer = 2", "trainer must be a table", "presets"),
        ("special_tokens = ['a']", "special_tokens must be a table", "presets"),
        ("special_tokens = {pda = 'a'}", "no role pda", "pad"),
        ("special_tokens = {pad = 1}", "special_tokens.pad must be text", '"1"'),
        ("extra_special_tokens = 'a'", "extra_special_tokens must be a list of texts", "[E1]"),
        ("token_options = {a = 1}", "token_options.a must be a table", "presets"),
        ("vocab_size = ", "is not TOML", "tokbench presets bert"),
        ("a = " + "[" * 10_000, "is not TOML", "tokbench presets bert"),
    ],
)
def test_what_no_recipe_has_is_said_with_its_place(text, words, hint):
    with pytest.raises(RecipeError) as caught:
        from_toml(text, name="my.toml")
    assert caught.value.message.startswith("my.toml")
    assert words in caught.value.message
    assert hint in caught.value.fix


def test_a_recipe_file_is_read(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text(to_toml(PRESETS["bert"]), encoding="utf-8-sig")
    assert read_recipe(path) == PRESETS["bert"]


def test_a_recipe_file_that_cannot_be_read_is_named(tmp_path):
    path = tmp_path / "recipe.toml"
    for problem in (path, tmp_path):
        with pytest.raises(FileError, match="cannot read the recipe") as caught:
            read_recipe(problem)
        assert str(problem) in caught.value.message
    path.write_bytes("vocab_size = 1".encode("utf-16"))
    with pytest.raises(FileError, match="not UTF-8"):
        read_recipe(path)


@pytest.mark.parametrize(
    ("key", "value", "found"),
    [
        ("vocab_size", "8000", lambda recipe: recipe.vocab_size == 8000),
        ("algorithm", "bpe", lambda recipe: recipe.algorithm == "bpe"),
        ("trainer.min_frequency", "5", lambda recipe: recipe.trainer["min_frequency"] == 5),
        (
            "trainer.continuing_subword_prefix",
            "##",
            lambda recipe: recipe.trainer["continuing_subword_prefix"] == "##",
        ),
        (
            "trainer.initial_alphabet",
            '["a", "b"]',
            lambda recipe: recipe.trainer["initial_alphabet"] == ["a", "b"],
        ),
        ("special_tokens.pad", "0", lambda recipe: recipe.tokens[0] == "0"),
        ("special_tokens.bos", "[CLS]", lambda recipe: recipe.special_tokens["bos"] == "[CLS]"),
        ("special_tokens.mask", "", lambda recipe: "mask" not in recipe.special_tokens),
        (
            "normalizers",
            '["NFC", "Lowercase"]',
            lambda recipe: recipe.normalizers == (block("NFC"), block("Lowercase")),
        ),
        ("normalizers", "[]", lambda recipe: recipe.normalizers == ()),
        ("normalizers.0", "NFC", lambda recipe: recipe.normalizers == (block("NFC"),)),
        ("normalizers.0", "", lambda recipe: recipe.normalizers == ()),
        (
            "normalizers.0.lowercase",
            "false",
            lambda recipe: recipe.normalizers[0].options["lowercase"] is False,
        ),
        ("post_processor", "", lambda recipe: recipe.post_processor is None),
        ("post_processor.single", "$A", lambda recipe: recipe.post_processor.options["single"] == "$A"),
        ("wrapper.padding_side", "left", lambda recipe: recipe.wrapper["padding_side"] == "left"),
        ("model.x", "1\ny = 2", lambda recipe: recipe.model["x"] == "1\ny = 2"),
        ("model.x", '""', lambda recipe: recipe.model["x"] == ""),
    ],
)
def test_a_choice_is_changed_by_its_dotted_key(key, value, found):
    before = to_toml(PRESETS["bert"])
    assert found(change(PRESETS["bert"], {key: value}))
    assert to_toml(PRESETS["bert"]) == before


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("vocab", "has no vocab"),
        ("vocab_size.x", "vocab_size has nothing inside it"),
        ("normalizers.3.lowercase", "no 3"),
        ("normalizers.first.lowercase", "no first"),
        ("special_tokens.pda", "no role pda"),
        ("", "a recipe has no"),
    ],
)
def test_a_key_that_leads_nowhere_is_said(key, words):
    with pytest.raises(RecipeError) as caught:
        change(PRESETS["bert"], {key: "1"})
    assert words in caught.value.message
    assert caught.value.fix


def test_a_token_with_two_roles_has_one_place():
    recipe = Recipe(special_tokens={"bos": "<s>", "eos": "</s>", "cls": "<s>"}, extra_special_tokens=("<x>",))
    assert recipe.tokens == ("<s>", "</s>", "<x>")


def test_a_sequence_is_flat_inside_too():
    inner = [{"type": "Sequence", "blocks": ["ByteLevel"]}, "Digits"]
    recipe = Recipe(pre_tokenizers=(block("Whitespace"), block("Sequence", blocks=inner)))
    assert [each.type for each in flat(recipe.pre_tokenizers)] == ["Whitespace", "ByteLevel", "Digits"]
    assert recipe.is_byte_level


def test_what_is_empty_is_not_written():
    assert to_data(Recipe()) == {"algorithm": "bpe", "vocab_size": 30_000}
    assert from_data({}) == Recipe()


@pytest.mark.parametrize("module", ["recipe", "presets", "options"])
def test_choices_are_known_without_the_tokenizers_library(module):
    code = f"import sys, tokbench.recipes.{module}; sys.exit('tokenizers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
