"""Options are refused by name, and their words say what their test accepts."""

import pytest

from tokbench.errors import RecipeError
from tokbench.recipes import options


@pytest.mark.parametrize(
    ("option", "good", "bad"),
    [
        (options.flag(), [True, False], [0, 1, "true", None]),
        (options.text_option(), ["a", " "], ["", 1, None, ["a"]]),
        (options.text_option(empty=True), ["", "a"], [1, None]),
        (options.one_character(), ["a", "한", "▁"], ["", "ab", 1]),
        (options.any_characters(), [[], ["a"], ("a", "b")], ["ab", ["ab"], [1], [""]]),
        (options.whole_number(), [0, 7, options.LARGEST], [-1, options.LARGEST + 1, 1.0, True, "1"]),
        (options.whole_number(low=1, high=3), [1, 3], [0, 4]),
        (options.probability(), [0, 1, 0.1], [-0.1, 1.1, True, "0.1", float("nan")]),
        (options.fraction(), [0.75], [0, 1, 0.0, 1.0, True, float("inf")]),
        (options.one_of("left", "right"), ["left"], ["Left", "", 1, ["left"]]),
        (options.some_of("a", "b"), [["a"], ["b", "a"]], [[], ["c"], ["a", "a"], "a", [["a"]]]),
        (options.blocks(), [["NFC"], [{}]], [[], "NFC", {}]),
        (options.template(), ["$A", ["[CLS]", "$A"]], ["", " ", [], [1], 1]),
    ],
)
def test_an_option_accepts_what_its_words_say(option, good, bad):
    assert [value for value in good if not option.accepts(value)] == []
    assert [value for value in bad if option.accepts(value)] == []


def test_what_is_unset_is_left_out():
    known = {"a": options.flag(None), "b": options.whole_number(3), "c": options.text_option()}
    assert options.checked_options({"c": "x"}, known, "here") == {"b": 3, "c": "x"}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"lft": True}, "here has no option lft; it has left, size"),
        ({"left": 1, "size": 1}, "here: left must be true or false, not 1"),
        ({"left": True}, "here needs size: a whole number from 1"),
    ],
)
def test_a_wrong_option_is_said_with_its_place(given, words):
    with pytest.raises(RecipeError) as caught:
        options.checked_options(
            given, {"left": options.flag(True), "size": options.whole_number(low=1)}, "here"
        )
    assert caught.value.message == words
    assert caught.value.fix
