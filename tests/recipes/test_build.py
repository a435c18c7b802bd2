"""A recipe is checked before a text is read; two builds are the same; sizes are what was asked."""

import os
import subprocess
import sys

import pytest

from tokbench.errors import DataError, RecipeError
from tokbench.recipes.algorithms import ALGORITHMS
from tokbench.recipes.build import assemble, build
from tokbench.recipes.presets import DEFAULTS, PRESETS
from tokbench.recipes.recipe import Recipe, block, change, to_toml

WORDPIECE = to_toml(DEFAULTS["wordpiece"])
AGAIN = """
import sys
from tokbench.recipes.build import build
from tokbench.recipes.recipe import from_toml
texts = sys.stdin.read().split("\\x00")
sys.stdout.write(build(from_toml(sys.argv[1]), [texts[:20], texts[20:]]).to_str())
"""


def unread():
    raise AssertionError("a text was read before the recipe was checked")
    yield


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("bpe", {"algorithm": "wordpeice"}, "no algorithm wordpeice"),
        ("bpe", {"trainer.min_freq": "2"}, "bpe trainer has no option min_freq"),
        ("bpe", {"trainer.min_frequency": "-2"}, "min_frequency must be a whole number from 0"),
        ("bpe", {"trainer.max_token_length": "0"}, "max_token_length must be"),
        ("bpe", {"trainer.initial_alphabet": '["ab"]'}, "a list of single characters"),
        ("bpe", {"model.dropout": "1.5"}, "dropout must be a number from 0 to 1"),
        ("bpe", {"model.unk_token": "x"}, "bpe model has no option unk_token"),
        ("bpe", {"trainer.limit_alphabet": "300"}, "byte-level BPE takes no limit_alphabet"),
        ("bpe", {"trainer.initial_alphabet": '["a"]'}, "byte-level BPE takes no initial_alphabet"),
        (
            "bpe",
            {"trainer.continuing_subword_prefix": "##"},
            "byte-level BPE takes no continuing_subword_prefix",
        ),
        ("bpe", {"model.byte_fallback": "true"}, "byte_fallback fits neither"),
        ("bpe", {"normalizers": '["ByteLevel"]'}, "ByteLevel stands in this recipe twice"),
        (
            "bpe",
            {"normalizers": '["ByteLevel", "Lowercase"]', "pre_tokenizers": ""},
            "a normalizer after ByteLevel",
        ),
        ("bpe", {"vocab_size": "0"}, "vocab_size 0 is not possible: this recipe needs 258"),
        ("bpe", {"vocab_size": "257"}, "needs 258"),
        ("bpe", {"vocab_size": "1000000000"}, "10000000 is the most"),
        ("bpe", {"decoders": '["ByteLevle"]'}, "no decoder ByteLevle"),
        ("bpe", {"normalizers": '["NFX"]'}, "no normalizer NFX"),
        ("bpe", {"pre_tokenizers": '["Whitespaces"]'}, "no pre_tokenizer Whitespaces"),
        ("bpe", {"pre_tokenizers": '[{type = "Split", regex = "(a", behavior = "removed"}]'}, "Oniguruma"),
        ("bpe", {"wrapper.padding_side": "top"}, "padding_side must be one of left, right"),
        ("bpe", {"wrapper.model_max_length": "0"}, "model_max_length must be"),
        ("bpe", {"wrapper.model_input_names": '["ids"]'}, "a list of some of input_ids"),
        ("bpe", {"wrapper.max_length": "3"}, "wrapper has no option max_length"),
        ("wordpiece", {"special_tokens.unk": ""}, "needs a special token with the role unk"),
        ("wordpiece", {"special_tokens.cls": ""}, "names [CLS], which is no special token"),
        ("wordpiece", {"special_tokens.cls": '""'}, "names [CLS], which is no special token"),
        ("wordpiece", {"special_tokens.bos": " "}, "is empty"),
        ("wordpiece", {"extra_special_tokens": '["[PAD]"]'}, "[PAD] is given twice"),
        ("wordpiece", {"extra_special_tokens": '["a", "a"]'}, "a is given twice"),
        ("wordpiece", {"extra_special_tokens": '[""]'}, "is empty"),
        ("wordpiece", {"token_options": '{"[M]" = {lstrip = true}}'}, "token_options names [M]"),
        (
            "wordpiece",
            {"token_options": '{"[MASK]" = {left = true}}'},
            "token_options [MASK] has no option left",
        ),
        (
            "wordpiece",
            {"trainer.end_of_word_suffix": "</w>"},
            "wordpiece trainer has no option end_of_word_suffix",
        ),
        ("wordpiece", {"trainer.continuing_subword_prefix": '""'}, "text of at least one character"),
        ("wordpiece", {"pre_tokenizers": '["ByteLevel"]'}, "wordpiece cannot be byte-level"),
        ("wordpiece", {"vocab_size": "5"}, "this recipe needs 6, of which 5 for special tokens"),
        (
            "wordpiece",
            {"trainer.limit_alphabet": "1", "trainer.initial_alphabet": '["a", "b"]'},
            "keeps only 1",
        ),
        ("unigram", {"trainer.shrinking_factor": "1.5"}, "shrinking_factor must be a number between 0 and 1"),
        ("unigram", {"trainer.shrinking_factor": "1"}, "shrinking_factor must be a number between 0 and 1"),
        ("unigram", {"trainer.min_frequency": "1"}, "unigram trainer has no option min_frequency"),
        ("unigram", {"special_tokens.unk": ""}, "needs a special token with the role unk"),
        (
            "unigram",
            {"model.byte_fallback": "true", "pre_tokenizers": '["ByteLevel"]'},
            "byte_fallback has nothing to do",
        ),
        ("wordlevel", {"special_tokens.unk": ""}, "needs a special token with the role unk"),
        ("wordlevel", {"model.x": "1"}, "wordlevel model has no option x; it has none"),
        ("character", {"special_tokens.unk": ""}, "needs a special token with the role unk"),
        ("character", {"pre_tokenizers": '["ByteLevel"]'}, "character does not work on bytes"),
    ],
)
def test_an_unsound_recipe_is_refused_before_a_text_is_read(name, settings, words):
    with pytest.raises(RecipeError) as caught:
        build(change(DEFAULTS[name], settings), unread())
    assert words in caught.value.message
    assert caught.value.fix


