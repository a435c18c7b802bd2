import json
import time

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from tokbench.errors import FileError, UsageError
from tokbench.pretrained.added_tokens import (
    MatchFlags,
    highest_id,
    is_whole_word,
    read_token_list,
    with_tokens,
)
from tokbench.pretrained.folder import InMemoryFolder, TokenizerFolder, load, tokenizer_text
from tokbench.pretrained.special_tokens import special_tokens_of


def tokens_of(added, text):
    """The tokens as they were asked for, whatever the normalizer makes of them."""
    names = {number: token for token, number in {**added.special, **added.regular}.items()}
    encoding = added.tokenizer.encode(text, add_special_tokens=False)
    return [names.get(number, token) for number, token in zip(encoding.ids, encoding.tokens, strict=True)]


def assert_is_sound(folder, added):
    """Every id follows the highest; old ids stay; both survive being written and read."""
    new = {**added.special, **added.regular}
    old = folder.tokenizer.get_vocab()
    assert sorted(new.values()) == list(range(added.before, added.after))
    assert added.before == highest_id(folder.tokenizer) + 1
    assert added.tokenizer.get_vocab().items() >= {**old, **new}.items()
    assert sorted(added.tokenizer.get_vocab().values()) == list(range(added.after))
    assert Tokenizer.from_str(added.tokenizer.to_str()).get_vocab() == added.tokenizer.get_vocab()
    assert added.pieces.keys() == new.keys()
    assert all(0 <= piece < added.before for pieces in added.pieces.values() for piece in pieces)
    assert set(added.special) <= set(special_tokens_of(added.tokenizer))
    assert not set(added.regular) & set(special_tokens_of(added.tokenizer))


def test_both_sorts_get_the_next_ids_and_old_texts_keep_theirs(kind, make_folder):
    folder = make_folder(kind[0])
    added = with_tokens(folder, special=["[E1]", "[/E1]"], regular=["hospital", "fox-trot"])
    assert_is_sound(folder, added)
    assert list(added.special.values()) == [added.before, added.before + 1]
    for text in ("see the fox here", "한국어 (12)", ""):
        assert added.tokenizer.encode(text).ids == folder.tokenizer.encode(text).ids


def test_a_special_token_is_met_anywhere_and_a_word_only_as_a_word(kind, make_folder):
    added = with_tokens(make_folder(kind[0]), special=["[E1]"], regular=["cat"])
    assert "[E1]" in tokens_of(added, "x[E1]y")
    assert "cat" in tokens_of(added, "the cat, (cat)")
    assert "cat" not in tokens_of(added, "concatenate cats")


def test_words_of_scripts_without_spaces_are_met_before_their_particles(folder):
    added = with_tokens(folder, regular=["코로나"])
    assert tokens_of(added, "코로나는")[0] == "코로나"


def test_whole_words_can_be_asked_for_or_not_at_all(folder):
    assert "cat" in tokens_of(
        with_tokens(folder, regular=["cat"], otherwise=MatchFlags(single_word=False)), "concatenate"
    )
    assert "코로나" not in tokens_of(
        with_tokens(folder, regular=["코로나"], otherwise=MatchFlags(single_word=True)), "코로나는"
    )


def test_a_lowercasing_tokenizer_meets_a_word_in_any_case(folder):
    added = with_tokens(folder, regular=["HIV"])
    for text in ("HIV", "hiv", "Hiv"):
        assert added.tokenizer.encode(text, add_special_tokens=False).ids == [added.regular["HIV"]]


def test_a_tokenizer_that_keeps_case_meets_it_as_written(kinds, make_folder):
    added = with_tokens(make_folder(kinds["bytes"][0]), regular=["HIV"])
    assert "HIV" in tokens_of(added, "a HIV test")
    assert "HIV" not in tokens_of(added, "a hiv test")


def test_tokens_equal_under_the_normalizer_are_refused_by_name(folder):
    with pytest.raises(UsageError, match="HIV and hiv are one token here") as caught:
        with_tokens(folder, regular=["HIV", "hiv"])
    assert "leave one of them out" in caught.value.fix


def test_special_tokens_equal_under_the_normalizer_are_refused_new_or_not(folder):
    """After a reload texts had the id of the other one."""
    normalized = MatchFlags(normalized=True)
    with pytest.raises(UsageError, match="are one token here: the normalizer makes both '<hiv>'") as caught:
        with_tokens(folder, special=["<HIV>", "<hiv>"], otherwise=normalized)
    assert '"normalized": false' in caught.value.fix
    first = with_tokens(folder, regular=["zq"])
    grown = InMemoryFolder("grown", first.tokenizer, first.config)
    with pytest.raises(UsageError, match="zq and ZQ are one token here"):
        with_tokens(grown, special=["ZQ"], otherwise=normalized)
    assert with_tokens(grown, special=["ZQ"]).special == {"ZQ": first.after}


