"""What comes back, told apart by hand."""

from tokbench.analysis.measure import round_trip


def test_exact_normalized_and_otherwise_are_told_apart():
    texts = ["Same.", "The fox", "two  spaces", "日本"]
    back = ["Same.", "the fox", "two spaces", "[UNK]"]
    found = round_trip(texts, back, str.lower)
    assert (found.texts, found.exact, found.normalized) == (4, 0.25, 0.75)
    assert found.first == ("日本", "[UNK]")


def test_a_text_that_comes_back_counts_whatever_the_normalizer_would_do():
    assert round_trip(["A"], ["A"], str.lower).normalized == 1.0


def test_no_texts_are_no_round_trip():
    assert round_trip([], [], str).exact == 0.0
