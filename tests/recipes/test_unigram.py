"""Unigram: unk inside, options arrive, scores in a canonical order."""

import json

import pytest

from tokbench.recipes.build import build
from tokbench.recipes.presets import DEFAULTS
from tokbench.recipes.recipe import Recipe, block, change

SMALL = change(DEFAULTS["unigram"], {"vocab_size": "200"})


def model_of(tokenizer):
    return json.loads(tokenizer.to_str())["model"]


def test_unk_has_the_id_of_its_role(texts):
    tokenizer = build(SMALL, [texts])
    assert model_of(tokenizer)["unk_id"] == tokenizer.token_to_id("<unk>") == 1
    assert tokenizer.encode("ꙮ", add_special_tokens=False).ids[-1] == 1


@pytest.mark.parametrize(
    "option", ["max_piece_length=3", "n_sub_iterations=1", "shrinking_factor=0.5", "seed_size=50"]
)
def test_the_options_of_the_trainer_arrive(option, texts):
    name, value = option.split("=")
    changed = build(change(SMALL, {f"trainer.{name}": value}), [texts])
    assert model_of(changed)["vocab"] != model_of(build(SMALL, [texts]))["vocab"]
    if name == "max_piece_length":
        assert max(len(piece) for piece in changed.get_vocab() if not piece.startswith("<")) == 3


def test_an_alphabet_is_kept(texts):
    tokenizer = build(change(SMALL, {"trainer.initial_alphabet": '["Ω", "ж"]'}), [texts])
    assert {"Ω", "ж"} <= set(tokenizer.get_vocab())


def test_on_bytes_nothing_is_unknown(texts):
    recipe = Recipe(
        algorithm="unigram",
        vocab_size=600,
        special_tokens={"unk": "<unk>"},
        pre_tokenizers=(block("ByteLevel", add_prefix_space=False),),
    )
    tokenizer = build(recipe, [texts])
    assert tokenizer.decode(tokenizer.encode("ꙮ \x00 한글").ids) == "ꙮ \x00 한글"
