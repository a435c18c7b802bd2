"""Without decoders of its own, a recipe gets those that bring its texts back."""

import pytest

from tokbench.recipes.build import assemble, build
from tokbench.recipes.recipe import Recipe, block, change

UNK = {"unk": "<unk>"}
TEXT = "the boats lay still, 345 nets under a grey sky!"
SPACED = "the boats lay still under a grey sky"


def recipe(algorithm, *pre_tokenizers, **more):
    return Recipe(
        algorithm=algorithm, vocab_size=700, special_tokens=UNK, pre_tokenizers=pre_tokenizers, **more
    )


@pytest.mark.parametrize(
    ("chosen", "text"),
    [
        (recipe("bpe", block("ByteLevel", add_prefix_space=False)), TEXT),
        (
            recipe(
                "bpe", block("Sequence", blocks=["Digits", {"type": "ByteLevel", "add_prefix_space": False}])
            ),
            TEXT,
        ),
        (recipe("bpe", normalizers=(block("ByteLevel"),)), TEXT),
        (recipe("bpe", block("Metaspace")), TEXT),
        (recipe("bpe", block("Metaspace", replacement="_", prepend_scheme="never")), TEXT),
        (recipe("bpe", block("Metaspace"), model={"byte_fallback": True}), TEXT + " ꙮ"),
        (recipe("bpe", block("Digits"), block("Punctuation")), TEXT),
        (recipe("bpe", block("FixedLength", length=4), model={"byte_fallback": True}), TEXT + " ꙮ"),
        (recipe("bpe", block("Split", pattern=" ", behavior="merged_with_next")), TEXT),
        (recipe("bpe", block("UnicodeScripts")), TEXT),
        (recipe("bpe", block("WhitespaceSplit"), trainer={"end_of_word_suffix": "</w>"}), TEXT),
        (recipe("bpe", block("WhitespaceSplit"), trainer={"continuing_subword_prefix": "@@"}), SPACED),
        (
            recipe(
                "bpe",
                block("WhitespaceSplit"),
                trainer={"continuing_subword_prefix": "@@", "end_of_word_suffix": "</w>"},
            ),
            TEXT,
        ),
        (recipe("wordpiece", block("BertPreTokenizer")), SPACED),
        (recipe("wordpiece", block("Whitespace"), trainer={"continuing_subword_prefix": "@@"}), SPACED),
        (recipe("unigram", block("Metaspace")), TEXT),
        (recipe("unigram", block("WhitespaceSplit"), block("Metaspace")), TEXT),
        (recipe("unigram", block("Metaspace"), model={"byte_fallback": True}), TEXT + " ꙮ"),
        (recipe("unigram", block("ByteLevel", add_prefix_space=False)), TEXT + " ꙮ"),
        (recipe("wordlevel", block("WhitespaceSplit")), TEXT.replace(",", "").replace("!", "")),
        (recipe("wordlevel", block("Split", pattern=" ", behavior="isolated")), SPACED),
        (recipe("character"), TEXT),
        (recipe("character", block("Punctuation")), TEXT),
    ],
)
def test_the_text_comes_back(chosen, text, texts):
    tokenizer = build(chosen, [[*texts, *([TEXT, *TEXT.split(), "345", "sky", "lay", "still"] * 9)]])
    assert tokenizer.decode(tokenizer.encode(text).ids) == text


def test_a_decoder_of_ones_own_wins():
    own = change(recipe("bpe", block("ByteLevel")), {"decoders": '["Fuse"]'})
    assert type(assemble(own).decoder).__name__ == "Fuse"


def test_words_without_their_spaces_are_joined_by_the_library():
    assert assemble(recipe("wordlevel", block("Whitespace"))).decoder is None
    assert assemble(recipe("bpe", block("Split", pattern=" ", behavior="removed"))).decoder is None
