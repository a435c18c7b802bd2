"""Character: one token a character, the rarest left out."""

from tokbench.recipes.build import build
from tokbench.recipes.presets import DEFAULTS
from tokbench.recipes.recipe import change

SMALL = change(DEFAULTS["character"], {"vocab_size": "600"})


def test_every_character_is_a_token_spaces_and_line_ends_too(texts):
    tokenizer = build(SMALL, [texts])
    assert tokenizer.encode("a b\n\tc", add_special_tokens=False).tokens == ["a", " ", "b", "\n", "\t", "c"]
    assert {len(token) for token in tokenizer.get_vocab() if token not in SMALL.tokens} == {1}


def test_the_most_frequent_are_kept():
    tokenizer = build(change(SMALL, {"vocab_size": "7"}), [["aaabbc"]])
    assert list(tokenizer.get_vocab()) != []
    assert tokenizer.encode("abc", add_special_tokens=False).tokens == ["a", "b", "[UNK]"]


def test_other_blocks_cut_before_and_characters_after(texts):
    tokenizer = build(change(SMALL, {"pre_tokenizers": '["WhitespaceSplit"]'}), [texts])
    assert tokenizer.encode("a bc", add_special_tokens=False).tokens == ["a", "b", "c"]
