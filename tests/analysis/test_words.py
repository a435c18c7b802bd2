"""Words by UAX #29, its own examples among them, and which of them are split."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tokbench.analysis.corpus_stats import continued, number_of_words, words

CASES = {
    "The quick (“brown”) fox can’t jump 32.3 feet, right?": [  # the example of the standard
        "The", "quick", "brown", "fox", "can’t", "jump", "32.3", "feet", "right",
    ],
    "x-y foo:bar U.S.A. 1,234": ["x", "y", "foo:bar", "U.S.A", "1,234"],
    "한국어를 읽습니다.": ["한국어를", "읽습니다"],
    "日本 カタカナ": ["日", "本", "カタカナ"],
    "_private __init__ ___": ["_private", "__init__"],
    "👩‍💻 🇰🇷 … --": [],
    "cafe\u0301s": ["cafe\u0301s"],
    "א\"ב": ["א\"ב"],
}  # fmt: skip


@pytest.mark.parametrize("text", CASES)
def test_words_are_those_of_the_standard(text):
    assert words(text) == CASES[text]


@given(st.text(max_size=60))
def test_counting_finds_as_many_as_listing(text):
    assert number_of_words(text) == len(words(text))


@example(["", "\xad0"])
@given(st.lists(st.text(max_size=20), max_size=5))
def test_texts_joined_by_line_feeds_have_the_words_of_each(texts):
    assert number_of_words("\n".join(texts)) == sum(map(number_of_words, texts))


def test_a_word_is_split_when_two_tokens_end_in_it():
    text = "un able, unable 한"
    spans = [(0, 2), (2, 7), (7, 8), (8, 11), (11, 15), (15, 17), (16, 17), (16, 17)]
    assert continued(text, spans) == (2, 4)  # un|able, and the three bytes of 한


def test_a_span_without_length_stands_for_the_character_it_begins_at():
    assert continued("a한", [(0, 1), (1, 1), (1, 1), (1, 2)]) == (1, 1)
    assert continued("a 한", [(0, 1), (1, 2), (2, 3)]) == (0, 2)


def test_a_text_without_words_or_tokens_has_none_split():
    assert continued("...", [(0, 3)]) == (0, 0)
    assert continued("word", []) == (0, 1)
