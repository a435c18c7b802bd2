"""Encoding a text for eyes: unknown tokens are marked whatever the model calls them."""

import itertools
import json
import statistics
import timeit

import pytest
from tokenizers import Tokenizer, models
from tokenizers.pre_tokenizers import ByteLevel

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


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A byte-level BPE of 50,000 tokens, made by hand: each merge joins a token and a letter."""
    letters = sorted(ByteLevel.alphabet())
    vocab = dict.fromkeys(letters)
    merges = []
    for token in vocab_of_pairs(letters):
        merges.append((token[:-1], token[-1]))
        vocab[token] = None
    tokenizer = Tokenizer(models.BPE(vocab={token: at for at, token in enumerate(vocab)}, merges=merges))
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    tokenizer.add_special_tokens(["[PAD]"])
    folder = tmp_path_factory.mktemp("large")
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def vocab_of_pairs(letters):
    plain = [letter for letter in letters if letter.isascii()]
    pairs = [one + two for one in letters for two in letters]
    return itertools.islice(
        itertools.chain(pairs, (pair + third for pair in pairs for third in plain)), 49_744
    )


@pytest.mark.parametrize("limited", [False, True])
def test_one_text_costs_what_the_librarys_encode_costs(large, limited):
    folder = load(large)
    if limited:
        folder.tokenizer.enable_truncation(4)
        folder.tokenizer.enable_padding(length=16)
    before = folder.tokenizer.to_str()
    assert folder.tokenizer.get_vocab_size() == 50_001
    text = "The ward smelled of lemon."
    encode(folder, text)  # a tokenizer that truncates is copied here, once
    times = [timeit.timeit(lambda: encode(folder, text), number=1) for _ in range(50)]
    assert statistics.median(times) < 0.0004
    assert folder.tokenizer.to_str() == before
    assert encode(folder, text).ids == tuple(load(large).tokenizer.encode(text).ids)


def test_truncation_and_padding_that_a_file_holds_are_of_no_effect(tmp_path):
    tokenizer = build(start_recipe("bpe", None, {"vocab_size": "300"}), [["a few plain words"]])
    plain = tuple(tokenizer.encode("a few plain words").ids)
    for name, change in {
        "padding": lambda: tokenizer.enable_padding(length=50),
        "truncation": lambda: tokenizer.enable_truncation(2),
    }.items():
        tokenizer.no_padding()
        change()
        tokenizer.save(str(tmp_path / f"{name}.json"))
        assert encode(load(tmp_path / f"{name}.json"), "a few plain words").ids == plain
