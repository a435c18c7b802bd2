"""Entropies and Gini against hands, against the values the authors publish, and against their laws."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokbench.analysis import corpus_metrics

counts = st.lists(st.integers(0, 1000), min_size=2, max_size=30).filter(any).map(np.array)


def of(text):
    return np.array(list(Counter(text.split()).values()))


# The two examples of tokenization-scorer, the authors' tool. Its README says power=2.5 above these values;
# they are those of its default, 3.
@pytest.mark.parametrize(
    ("text", "published"),
    [
        ("pick @@ed pick @@l @@ed pick @@les", 0.8031528501359657),
        ("pick @@e @@d pick @@l @@e @@d pick @@l @@e @@s", 0.9105681923824472),
    ],
)
def test_renyi_efficiency_is_that_of_the_authors_tool(text, published):
    assert corpus_metrics.renyi_efficiency(of(text), alpha=3) == pytest.approx(published, rel=1e-12)


def test_entropies_of_a_case_done_by_hand():
    assert corpus_metrics.shannon_entropy(np.array([2, 1, 1])) == 1.5  # ½·1 + ¼·2 + ¼·2
    assert corpus_metrics.renyi_entropy(np.array([2, 1, 1]), 2) == pytest.approx(
        -np.log2(1 / 4 + 1 / 16 + 1 / 16)
    )
    assert corpus_metrics.renyi_efficiency(np.array([2, 1, 1]), vocabulary=4, alpha=1) == 0.75


def test_gini_of_a_case_done_by_hand():
    # half the mean difference over the mean: |1-2|·2 + |1-3|·2 + |2-3|·2 = 8, ÷ (2·3²·2)
    assert corpus_metrics.gini(np.array([3, 1, 2])) == pytest.approx(8 / 36)


@given(counts)
def test_gini_is_half_the_relative_mean_difference(values):
    differences = np.abs(values[:, None] - values[None, :]).sum()
    assert corpus_metrics.gini(values) == pytest.approx(differences / (2 * len(values) * values.sum()))


@given(counts)
def test_renyi_entropy_never_rises_with_alpha_and_never_exceeds_a_uniform_spread(values):
    several = [corpus_metrics.renyi_entropy(values, alpha) for alpha in (0.5, 1, 2.5, 5)]
    assert several == sorted(several, reverse=True) or np.allclose(several, sorted(several, reverse=True))
    assert several[0] <= np.log2(corpus_metrics.used(values)) + 1e-9


@given(counts)
def test_tokens_that_never_occur_change_only_what_counts_the_vocabulary(values):
    longer = np.concatenate((values, np.zeros(5, int)))
    assert corpus_metrics.shannon_entropy(longer) == pytest.approx(corpus_metrics.shannon_entropy(values))
    assert corpus_metrics.renyi_efficiency(longer) == pytest.approx(corpus_metrics.renyi_efficiency(values))
    assert corpus_metrics.gini(longer) > corpus_metrics.gini(values)


def test_nothing_has_no_spread():
    assert corpus_metrics.shannon_entropy(np.zeros(3)) == corpus_metrics.renyi_entropy(np.zeros(3)) == 0.0
    assert corpus_metrics.renyi_efficiency(np.zeros(3)) == corpus_metrics.gini(np.zeros(3)) == 0.0
    assert corpus_metrics.ranks(np.zeros(3, int)) == ()


@given(counts, st.integers(2, 200))
def test_ranks_begin_with_the_most_frequent_end_with_the_rarest_and_fall(values, points):
    found = corpus_metrics.ranks(values, points)
    occurring = sorted(values[values > 0].tolist(), reverse=True)
    assert found[0] == (1, occurring[0])
    assert found[-1] == (len(occurring), occurring[-1])
    assert len(found) <= points
    assert all(occurring[rank - 1] == often for rank, often in found)
