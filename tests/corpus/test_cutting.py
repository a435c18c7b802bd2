from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tokbench.corpus.lines import LIMIT, split_long_text

TEXTS = st.text(alphabet=" \t\u2003ab한\U0001f600", max_size=200)


def pieces(text, limit):
    found, rest = split_long_text(text, limit)
    return [*found, rest]


@given(TEXTS, st.integers(1, 20))
def test_cutting_loses_nothing_and_keeps_to_the_limit(text, limit):
    assert "".join(pieces(text, limit)) == text
    assert all(0 < len(piece) <= limit for piece in pieces(text, limit)[:-1])
    assert len(pieces(text, limit)[-1]) <= limit


@given(TEXTS, st.integers(1, 20), st.lists(st.integers(0, 200)))
def test_a_text_that_comes_in_parts_is_cut_at_the_same_places(text, limit, borders):
    found, rest = [], ""
    places = [0, *sorted(borders), len(text)]
    for start, end in pairwise(places):
        more, rest = split_long_text(rest + text[start:end], limit)
        found += more
    assert [*found, rest] == pieces(text, limit)


@given(st.lists(st.text(alphabet="ab한", min_size=1, max_size=9), min_size=1))
def test_words_stay_whole_and_take_the_space_before_them(words):
    found = pieces(" ".join(words), 10)
    assert [word for piece in found for word in piece.split()] == words
    assert all(piece.startswith(" ") for piece in found[1:])


def test_of_several_spaces_only_the_last_goes_to_the_next_piece():
    assert pieces("one   twothree", 9) == ["one  ", " twothree"]


def test_a_word_longer_than_the_limit_is_cut_hard():
    assert pieces("abcdefgh", 3) == ["abc", "def", "gh"]
    assert pieces("a " + "b" * 5, 3) == ["a", " bb", "bbb"]


def test_a_text_of_the_limit_is_whole():
    assert split_long_text("a" * LIMIT) == ([], "a" * LIMIT)
    assert split_long_text("a" * (LIMIT + 1)) == (["a" * LIMIT], "a")