def test_an_unknown_role_is_refused_from_python_too():
    with pytest.raises(RecipeError, match="no role padding"):
        build(Recipe(special_tokens={"padding": "<pad>"}), unread())


@pytest.mark.parametrize("name", DEFAULTS)
def test_two_processes_make_the_same_bytes(name, texts):
    recipe = to_toml(change(DEFAULTS[name], {"vocab_size": "500"}))
    made = set()
    for seed in ("1", "2", "3") if name in ("wordpiece", "unigram") else ("1", "2"):
        ended = subprocess.run(
            [sys.executable, "-c", AGAIN, recipe],
            input="\0".join(texts).encode(),
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            check=True,
        )
        made.add(ended.stdout)
    assert len(made) == 1


@pytest.mark.parametrize("name", DEFAULTS)
@pytest.mark.parametrize("batches", [[], [[]], [["", "  ", "\n"], ["\t"]]])
def test_no_text_is_an_error(name, batches):
    with pytest.raises(DataError, match="no text to learn from"):
        build(DEFAULTS[name], batches)


def test_texts_in_the_place_of_batches_are_a_mistake():
    with pytest.raises(TypeError, match="batches of texts"):
        build(DEFAULTS["bpe"], ["a text", "another"])


@pytest.mark.parametrize("name", ["wordpiece", "unigram", "wordlevel", "character"])
def test_blocks_that_leave_nothing_are_an_error(name):
    nothing = change(DEFAULTS[name], {"normalizers": '[{type = "Replace", regex = ".", content = ""}]'})
    with pytest.raises((DataError, RecipeError)) as caught:
        build(nothing, [["some text", "more"]])
    assert caught.value.fix


def test_words_too_rare_to_be_kept_are_an_error():
    rare = change(DEFAULTS["wordlevel"], {"trainer.min_frequency": "3"})
    for recipe in (rare, change(rare, {"pre_tokenizers": '["ByteLevel"]'})):
        with pytest.raises(DataError, match="nothing was learned") as caught:
            build(recipe, [["each word is here once"]])
        assert "min_frequency" in caught.value.fix


@pytest.mark.parametrize("name", ["wordpiece", "unigram"])
def test_a_size_below_the_characters_names_the_least(name, texts):
    with pytest.raises(RecipeError, match="too small") as caught:
        build(change(DEFAULTS[name], {"vocab_size": "30"}), [texts])
    least = caught.value.fix.split()[1]
    enough = change(DEFAULTS[name], {"vocab_size": least})
    assert build(enough, [texts]).get_vocab_size() <= int(least)


def test_bpe_on_characters_names_the_least_size_too(texts):
    recipe = Recipe(special_tokens={"unk": "<unk>"}, pre_tokenizers=(block("Whitespace"),), vocab_size=20)
    with pytest.raises(RecipeError, match="too small") as caught:
        build(recipe, [texts])
    least = caught.value.fix.split()[1]
    assert build(change(recipe, {"vocab_size": least}), [texts]).get_vocab_size() == int(least)
    limited = build(change(recipe, {"vocab_size": "60", "trainer.limit_alphabet": "40"}), [texts])
    assert limited.get_vocab_size() == 60


def test_a_byte_level_vocabulary_may_be_bytes_alone(texts):
    tokenizer = build(change(DEFAULTS["bpe"], {"vocab_size": "258"}), [texts])
    assert tokenizer.get_vocab_size() == 258
    assert tokenizer.decode(tokenizer.encode("한글 🙂").ids) == "한글 🙂"


def test_more_than_the_texts_hold_is_not_reached(texts):
    assert build(change(DEFAULTS["wordlevel"], {"vocab_size": "30000"}), [texts]).get_vocab_size() < 500


def test_progress_is_told(texts):
    told = []
    for name in ALGORITHMS:
        build(
            change(DEFAULTS[name], {"vocab_size": "900"}),
            [texts],
            progress=lambda stage, done, total=None: told.append((stage, done)),
        )
    assert told


def test_the_batches_do_not_matter_only_the_texts(texts):
    recipe = change(DEFAULTS["wordpiece"], {"vocab_size": "400"})
    assert build(recipe, [texts]).to_str() == build(recipe, ([text] for text in texts)).to_str()


def test_an_error_of_the_reader_passes_through_unchanged():
    def broken():
        yield ["a text"]
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        build(DEFAULTS["bpe"], broken())


def test_assembling_makes_every_block_but_trains_nothing():
    blank = assemble(PRESETS["bert"])
    assert blank.get_vocab_size() == 0
    assert type(blank.normalizer).__name__ == "BertNormalizer"
    assert type(blank.decoder).__name__ == "WordPiece"
