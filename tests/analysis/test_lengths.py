"""Lengths from a histogram against the lengths themselves."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokbench.analysis.corpus_metrics import lengths, percentile

several = st.lists(st.integers(0, 400), min_size=1, max_size=60)


@given(several, st.floats(0.01, 1))
def test_a_percentile_is_the_nearest_rank(values, part):
    expected = sorted(values)[int(np.ceil(part * len(values))) - 1]
    assert percentile(np.bincount(values), part) == expected


@given(several, st.integers(0, 3), st.integers(1, 300))
def test_the_facts_are_those_of_the_texts_with_their_special_tokens(values, around, max_length):
    found = lengths(np.bincount(values), around=around, max_length=max_length)
    whole = [value + around for value in values]
    assert found.mean == pytest.approx(sum(whole) / len(whole))
    assert found.longest == max(whole)
    assert found.truncated == sum(value > max_length for value in whole) / len(whole)
    beyond = sum(max(0, value - max_length) for value in whole)
    assert found.cut == pytest.approx(beyond / sum(whole) if sum(whole) else 0)


@given(several)
def test_the_bars_hold_every_text_once_and_touch_each_other(values):
    bars = lengths(np.bincount(values)).bars
    assert sum(texts for _, _, texts in bars) == len(values)
    assert bars[0][0] == min(values)
    assert bars[-1][1] >= max(values)
    assert all(end + 1 == begin for (_, end, _), (begin, _, _) in pairwise(bars))
    assert len(bars) <= 42


def test_without_a_longest_input_nothing_is_cut():
    found = lengths(np.array([0, 3]))
    assert found.truncated is None
    assert found.cut is None
