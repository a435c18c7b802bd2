"""Every ratio against a case worked out by hand."""

import pytest

from tokbench.analysis import corpus_metrics

# "The lighthouse keeper had two clocks." as The light|house keeper had two clock|s|. : 6 words, 9 tokens,
# 2 words in pieces, 37 bytes.
KEEPER = {"words": 6, "tokens": 9, "continued": 2, "utf8_bytes": 37, "characters": 37}


@pytest.mark.parametrize(
    ("ratio", "given", "expected"),
    [
        (corpus_metrics.fertility, ("tokens", "words"), 1.5),
        (corpus_metrics.bytes_per_token, ("utf8_bytes", "tokens"), 37 / 9),
        (corpus_metrics.characters_per_token, ("characters", "tokens"), 37 / 9),
        (corpus_metrics.continued_rate, ("continued", "words"), 1 / 3),
    ],
)
def test_a_ratio_is_what_the_hand_gets(ratio, given, expected):
    assert ratio(**{name: KEEPER[name] for name in given}) == pytest.approx(expected)


def test_parity_and_unknown_rate_are_what_the_hand_gets():
    assert corpus_metrics.parity(tokens=30, tokens_of_base=12) == 2.5
    assert corpus_metrics.unknown_rate(unknown=3, tokens=12) == 0.25


def test_an_empty_corpus_has_no_ratio_and_no_error():
    assert corpus_metrics.fertility(tokens=0, words=0) == 0.0
    assert corpus_metrics.parity(tokens=5, tokens_of_base=0) == 0.0
