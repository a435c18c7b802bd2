from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tokbench.pretrained import retokenized
from tokbench.pretrained.added_tokens import MatchFlags, with_tokens
from tokbench.pretrained.retokenized import changed_words


def compared(folder, texts, **wanted):
    return changed_words(folder.tokenizer, with_tokens(folder, **wanted).tokenizer, [texts])


def test_the_words_that_change_are_counted_the_most_frequent_first(folder):
    found = compared(
        folder,
        ["the hospital", "a hospital, two hospitals", "covids", "nothing here"],
        regular=["hospital", "covids"],
    )
    assert (found.texts, found.changed) == (4, 3)
    assert [(each.word, each.count) for each in found.words] == [
        ("hospital", 1), ("hospital,", 1), ("covids", 1),
    ]  # fmt: skip
    assert found.words[0].after == ("hospital",)
    assert "".join(found.words[0].before).replace("##", "") == "hospital"


def test_a_token_inside_a_word_is_seen_to_break_it(folder):
    found = compared(
        folder, ["concatenate"], regular=["xcat", "aten"], otherwise=MatchFlags(single_word=False)
    )
    [change] = found.words
    assert change.word == "concatenate"
    assert "aten" in change.after


def test_a_token_of_two_words_is_one_stretch(folder):
    found = compared(folder, ["a hot dog here"], regular=["hot dog"])
    assert [change.word for change in found.words] == ["hot dog"]
    assert found.words[0].after == ("hot dog",)


def test_it_stops_and_says_so(folder, monkeypatch):
    monkeypatch.setattr(retokenized, "MOST_TEXTS", 2)
    found = changed_words(folder.tokenizer, folder.tokenizer, [["a"], ["b"], ["c"]])
    assert (found.texts, found.changed, found.stopped) == (2, 0, True)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text("abcothpidg s,.\u00a0\t", max_size=30), min_size=1, max_size=4))
def test_a_text_is_listed_exactly_when_its_ids_change(folder, texts):
    new = with_tokens(folder, regular=["hot dog", "gs", "hospital"], special=["ab"]).tokenizer
    found = changed_words(folder.tokenizer, new, [texts])
    differ = [
        text
        for text in texts
        if folder.tokenizer.encode(text, add_special_tokens=False).ids
        != new.encode(text, add_special_tokens=False).ids
    ]
    assert found.changed == len(differ)
    assert bool(found.words) == bool(differ)
