"""Tokens that are given and not learned, special ones and added ones; cuts of training alone."""

from dataclasses import replace

import pytest
from tokenizers import Regex, Tokenizer
from tokenizers import pre_tokenizers as library

from tokbench.errors import RecipeError
from tokbench.recipes.build import build
from tokbench.recipes.presets import DEFAULTS
from tokbench.recipes.recipe import Recipe, block, change, from_toml, to_toml

WORDS = ["the cat sat on the mat 1984\n", "the cats <think> the end", "another cat 2020"] * 9
SENTENCES = Recipe(
    vocab_size=330,
    special_tokens={"unk": "<unk>"},
    normalizers=(block("Prepend"), block("Replace", pattern=" ", content="▁")),
    model={"byte_fallback": True, "fuse_unk": True},
    training_pre_tokenizers=(block("Split", regex="▁+[^▁]*|[^▁]+", behavior="isolated"),),
)


@pytest.mark.parametrize("name", DEFAULTS)
def test_added_tokens_have_the_ids_behind_the_special_ones_and_are_plain(name, texts, assert_sound):
    chosen = change(DEFAULTS[name], {"vocab_size": "600", "added_tokens": '["<think>", "the", "\\n\\n"]'})
    tokenizer = build(chosen, [texts])
    assert_sound(chosen, tokenizer)
    first = len(chosen.tokens)
    assert [tokenizer.token_to_id(each) for each in chosen.added_tokens] == [first, first + 1, first + 2]
    flags = {each.content: each for each in tokenizer.get_added_tokens_decoder().values()}
    assert not any(flags[each].special or flags[each].normalized for each in chosen.added_tokens)
    assert all(flags[each].special for each in chosen.tokens)
    assert tokenizer.encode("x<think>", add_special_tokens=False).tokens[-1] == "<think>"


@pytest.mark.parametrize("name", ["bpe", "wordpiece"])
def test_every_engine_learns_the_same_beside_added_tokens(name):
    chosen = change(DEFAULTS[name], {"vocab_size": "340", "added_tokens": '["the", "ca", "a"]'})
    files = {build(chosen, [WORDS], engine=engine).to_str() for engine in ("compiled", "library")}
    assert len(files) == 1


def test_an_added_token_may_be_white_space_and_must_not_be_empty_or_special_too():
    bpe = DEFAULTS["bpe"]
    assert from_toml(to_toml(replace(bpe, added_tokens=("\n\n", "\t")))).added_tokens == ("\n\n", "\t")
    with pytest.raises(RecipeError, match="added token 2 is empty"):
        build(replace(bpe, added_tokens=("",)), [WORDS])
    with pytest.raises(RecipeError, match=r"the added token <\|pad\|> is given twice"):
        build(replace(bpe, added_tokens=("<|pad|>",)), [WORDS])
    with pytest.raises(RecipeError, match="of which 2 for special tokens and 1 for added ones"):
        build(replace(bpe, added_tokens=("<x>",), vocab_size=200), [WORDS])


@pytest.mark.parametrize("algorithm", ["bpe", "unigram"])
def test_no_piece_is_learned_across_a_cut_of_training_and_encoding_knows_no_cut(algorithm):
    chosen = replace(SENTENCES, algorithm=algorithm, model={"byte_fallback": True}, vocab_size=345)
    cut = build(chosen, [WORDS])
    whole = build(replace(chosen, training_pre_tokenizers=()), [WORDS])
    across = {name: [piece for piece in each.get_vocab() if "▁" in piece[1:]]
              for name, each in (("cut", cut), ("whole", whole))}  # fmt: skip
    assert across["cut"] == []
    assert across["whole"] != []
    assert cut.pre_tokenizer is None
    apart = Tokenizer.from_str(cut.to_str())
    apart.pre_tokenizer = library.Split(Regex("▁+[^▁]*|[^▁]+"), "isolated")
    for text in (*WORDS, "  two  spaces", "unseen words, 1984"):
        assert apart.encode(text).ids == cut.encode(text).ids


def test_digits_may_be_cut_in_training():
    cuts = (*SENTENCES.training_pre_tokenizers, block("Digits", individual_digits=True))
    one = build(replace(SENTENCES, training_pre_tokenizers=cuts), [WORDS])
    two = build(SENTENCES, [WORDS])
    assert "84" not in one.get_vocab()
    assert any(len(piece) > 1 and piece.strip("▁").isdigit() for piece in two.get_vocab())


@pytest.mark.parametrize("name", ["wordpiece", "wordlevel", "character"])
def test_algorithms_that_know_whole_words_take_no_cuts_of_training(name):
    with pytest.raises(RecipeError, match=f"{name} takes no training_pre_tokenizers") as caught:
        build(replace(DEFAULTS[name], training_pre_tokenizers=(block("Digits"),)), [WORDS])
    assert caught.value.fix == "put the blocks into pre_tokenizers"


def test_any_byte_may_end_a_word_of_byte_level_bpe_with_a_suffix():
    chosen = change(DEFAULTS["bpe"], {"trainer.end_of_word_suffix": "</w>", "vocab_size": "560"})
    files = {build(chosen, [WORDS], engine=engine).to_str() for engine in ("compiled", "library")}
    assert len(files) == 1
    tokenizer = Tokenizer.from_str(files.pop())
    assert "Ġcat</w>" in tokenizer.get_vocab()
    assert "한국어" in tokenizer.decode(tokenizer.encode("the 한국어").ids)
    with pytest.raises(RecipeError, match="this recipe needs 514"):
        build(replace(chosen, vocab_size=500), [WORDS])


def test_a_chat_template_is_a_text_or_a_list_of_named_ones():
    bpe = DEFAULTS["bpe"]
    for template in ("{{ messages }}", [{"name": "default", "template": "{{ messages }}"}]):
        build(replace(bpe, vocab_size=300, wrapper={"chat_template": template}), [WORDS])
    for wrong in ("", [], [{"name": "default"}], 3):
        with pytest.raises(RecipeError, match="chat_template must be a chat template"):
            build(replace(bpe, wrapper={"chat_template": wrong}), [WORDS])
