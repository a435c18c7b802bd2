import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokbench.corpus.cleaning.arrangement import Arrangement
from tokbench.corpus.cleaning.choices import Cleaning
from tokbench.corpus.cleaning.spool import Scratch
from tokbench.corpus.cleaning.text_batches import Batch
from tokbench.errors import DataError


def arranged(texts, *, in_memory, columns=None, **choices):
    with Scratch() as scratch:
        arrangement = Arrangement(Cleaning(**choices), scratch, in_memory=in_memory)
        return [text for batch in arrangement(iter([Batch(texts, columns=columns)])) for text in batch.texts]


@given(st.lists(st.text("abc", max_size=6), min_size=1, max_size=60), st.sampled_from([1, 20, 10_000]))
def test_texts_are_sorted_however_few_fit_in_memory(texts, in_memory):
    assert arranged(texts, in_memory=in_memory, sort="text") == sorted(texts)


def test_a_shuffle_is_a_permutation_that_its_seed_draws_and_memory_does_not_change():
    texts = [str(number) for number in range(500)]
    one = arranged(texts, in_memory=10_000, shuffle=True)
    assert sorted(one) == sorted(texts) != one
    assert one == arranged(texts, in_memory=50, shuffle=True)
    assert one != arranged(texts, in_memory=10_000, shuffle=True, seed=1)


def test_a_column_sorts_numbers_by_size_and_equal_ones_stay_in_order():
    values = [10, None, 9, 9, "a", 2.5]
    texts, rows = list("abcdef"), [{"n": value} for value in values]
    assert "".join(arranged(texts, in_memory=10_000, columns=rows, sort="n", keep=("n",))) == "bfcdae"


def test_large_parts_are_dealt_again_and_stay_stable():
    rng = random.Random(0)
    numbers = [rng.randrange(7) for _ in range(2_000)]
    texts = [str(at) for at in range(2_000)]
    got = arranged(texts, in_memory=100, columns=[{"n": n} for n in numbers], sort="n", keep=("n",))
    assert got == sorted(texts, key=lambda text: numbers[int(text)])


def test_a_column_that_is_not_there_is_named_with_those_that_are():
    with pytest.raises(DataError) as caught:
        arranged(["a"], in_memory=10, columns=[{"label": 1}], sort="lable", keep=("label",))
    assert "did you mean label" in caught.value.fix
