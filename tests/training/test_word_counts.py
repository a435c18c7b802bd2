from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tokbench.training.word_counts import WordCounts, alphabet

counted = st.dictionaries(st.text(max_size=6), st.integers(1, 1 << 40))


@given(counted)
def test_ordering_keeps_every_count(counts):
    ordered = WordCounts.of(counts)
    assert ordered.counts == counts
    assert list(ordered.counts.values()) == sorted(counts.values(), reverse=True)
    assert ordered.total == sum(counts.values())


@given(counted, st.randoms(use_true_random=False))
def test_the_order_does_not_depend_on_where_it_began(counts, chance):
    shuffled = dict(chance.sample(sorted(counts.items()), len(counts)))
    assert list(WordCounts.of(shuffled).counts) == list(WordCounts.of(counts).counts)


@given(st.dictionaries(st.text("ab가", max_size=5), st.integers(1, 5)))
def test_the_alphabet_counts_every_character(counts):
    written = "".join(word * count for word, count in counts.items())
    assert dict(alphabet(WordCounts(counts))) == Counter(written)
