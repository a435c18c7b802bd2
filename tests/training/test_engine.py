"""Both engines make the same tokenizer; which one is taken, and why, is said."""

from importlib.util import find_spec

import pytest

from tokbench.corpus.reading import open_corpus
from tokbench.corpus.samples import shipped
from tokbench.errors import RecipeError, UsageError
from tokbench.recipes.build import build, prepare
from tokbench.recipes.presets import PRESETS, start_recipe
from tokbench.training.engine import TRAINING

compiler = pytest.mark.skipif(find_spec("numba") is None, reason="numba is not installed")
LEARNED = [name for name, recipe in PRESETS.items() if recipe.algorithm in ("bpe", "wordpiece")]


def corpus():
    return open_corpus([shipped("english.txt"), shipped("korean.txt"), shipped("code.txt")])


@compiler
@pytest.mark.parametrize("name", ["clip", "deepseek", "gemma"])
def test_a_preset_without_a_compiled_form_is_left_to_the_library_with_a_reason(name):
    choice = prepare(PRESETS[name], size=TRAINING.worth).choice
    assert choice.engine == "library"
    assert "has no compiled form" in choice.why


@compiler
@pytest.mark.parametrize("name", [name for name in LEARNED if name not in ("clip", "deepseek", "gemma")])
def test_both_engines_give_the_same_bytes(name):
    recipe = start_recipe(PRESETS[name].algorithm, name, {"vocab_size": "2500", "trainer.min_frequency": "2"})
    compiled, library = (build(recipe, corpus(), engine=engine) for engine in ("compiled", "library"))
    assert compiled.to_str() == library.to_str()


@compiler
def test_texts_with_line_feeds_inside_count_alike():
    batches = [["one\ntwo  three\r\n", "\n\n  four"] * 9, ["five\u2028six"] * 9]
    recipe = start_recipe("bpe", settings={"vocab_size": "280", "trainer.min_frequency": "0"})
    compiled, library = (build(recipe, batches, engine=engine) for engine in ("compiled", "library"))
    assert compiled.to_str() == library.to_str()


def test_a_small_corpus_goes_by_the_library():
    choice = prepare(start_recipe("bpe"), size=1000).choice
    assert (choice.engine, choice.why) == ("library", "the corpus is small")


def test_what_cannot_be_compiled_is_said(monkeypatch):
    monkeypatch.setenv("TOKBENCH_NO_COMPILE", "1")
    assert prepare(start_recipe("bpe"), size=TRAINING.worth).choice.why == "TOKBENCH_NO_COMPILE is set"
    with pytest.raises(UsageError, match="TOKBENCH_NO_COMPILE"):
        prepare(start_recipe("bpe"), "compiled")


def test_unigram_has_one_engine():
    assert prepare(start_recipe("unigram")).choice.engine == "library"
    with pytest.raises(RecipeError, match="unigram"):
        prepare(start_recipe("unigram"), "compiled")


def test_an_unknown_engine_names_the_known():
    with pytest.raises(UsageError) as caught:
        prepare(start_recipe("bpe"), "compield")
    assert "compiled" in caught.value.fix
