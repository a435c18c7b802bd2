"""Byte pieces spell the unknown, are ordinary, and are never mistaken for what a text says."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from tokbench.errors import RecipeError
from tokbench.recipes.build import build
from tokbench.recipes.recipe import Recipe, block, change
from tokbench.recipes.validate import BYTES

RECIPE = Recipe(
    algorithm="bpe",
    vocab_size=700,
    special_tokens={"pad": "<pad>", "unk": "<unk>"},
    pre_tokenizers=(block("Metaspace", prepend_scheme="never"),),
    model={"byte_fallback": True},
)
MARKED = st.sampled_from(["<0x41>", "<0x0A>", "<0xED>", "한", "ꙮ", " ", "a", "<", ">"])


@pytest.fixture(scope="module", params=["bpe", "unigram"])
def tokenizer(request, texts):
    named = ["literally <0x41> here"] * 50 if request.param == "unigram" else []  # BPE: see below
    return build(change(RECIPE, {"algorithm": request.param}), [[*texts, *named]])


def test_the_bytes_follow_the_special_tokens_and_are_ordinary(tokenizer):
    assert [tokenizer.token_to_id(piece) for piece in BYTES] == list(range(2, 258))
    assert [each.content for each in tokenizer.get_added_tokens_decoder().values()] == ["<pad>", "<unk>"]
    assert json.loads(tokenizer.to_str())["model"]["byte_fallback"] is True


def test_an_unknown_character_is_spelled_in_bytes(tokenizer):
    assert "<0xEA>" in tokenizer.encode("ꙮ").tokens
    assert tokenizer.decode(tokenizer.encode("a ꙮ").ids) == "a ꙮ"


@given(
    parts=st.lists(
        MARKED | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="▁"), max_size=4)
    )
)
@settings(max_examples=100, deadline=None)
def test_every_text_comes_back_even_one_that_names_bytes(tokenizer, parts):
    text = "".join(parts)
    if "<pad>" not in text and "<unk>" not in text:
        assert tokenizer.decode(tokenizer.encode(text).ids) == text


@pytest.mark.parametrize("engine", ["library", "compiled"])
def test_a_byte_that_the_texts_write_out_is_merged_as_the_librarys_trainer_does(engine, texts):
    """The engine `library` left out what `compiled` learned; `check` says what such a merge does (TB514)."""
    if engine == "compiled":
        pytest.importorskip("numba")
    named = ["<0x0A> is a line feed"] * 50
    made = json.loads(build(RECIPE, [[*texts, *named]], engine=engine).to_str())["model"]
    raw = Tokenizer(models.BPE(unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
    special = ["<pad>", "<unk>", *BYTES]
    raw.train_from_iterator(
        [*texts, *named], trainers.BpeTrainer(vocab_size=700, special_tokens=special, show_progress=False)
    )
    wanted = json.loads(raw.to_str())["model"]
    assert "<0x0A>" in map("".join, wanted["merges"])
    assert (made["vocab"], made["merges"]) == (wanted["vocab"], wanted["merges"])


def test_the_bytes_count_for_the_size():
    with pytest.raises(RecipeError, match="needs 259"):
        build(change(RECIPE, {"vocab_size": "258"}), [["a"]])


def test_a_byte_piece_as_special_token_is_refused():
    with pytest.raises(RecipeError, match="<0x41>"):
        build(change(RECIPE, {"special_tokens.mask": "<0x41>"}), [["a"]])


def test_affixes_and_fallback_do_not_go_together():
    with pytest.raises(RecipeError, match="byte_fallback fits neither"):
        build(change(RECIPE, {"trainer.end_of_word_suffix": "</w>"}), [["a"]])
