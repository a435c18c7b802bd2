"""Options are refused by name, and their words say what their test accepts."""

import pytest

from tokbench.blocks import options as o
from tokbench.errors import RecipeProblem


@pytest.mark.parametrize(
    ("option", "good", "bad"),
    [
        (o.flag(), [True, False], [0, 1, "true", None]),
        (o.text(), ["a", " "], ["", 1, None, ["a"]]),
        (o.text(empty=True), ["", "a"], [1, None]),
        (o.character(), ["a", "한", "▁"], ["", "ab", 1]),
        (o.characters(), [[], ["a"], ("a", "b")], ["ab", ["ab"], [1], [""]]),
        (o.whole(), [0, 7, o.LARGEST], [-1, o.LARGEST + 1, 1.0, True, "1"]),
        (o.whole(low=1, high=3), [1, 3], [0, 4]),
        (o.probability(), [0, 1, 0.1], [-0.1, 1.1, True, "0.1", float("nan")]),
        (o.fraction(), [0.75], [0, 1, 0.0, 1.0, True, float("inf")]),
        (o.one_of("left", "right"), ["left"], ["Left", "", 1, ["left"]]),
        (o.some_of("a", "b"), [["a"], ["b", "a"]], [[], ["c"], ["a", "a"], "a", [["a"]]]),
        (o.blocks(), [["NFC"], [{}]], [[], "NFC", {}]),
        (o.template(), ["$A", ["[CLS]", "$A"]], ["", " ", [], [1], 1]),
    ],
)
def test_an_option_accepts_what_its_words_say(option, good, bad):
    assert [value for value in good if not option.accepts(value)] == []
    assert [value for value in bad if option.accepts(value)] == []


def test_what_is_unset_is_left_out():
    known = {"a": o.flag(None), "b": o.whole(3), "c": o.text()}
    assert o.choose({"c": "x"}, known, "here") == {"b": 3, "c": "x"}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"lft": True}, "here has no option lft; it has left, size"),
        ({"left": 1, "size": 1}, "here: left must be true or false, not 1"),
        ({"left": True}, "here needs size: a whole number from 1"),
    ],
)
def test_a_wrong_option_is_said_with_its_place(given, words):
    with pytest.raises(RecipeProblem) as caught:
        o.choose(given, {"left": o.flag(True), "size": o.whole(low=1)}, "here")
    assert caught.value.message == words
    assert caught.value.fix
