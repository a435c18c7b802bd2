"""The oracle is learning each size by itself."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokbench.errors import RecipeError
from tokbench.training.bpe import Merges, learn, truncate_merges
from tokbench.training.word_counts import WordCounts

words = st.dictionaries(
    st.text(alphabet="abcdé", min_size=1, max_size=9), st.integers(1, 9), min_size=1, max_size=30
)
options = st.fixed_dictionaries(
    {"vocab_size": st.integers(0, 90)},
    optional={
        "min_frequency": st.integers(0, 6),
        "max_token_length": st.integers(1, 9),
        "limit_alphabet": st.integers(1, 5),
        "initial_alphabet": st.just(["y", "z"]),
        "special_tokens": st.just(["<s>", "<pad>"]),
        "end_of_word_suffix": st.just("</w>"),
    },
)


@settings(deadline=None, max_examples=150)
@given(words, options, st.sampled_from(["", "##"]), st.integers(0, 90))
def test_a_cut_is_what_learning_that_size_gives(counts, choices, prefix, size):
    choices |= {"continuing_subword_prefix": prefix}
    whole = learn(WordCounts(counts), **choices)
    try:
        smaller = truncate_merges(whole, min(size, choices["vocab_size"]), continuing_subword_prefix=prefix)
    except RecipeError:
        assert len(set(made(whole, prefix))) < len(whole.merges)
        return
    expected = learn(WordCounts(counts), **choices | {"vocab_size": min(size, choices["vocab_size"])})
    assert smaller == expected
    assert list(smaller.vocab) == list(expected.vocab)


def made(merges, prefix):
    return [left + right.removeprefix(prefix) for left, right in merges.merges]


def test_a_token_made_twice_cannot_be_cut():
    twice = Merges(
        {"a": 0, "b": 1, "ab": 2, "ba": 3, "aba": 4}, [("a", "b"), ("b", "a"), ("ab", "a"), ("a", "ba")]
    )
    with pytest.raises(RecipeError, match="two merges"):
        truncate_merges(twice, 4)
