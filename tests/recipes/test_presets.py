"""Every preset and default trains, is sound, and behaves as the tokenizer it is named after."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokbench.errors import RecipeError
from tokbench.pretrained.wrap import input_names
from tokbench.recipes.algorithms import ALGORITHMS
from tokbench.recipes.presets import ABOUT, DEFAULTS, PRESETS, preset

NAMES = [*(f"default {name}" for name in DEFAULTS), *PRESETS]
BYTE_LEVEL = ["default bpe", "gpt2", "roberta", "llama3", "cl100k", "o200k", "deepseek", "mistral-tekken"]
any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_makes_a_sound_tokenizer(name, built, assert_sound):
    recipe, tokenizer = built(name)
    assert_sound(recipe, tokenizer)


@pytest.mark.parametrize("name", NAMES)
def test_unknown_text_is_unk_inside_the_vocabulary_or_bytes(name, built):
    recipe, tokenizer = built(name)
    ids = tokenizer.encode("\U000e0fff", add_special_tokens=False).ids
    if recipe.is_byte_level or recipe.model.get("byte_fallback"):
        assert tokenizer.decode(tokenizer.encode("\U000e0fff").ids) == "\U000e0fff"
    else:
        assert tokenizer.token_to_id(recipe.special_tokens["unk"]) in ids


@pytest.mark.parametrize("name", NAMES)
def test_pairs_have_type_ids_where_the_template_has_them(name, built):
    recipe, tokenizer = built(name)
    encoding = tokenizer.encode("the sea", "a mill")
    if encoding.special_tokens_mask.count(1):  # without a template the library numbers the texts itself
        has_type_ids = "token_type_ids" in input_names(tokenizer)
        assert set(encoding.type_ids) == ({0, 1} if has_type_ids else {0})
    assert list(recipe.wrapper["model_input_names"]) == input_names(tokenizer)


@pytest.mark.parametrize("name", NAMES)
def test_what_a_recipe_decodes_reads_as_it_was(name, built):
    _, tokenizer = built(name, 1200)
    text = "the boats lay still under a grey sky"
    ids = tokenizer.encode(text).ids
    assert tokenizer.decode(ids) == text
    wider = tokenizer.decode(ids, skip_special_tokens=False)
    assert text in wider


@pytest.mark.parametrize("name", BYTE_LEVEL)
@given(text=any_text)
@settings(max_examples=60, deadline=None)
def test_bytes_bring_every_text_back(name, built, text):
    recipe, tokenizer = built(name)
    if not any(token in text for token in recipe.tokens):
        assert tokenizer.decode(tokenizer.encode(text).ids) == text


@pytest.mark.parametrize("name", NAMES)
@given(text=any_text, pair=any_text)
@settings(max_examples=20, deadline=None)
def test_any_text_can_be_encoded(name, built, text, pair):
    _, tokenizer = built(name)
    tokenizer.decode(tokenizer.encode(text, pair).ids)


@given(text=any_text)
@settings(max_examples=60, deadline=None)
def test_characters_bring_every_known_text_back_but_for_nfc(built, text):
    _, tokenizer = built("default character")
    encoding = tokenizer.encode(text)
    if "[UNK]" not in encoding.tokens and "[" not in text:
        assert tokenizer.decode(encoding.ids) == tokenizer.normalizer.normalize_str(text)


def test_bert_wraps_one_text_and_two(built):
    _, tokenizer = built("bert")
    assert tokenizer.encode("A Loaf!", "BREAD").tokens[0] == "[CLS]"
    one, two = tokenizer.encode("the sea"), tokenizer.encode("the sea", "the mill")
    assert one.tokens == ["[CLS]", "the", "sea", "[SEP]"]
    assert two.tokens == ["[CLS]", "the", "sea", "[SEP]", "the", "mill", "[SEP]"]
    assert two.type_ids == [0, 0, 0, 0, 1, 1, 1]
    assert [tokenizer.token_to_id(token) for token in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")] == [
        *range(5)
    ]


def test_roberta_wraps_pairs_with_two_ends_and_pads_with_1(built):
    _, tokenizer = built("roberta")
    assert tokenizer.decode(tokenizer.encode("a", "b").ids, skip_special_tokens=False) == "<s>a</s></s>b</s>"
    assert [tokenizer.token_to_id(token) for token in ("<s>", "<pad>", "</s>", "<unk>")] == [0, 1, 2, 3]
    assert tokenizer.encode("a <mask>").tokens == ["<s>", "a", " <mask>", "</s>"]


def test_t5_ends_each_text_and_has_its_hundred_extra_tokens(built):
    _, tokenizer = built("t5")
    assert tokenizer.encode("the", "sea").tokens.count("</s>") == 2
    assert tokenizer.token_to_id("<extra_id_99>") == 102


def test_llama3_begins_each_text_and_cuts_numbers_into_threes(built):
    _, tokenizer = built("llama3")
    assert tokenizer.encode("a", "b").tokens == ["<|begin_of_text|>", "a", "<|begin_of_text|>", "b"]
    cut = tokenizer.pre_tokenizer.pre_tokenize_str("in 12345 days")
    assert [word for word, _ in cut] == ["in", "Ġ", "123", "45", "Ġdays"]


def test_gpt2_has_one_special_token_and_no_unk(built):
    recipe, tokenizer = built("gpt2")
    assert recipe.tokens == ("<|endoftext|>",)
    assert tokenizer.model.unk_token is None


@pytest.mark.parametrize("name", ["korean", "default wordpiece", "bert-cased", "default wordlevel"])
def test_hangul_syllables_stay_whole(name, built):
    _, tokenizer = built(name)
    assert tokenizer.normalizer.normalize_str("한국어 ㅋㅋ") == "한국어 ㅋㅋ"


def test_hangul_taken_apart_by_the_system_is_put_together(built):
    _, tokenizer = built("korean")
    apart = "\u1112\u1161\u11ab"
    assert tokenizer.normalizer.normalize_str(apart) == "한"


def test_every_preset_has_its_sentence_and_every_algorithm_its_default():
    assert list(ABOUT) == list(PRESETS)
    assert all(words.endswith(".") for words in ABOUT.values())
    assert {name: recipe.algorithm for name, recipe in DEFAULTS.items()} == {
        name: name for name in ALGORITHMS
    }


def test_an_unknown_preset_gets_a_hint():
    assert preset("korean") is PRESETS["korean"]
    with pytest.raises(RecipeError, match="no preset lama3") as caught:
        preset("lama3")
    assert caught.value.fix == "did you mean llama3?"
