"""A sample is fair, bounded, and the same every time."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tokbench.corpus.sampling import Sample

TEXTS = [f"text {number}" for number in range(100)]


def sampled(batches, seed=1, **limits):
    sample = Sample(seed, **limits)
    for batch in batches:
        sample.add(batch)
    return sample.texts()


@given(st.integers(1, 120), st.integers(0, 9), st.integers(1, 60))
def test_so_many_texts_are_kept_in_order_however_they_come(number, seed, size):
    batches = [TEXTS[start : start + size] for start in range(0, 100, size)]
    found = sampled(batches, seed, texts=number)
    assert found == sampled([TEXTS], seed, texts=number)
    assert len(found) == min(number, 100)
    assert found == sorted(found, key=TEXTS.index)


@given(st.lists(st.text(max_size=50), min_size=1, max_size=50), st.integers(1, 200))
def test_the_characters_are_bounded_but_one_text_stays(texts, characters):
    found = sampled([texts], characters=characters)
    assert found
    assert len(found) == 1 or sum(map(len, found)) <= characters


def test_every_text_is_as_likely_as_any_other():
    often = Counter(text for seed in range(400) for text in sampled([TEXTS], seed, texts=10))
    assert len(often) == 100
    assert max(often.values()) < 75  # 40 expected, and 6 a standard deviation
    assert min(often.values()) > 10