def test_a_token_of_which_the_normalizer_leaves_nothing_is_met_as_written_or_refused(folder):
    """The library panics on texts, or takes all memory, when nothing is what it looks for."""
    assert with_tokens(folder, regular=["\u200b"]).regular.keys() == {"\u200b"}
    with pytest.raises(UsageError, match="leaves nothing of"):
        with_tokens(folder, regular=["\u200b"], otherwise=MatchFlags(normalized=True, lstrip=True))


def test_what_exists_is_told_and_not_added_again(folder):
    added = with_tokens(folder, special=["[MASK]"], regular=["covid", "COVID", "new"])
    assert added.existing == {
        "[MASK]": 4,
        "covid": folder.tokenizer.token_to_id("covid"),
        "COVID": added.existing["covid"],
    }
    assert list(added.regular) == ["new"]
    assert added.declared == ()
    assert_is_sound(folder, added)


def test_nothing_new_is_a_result_too(folder):
    added = with_tokens(folder, regular=["fox"])
    assert added.before == added.after
    assert tokenizer_text(added.tokenizer) == tokenizer_text(folder.tokenizer)


def test_an_existing_token_that_no_text_reaches_is_declared(make_folder, kinds):
    tokenizer = kinds["wordpiece"][0]
    raw = json.loads(tokenizer.to_str())
    raw["model"]["vocab"] |= {
        "[unused1]": len(raw["model"]["vocab"]),
        "[unused2]": len(raw["model"]["vocab"]) + 1,
    }
    folder = make_folder(Tokenizer.from_str(json.dumps(raw)))
    added = with_tokens(folder, special=["[unused1]"], regular=["[unused2]"])
    assert added.before == added.after
    assert added.declared == ("[unused1]", "[unused2]")
    assert tokens_of(added, "x[unused1]y [unused2]") == ["x", "[unused1]", "y", "[unused2]"]
    assert "[unused1]" in added.config["additional_special_tokens"]
    assert "[unused2]" not in special_tokens_of(added.tokenizer)


def test_special_tokens_extend_the_config_s_list(make_folder, kinds):
    folder = make_folder(kinds["wordpiece"][0], {"extra_special_tokens": ["[E0]"], "pad_token": "[PAD]"})
    added = with_tokens(folder, special=["[E1]"], regular=["new"])
    assert added.config["additional_special_tokens"] == ["[E0]", "[E1]"]
    assert "extra_special_tokens" not in added.config
    assert folder.config["extra_special_tokens"] == ["[E0]"]


def test_pieces_are_those_of_the_old_tokenizer_without_the_unknown(folder):
    added = with_tokens(folder, special=["[한1]"], regular=["foxy"])
    old = folder.tokenizer
    assert added.pieces["foxy"] == tuple(old.encode("foxy", add_special_tokens=False).ids)
    assert old.token_to_id("[UNK]") in old.encode("[한1]", add_special_tokens=False).ids
    assert old.token_to_id("[UNK]") not in added.pieces["[한1]"]


def test_baked_in_truncation_does_not_cut_the_pieces(folder):
    folder.tokenizer.enable_truncation(1)
    folder.tokenizer.enable_padding(length=1)
    added = with_tokens(folder, regular=["hospital"])
    assert len(added.pieces["hospital"]) == len("hospital")


def test_baked_in_padding_adds_no_pieces(folder):
    padded = Tokenizer.from_str(folder.tokenizer.to_str())
    padded.enable_padding(length=50)
    pieces = with_tokens(folder, regular=["remdesivir"]).pieces
    other = TokenizerFolder(folder.name, folder.path, padded, folder.raw, folder.config)
    assert with_tokens(other, regular=["remdesivir"]).pieces == pieces
    assert padded.padding is not None


def test_a_space_in_a_normalizer_does_not_hide_a_word(make_folder):
    """With Prepend a normalized token becomes `▁cut`, and an opening bracket before it would hide it."""
    tokenizer = Tokenizer(models.WordLevel({"<unk>": 0}, unk_token="<unk>"))
    for normalizer in (
        normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]),
        normalizers.ByteLevel(),
        normalizers.Replace("u", "v"),
    ):
        tokenizer.normalizer = normalizer
        folder = make_folder(tokenizer, name=type(normalizer).__name__)
        assert "cut" in tokens_of(with_tokens(folder, regular=["cut"]), "a cut (cut)")


