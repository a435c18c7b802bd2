import json

import pytest

from tokbench.errors import DataError, FileError, UsageError
from tokbench.pretrained.added_tokens import MatchFlags, read_token_list, token_list, with_tokens


def write(path, value):
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def tokens_of(added, text):
    return added.tokenizer.encode(text, add_special_tokens=False).tokens


def test_a_json_list_says_of_each_token_what_it_is(tmp_path):
    path = write(
        tmp_path / "t.json",
        [
            "COVID",
            {"content": "[E1]", "special": True, "lstrip": True},
            {"content": "hot dog", "single_word": False},
        ],
    )
    found = read_token_list(path, special=False)
    assert found.special == ("[E1]",)
    assert found.regular == ("COVID", "hot dog")
    assert found.matching == {"[E1]": MatchFlags(lstrip=True), "hot dog": MatchFlags(single_word=False)}
    assert read_token_list(path, special=True).special == ("COVID", "[E1]", "hot dog")


def test_the_added_tokens_of_a_tokenizer_json_are_such_a_list(folder, tmp_path):
    added = with_tokens(folder, special=["[E1]"], regular=["hospital"])
    (tmp_path / "tokenizer.json").write_text(added.tokenizer.to_str())
    found = read_token_list(tmp_path / "tokenizer.json", special=False)
    assert found.special[-1] == "[E1]"
    assert found.regular == ("hospital",)
    assert found.matching["hospital"] == MatchFlags(single_word=True, normalized=True)


def test_names_and_files_are_one_list(tmp_path):
    (tmp_path / "a.txt").write_text("[E2]\n")
    found = token_list(["[E1]"], ["x"], tmp_path / "a.txt", write(tmp_path / "b.json", ["y"]))
    assert (found.special, found.regular) == (("[E1]", "[E2]"), ("x", "y"))


WRONG = {
    "no list": ({"a": 1, "b": 2}, None),
    "a number": ([1], DataError),
    "no content": ([{"special": True}], DataError),
    "an unknown key": ([{"content": "x", "single_wrod": True}], DataError),
    "no boolean": ([{"content": "x", "lstrip": "yes"}], DataError),
    "nothing": ([], FileError),
    "a string": ("x", FileError),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_no_token_is_named(tmp_path, case):
    value, error = WRONG[case]
    path = write(tmp_path / "t.json", value)
    if error is None:
        assert read_token_list(path, special=False).regular == ("a", "b")  # the keys of a vocabulary
        return
    with pytest.raises(error) as caught:
        read_token_list(path, special=False)
    assert "t.json" in caught.value.message


def test_broken_json_is_a_file_problem(tmp_path):
    (tmp_path / "t.json").write_text("[")
    with pytest.raises(FileError, match="is not JSON"):
        read_token_list(tmp_path / "t.json", special=False)


def test_the_four_switches_do_what_they_say(folder):
    def added(**how):
        return with_tokens(folder, regular=["covids"], otherwise=MatchFlags(**how))

    assert "covids" in tokens_of(added(single_word=False), "xcovidsx")
    assert "covids" not in tokens_of(added(single_word=True), "xcovidsx")
    spaced = added(lstrip=True, rstrip=True).tokenizer.encode("a covids b", add_special_tokens=False)
    assert spaced.offsets[1] == (1, 9)  # the token took the spaces
    assert "covids" in [token.lower() for token in tokens_of(added(normalized=True), "COVIDS")]
    assert "covids" not in [token.lower() for token in tokens_of(added(normalized=False), "COVIDS")]


def test_a_token_of_its_own_goes_before_what_holds_for_all(folder):
    added = with_tokens(
        folder,
        regular=["hosp", "telem"],
        matching={"hosp": MatchFlags(single_word=False)},
        otherwise=MatchFlags(single_word=True),
    )
    assert "hosp" in tokens_of(added, "hospital")
    assert "telem" not in tokens_of(added, "telemetry")


def test_a_raw_spelling_is_a_token_beside_the_one_the_normalizer_makes(folder):
    added = with_tokens(folder, regular=["HIV", "hiv"], matching={"HIV": MatchFlags(normalized=False)})
    ids = [added.tokenizer.encode(text, add_special_tokens=False).ids for text in ("HIV", "hiv")]
    assert ids == [[added.regular["HIV"]], [added.regular["hiv"]]]


def test_markup_that_shall_be_a_word_of_its_own_is_not_looked_for_inside_words(folder):
    added = with_tokens(folder, special=["[E1]"], otherwise=MatchFlags(single_word=True))
    assert "[E1]" in tokens_of(added, "see [E1] here")
    assert "[E1]" not in tokens_of(added, "x[E1]x")


def test_a_word_asked_for_where_it_cannot_be_met_is_refused(folder):
    from tokenizers import normalizers

    folder.tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("x"), normalizers.Lowercase()])
    with pytest.raises(UsageError, match="would never be met"):
        with_tokens(folder, regular=["hospital"], otherwise=MatchFlags(normalized=True, single_word=True))
