"""Encoding a text for eyes: unknown tokens are marked whatever the model calls them."""

import json

import pytest

from tokbench.pretrained.encode import encode
from tokbench.pretrained.folder import load
from tokbench.recipes.build import build
from tokbench.recipes.presets import start_recipe


@pytest.mark.parametrize("algorithm", ["wordpiece", "unigram", "wordlevel"])
def test_unknown_tokens_are_marked_as_unknown(algorithm, tmp_path):
    tokenizer = build(
        start_recipe(algorithm, None, {"vocab_size": "200"}), [["a few plain words", "plain words"]]
    )
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    done = encode(load(tmp_path), "plain 한")
    model = json.loads(tokenizer.to_str())["model"]
    unknown = model["unk_id"] if algorithm == "unigram" else tokenizer.token_to_id(model["unk_token"])
    assert unknown in done.ids
    assert [number == unknown for number in done.ids] == list(done.unknown)
