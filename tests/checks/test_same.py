"""Two tokenizers: identical, written differently but alike, or different with the text that shows it."""

import copy
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from tokbench.checks.same import canonical_parts, part_fingerprint, probes, same, shrunk

from .cases import cut_and_padded, no_decoder, template_of
from .folders import KINDS, clean


@pytest.fixture
def compare(tmp_path):
    """Compare a clean folder with one that was changed."""

    def run(kind, change, data=None):
        one, other = clean(kind), clean(kind)
        change(other)
        return same(one.write(tmp_path / "one"), other.write(tmp_path / "other"), data)

    return run


def in_a_sequence(files):
    files.raw["normalizer"] = {"type": "Sequence", "normalizers": [files.raw["normalizer"]]}


def reordered(files):
    files.raw = dict(reversed(files.raw.items()))
    files.raw["model"]["vocab"] = dict(reversed(files.raw["model"]["vocab"].items()))


def swapped(files):
    vocab = files.raw["model"]["vocab"]
    vocab["the"], vocab["fox"] = vocab["fox"], vocab["the"]


def another_unknown_length(files):
    files.raw["model"]["max_input_chars_per_word"] = 101


@pytest.mark.parametrize("kind", KINDS)
def test_a_tokenizer_is_identical_to_its_copy(kind, compare):
    found = compare(kind, lambda files: None)
    assert (found.verdict, found.passed) == ("identical", True)
    assert found.sha256[0] == found.sha256[1]


@pytest.mark.parametrize("change", [in_a_sequence, reordered, cut_and_padded])
def test_what_does_not_matter_does_not_count(change, compare):
    found = compare("bert", change)
    assert found.verdict == "identical", found


def test_the_same_size_with_another_vocabulary_is_named_as_what_it_is(compare):
    found = compare("bert", swapped)
    assert found.verdict == "different"
    assert found.reason == "same size, different vocabulary: 2 of 104 ids differ"
    assert found.example.text in ("the", "fox")


def test_more_tokens_under_the_same_ids_are_said_to_be_that(compare):
    found = compare("bert", lambda files: files.raw["model"]["vocab"].update(covid=104))
    assert "all tokens of the first, under the same ids, and 1 more" in found.reason
    assert found.example.text == "covid"


@pytest.mark.parametrize(
    ("change", "what"),
    [(lambda files: files.raw["normalizer"].update(lowercase=False), "ids"), (no_decoder, "decoded")],
)
def test_one_vocabulary_with_other_blocks_shows_the_shortest_text(change, what, compare):
    found = compare("bert", change)
    assert found.verdict == "different"
    assert found.example.what == what
    assert len(found.example.text) <= 2
    assert found.example.tokens[0] != found.example.tokens[1]


def test_a_difference_of_pairs_only_is_found(compare):
    def one_segment(files):
        for entry in files.raw["post_processor"]["pair"]:
            next(iter(entry.values()))["type_id"] = 0

    found = compare("bert", one_segment)
    assert (found.verdict, found.example.what) == ("different", "pair")
    assert len(found.example.text) == 1


def test_a_wrong_id_in_the_template_is_found(compare):
    assert compare("roberta", template_of("</s>", 3)).verdict == "different"


def test_a_side_that_fails_is_different_and_shown_with_its_error(compare):
    found = compare("wordlevel", lambda files: files.raw["model"].update(unk_token="[GONE]"))
    assert found.verdict == "different"
    assert any("Missing" in word for word in found.example.tokens[1])


def test_other_roles_are_a_difference_and_a_bare_file_has_none(tmp_path):
    one, other = clean("bert"), clean("bert")
    other.config["pad_token"] = "[MASK]"
    here, there = one.write(tmp_path / "one"), other.write(tmp_path / "other")
    assert same(here, there).roles == ("pad: [PAD] | [MASK]",)
    assert same(here, there / "tokenizer.json").passed


def test_what_no_probe_shows_the_users_texts_show(tmp_path, compare):
    data = tmp_path / "texts.txt"
    data.write_text("the fox\n" * 50 + "see " + "a" * 101 + " there\n", encoding="utf-8")
    assert compare("bert", another_unknown_length).verdict in ("alike", "different")
    found = compare("bert", another_unknown_length, str(data))
    assert found.verdict == "different"
    assert found.example.text == "a" * 101


def test_the_tokens_that_one_side_has_alone_are_tried_as_texts(compare):
    found = compare("characters", lambda files: files.raw["model"]["vocab"].update({"☃": files.rows()}))
    assert found.example.text == "☃"


@settings(max_examples=50, deadline=None)
@given(st.text(min_size=1, max_size=40), st.text(min_size=1, max_size=3))
def test_of_a_shrunk_text_no_character_can_be_left_out(text, needle):
    text += needle

    def shows(each):
        return all(letter in each for letter in needle)

    short = shrunk(text, shows)
    assert shows(short)
    assert not any(shows(short[:at] + short[at + 1 :]) for at in range(len(short)))


def test_the_fingerprint_depends_on_every_part():
    tokenizer = Tokenizer.from_str(KINDS["bert"]()[0].to_str())
    parts = canonical_parts(tokenizer)
    prints = {part_fingerprint(parts)}
    for name in parts:
        changed = copy.deepcopy(parts)
        changed[name] = {"changed": random.Random(0).random()}
        prints.add(part_fingerprint(changed))
    assert len(prints) == len(parts) + 1


def test_the_probes_cover_scripts_forms_spaces_and_code():
    texts = dict(probes())
    assert len(texts) >= 38
    assert {"Korean in NFD", "accents in NFD", "control characters", "Python", "emoji families"} <= set(texts)
    assert len(set(texts.values())) == len(texts)
