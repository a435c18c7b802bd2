"""Rows out of those of similar tokens."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tokbench as tb
from tokbench.adapt.starts.focus_rows import similar_rows, sparsemax, token_vectors

pytest.importorskip("torch")


@given(st.lists(st.lists(st.floats(-3, 3), min_size=4, max_size=4), min_size=1, max_size=5))
@settings(max_examples=60)
def test_sparsemax_gives_the_nearest_probabilities(scores):
    given_scores = np.array(scores, np.float64)
    found = sparsemax(given_scores)
    assert found.sum(1) == pytest.approx(1)
    assert (found >= 0).all()
    for other in np.random.default_rng(0).dirichlet(np.ones(4), 50):
        nearer = ((found - given_scores) ** 2).sum(1) <= ((other - given_scores) ** 2).sum(1) + 1e-9
        assert nearer.all()


def test_a_token_takes_the_rows_of_those_that_stand_where_it_stands():
    texts = ["the cat sleeps", "the hat sleeps", "the dog sleeps", "a red car drives", "a red bus drives"] * 9
    tok = tb.train(texts, "wordlevel", vocab_size=30)
    library = tok.tokenizer if hasattr(tok, "tokenizer") else tb.load(tok).tokenizer
    ids = {word: library.token_to_id(word) for word in ("cat", "hat", "dog", "car", "bus")}
    vectors = token_vectors([texts], library, library.get_vocab_size())
    known = {ids[word]: at for at, word in enumerate(("hat", "dog", "bus"))}
    found = similar_rows(vectors, known, [ids["cat"], ids["car"]])
    assert dict(zip(*found[ids["car"]], strict=True))[2] > 0.9
    assert dict(zip(*found[ids["cat"]], strict=True)).keys() == {0, 1}
    again = similar_rows(token_vectors([texts], library, library.get_vocab_size()), known, [ids["cat"]])
    assert again[ids["cat"]] == found[ids["cat"]]


def test_tokens_without_neighbours_are_like_none():
    vectors = np.zeros((3, 4), np.float32)
    vectors[0, 0] = 1
    assert similar_rows(vectors, {0: 7}, [1]) == {}
