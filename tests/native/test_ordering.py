"""Words in order: the most frequent first, equally frequent ones by their bytes, however deep the ties."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tokbench.native.word_counter import order_words

WORDS = st.lists(st.text("ab", min_size=1, max_size=40).map(str.encode), unique=True, min_size=1, max_size=60)


@given(st.data(), WORDS)
def test_the_order_is_by_count_and_then_by_bytes(data, words):
    counts = data.draw(st.lists(st.integers(1, 3), min_size=len(words), max_size=len(words)))
    ends = np.cumsum([len(word) for word in words])
    places = np.stack([ends - [len(word) for word in words], ends], axis=1)
    order = order_words(np.frombuffer(b"".join(words), np.uint8), places, np.array(counts))
    found = [(-counts[number], words[number]) for number in order]
    assert found == sorted(found)
