"""Blocks in an order in which one writes over what the next looks for: refused, with the order that works."""

import shlex

import pytest
from tokenizers import pre_tokenizers as library

from tokbench.errors import RecipeError
from tokbench.recipes.build import assemble, build
from tokbench.recipes.order import block_of, wrong_orders
from tokbench.recipes.pre_tokenizers import PRE_TOKENIZERS, pre_tokenizer
from tokbench.recipes.presets import DEFAULTS, PRESETS
from tokbench.recipes.recipe import Recipe, block, change
from tokbench.recipes.registry import BYTE_LETTERS, LETTERS, contents

SYLLABLES = "라 마 카 를 "
BYTES = block("ByteLevel", add_prefix_space=False)


def refused(recipe):
    with pytest.raises(RecipeError) as caught:
        assemble(recipe)
    return caught.value


def settings(fix):
    words = shlex.split(fix)
    assert words[::2] == ["--set"] * len(words[::2])
    return dict(word.split("=", 1) for word in words[1::2])


def test_signs_looked_for_among_byte_letters_are_refused_with_both_names_and_the_right_order():
    error = refused(Recipe(vocab_size=400, pre_tokenizers=(BYTES, block("Digits"), block("Punctuation"))))
    assert error.message == (
        "Digits in pre_tokenizers stands behind ByteLevel in pre_tokenizers, which has written the text as "
        "letters that stand for bytes: it looks for characters as they are typed"
    )
    assert error.fix == (
        '--set \'pre_tokenizers=["Digits", "Punctuation", {type = "ByteLevel", add_prefix_space = false}]\''
    )


WRONG = {
    "digits": Recipe(pre_tokenizers=(BYTES, block("Digits"))),
    "a sequence": Recipe(
        pre_tokenizers=(block("Sequence", blocks=[{"type": "ByteLevel"}, "Punctuation"]), block("Digits"))
    ),
    "a regex": Recipe(pre_tokenizers=(BYTES, block("Split", regex=r"\p{N}{1,3}", behavior="isolated"))),
    "a normalizer": Recipe(normalizers=(block("NFC"), block("ByteLevel")), pre_tokenizers=(block("Digits"),)),
    "marks": Recipe(pre_tokenizers=(block("Metaspace"), block("Whitespace"))),
    "marks of a normalizer": Recipe(
        normalizers=(block("Replace", pattern=" ", content="▁"),), pre_tokenizers=(BYTES,)
    ),
    "accents": Recipe(
        normalizers=(block("StripAccents"), block("NFD")), pre_tokenizers=(block("Whitespace"),)
    ),
    "decoders": Recipe(decoders=(block("Fuse"), block("ByteFallback"))),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_order_is_refused_and_what_is_said_of_it_helps(name):
    recipe = change(WRONG[name], {"vocab_size": "400"})
    error = refused(recipe)
    better = change(recipe, settings(error.fix))
    assert better != recipe
    assemble(better)


def test_in_the_right_order_korean_syllables_become_one_token():
    right = change(
        Recipe(vocab_size=300, pre_tokenizers=(BYTES, block("Digits"), block("Punctuation"))),
        {"pre_tokenizers": '["Digits", "Punctuation", {type = "ByteLevel", add_prefix_space = false}]'},
    )
    tokenizer = build(right, [[SYLLABLES * 9] * 9])
    assert len(tokenizer.encode(SYLLABLES.strip()).ids) == len(SYLLABLES.split())


@pytest.mark.parametrize("name", [*PRESETS, *DEFAULTS])
def test_every_preset_stands_in_order(name):
    recipe = {**PRESETS, **DEFAULTS}[name]
    assert list(wrong_orders(recipe.normalizers, recipe.pre_tokenizers, recipe.decoders)) == []


@pytest.mark.parametrize(
    "chain",
    [
        (block("Split", pattern="Ġ", behavior="merged_with_next"),),  # a byte letter, named on purpose
        (block("FixedLength", length=4),),
    ],
)
def test_what_reads_byte_letters_may_stand_behind_them(chain):
    assert list(wrong_orders((), (BYTES, *chain))) == []


def test_a_block_that_only_finds_nothing_to_do_is_told_and_not_refused():
    recipe = Recipe(
        vocab_size=400,
        special_tokens={"unk": "[UNK]"},
        normalizers=(block("Replace", pattern=" ", content="▁"),),
        pre_tokenizers=(block("Split", pattern=" ", behavior="merged_with_previous"),),
    )
    (wrong,) = wrong_orders(recipe.normalizers, recipe.pre_tokenizers)
    assert not wrong.harms
    assemble(recipe)


OPTIONS = {"CharDelimiterSplit": {"delimiter": "é"}, "Split": {"regex": r"\p{N}", "behavior": "isolated"}}
TYPED = "라1 마, é́ café 2024 3'4 ㅋ🙂 аб a\u2009b"


@pytest.mark.parametrize("name", [name for name in PRE_TOKENIZERS if name not in ("Sequence", "FixedLength")])
def test_a_cutter_says_that_it_reads_letters_where_byte_letters_make_it_cut_elsewhere(name):
    each = block(name, **OPTIONS.get(name, {}))
    bytewise = library.ByteLevel(add_prefix_space=False, use_regex=False)
    behind = library.Sequence([bytewise, pre_tokenizer([each])]).pre_tokenize_str(TYPED)
    before = library.Sequence([pre_tokenizer([each]), bytewise]).pre_tokenize_str(TYPED)
    reads = contents(PRE_TOKENIZERS[name].reads, each.options)
    if [word for word, _ in behind] != [word for word, _ in before]:
        assert reads
    if name != "Metaspace":  # behind ByteLevel it finds no space
        assert (LETTERS in reads or "spaces" in reads) == (behind != before)


def test_a_block_of_tokenizer_json_is_read_as_one_of_a_recipe():
    raw = {"type": "Split", "pattern": {"Regex": r"\s"}, "behavior": "Removed", "invert": False}
    assert block_of(raw).options["regex"] == r"\s"
    assert contents(PRE_TOKENIZERS["ByteLevel"].writes, {}) == (BYTE_LETTERS,)