def test_of_two_tokens_one_inside_the_other_both_are_met(folder):
    added = with_tokens(folder, regular=["HIV", "(HIV)"])
    assert tokens_of(added, "see (HIV) , HIV") == ["see", "(HIV)", ",", "HIV"]


def test_too_many_holes_are_a_damage(make_folder):
    folder = make_folder(Tokenizer(models.WordLevel({"<unk>": 0, "a": 900_000}, unk_token="<unk>")))
    with pytest.raises(FileError, match="899,999 holes"):
        with_tokens(folder, regular=["new"])


NONSENSE = {
    "nothing": ({}, "no tokens were given"),
    "empty": ({"special": [""]}, "empty"),
    "blank": ({"regular": [" \t"]}, "empty"),
    "twice": ({"regular": ["new", "new"]}, "new is named twice"),
    "in both": ({"special": ["new"], "regular": ["new"]}, "new is named twice"),
    "no text": ({"regular": ["\ud800"]}, "not text"),
}


@pytest.mark.parametrize("case", NONSENSE)
def test_nonsense_is_refused(folder, case):
    arguments, sentence = NONSENSE[case]
    with pytest.raises(UsageError, match=sentence):
        with_tokens(folder, **arguments)


def test_ids_continue_behind_a_hole_and_never_land_in_it(make_folder):
    tokenizer = Tokenizer(models.WordLevel({"<unk>": 0, "a": 1, "b": 5, "c": 7}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    folder = make_folder(tokenizer)
    added = with_tokens(folder, special=["<x>"], regular=["y", "z"])
    assert {**added.special, **added.regular} == {"<x>": 8, "y": 9, "z": 10}
    assert added.holes_filled == 4
    assert tokens_of(added, "a b c y d") == ["a", "b", "c", "y", "<unk>"]
    assert_is_sound(folder, added)


def test_a_file_whose_ids_the_library_moves_is_refused(make_folder, kinds):
    folder = make_folder(kinds["wordpiece"][0])
    raw = json.loads((folder.path / "tokenizer.json").read_text())
    raw["added_tokens"].append({**raw["added_tokens"][-1], "id": 5000, "content": "<far>"})
    (folder.path / "tokenizer.json").write_text(json.dumps(raw))
    with pytest.raises(FileError, match="<far> has id 5000, but the library"):
        with_tokens(load(folder.path), regular=["new"])


def test_a_tokenizer_that_cannot_encode_is_a_file_problem(make_folder):
    tokenizer = Tokenizer(models.WordPiece({"a": 0}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    with pytest.raises(FileError, match=r"Missing \[UNK\]"):
        with_tokens(make_folder(tokenizer), regular=["new"])


def test_many_tokens_are_one_call(folder):
    start = time.perf_counter()
    added = with_tokens(folder, regular=[f"new{number}" for number in range(2_000)])
    assert added.after - added.before == 2_000
    assert time.perf_counter() - start < 10  # one call a token would take minutes


def test_tokens_are_read_one_a_line(tmp_path):
    (tmp_path / "tokens.txt").write_bytes("\ufeffCOVID\r\n\r\n  한국 \nhot dog\n".encode())
    assert read_token_list(tmp_path / "tokens.txt", special=False).regular == ("COVID", "한국", "hot dog")
    (tmp_path / "empty.txt").write_text("\n \n")
    with pytest.raises(FileError, match="has no tokens"):
        read_token_list(tmp_path / "empty.txt", special=True)


WORD = st.text(alphabet="abxyzABÄé가한漢.-+<>[]▁Ġ# 1_😀\u0301", min_size=1, max_size=6)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(special=st.lists(WORD, max_size=3), regular=st.lists(WORD, max_size=3))
@example(special=["<a>"], regular=["a", "<a>a"])
def test_what_is_added_is_met_and_what_cannot_be_met_is_refused(folder, special, regular):
    try:
        added = with_tokens(folder, special=special, regular=regular)
    except UsageError:
        return
    assert_is_sound(folder, added)
    for token, number in {**added.special, **added.regular}.items():
        assert number in added.tokenizer.encode(f"see {token} here").ids


@pytest.mark.parametrize(
    "token", ["漢字", "ひらがな", "カタカナ", "한국어", "ภาษา", "ພາສາ", "ភាសា", "စကား", "བོད", "ㄅㄆ"]
)
def test_a_token_of_a_script_without_spaces_matches_inside_words(token):
    assert not is_whole_word(token)
