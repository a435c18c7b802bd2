import html
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from tokbench.corpus.cleaning.choices import parse_cleaning
from tokbench.corpus.cleaning.text_batches import Batch, in_one
from tokbench.corpus.cleaning.text_steps import length_steps, normalized, text_steps, unescaped

TEXTS = st.lists(st.text(max_size=12), max_size=8)


def run(words, texts):
    """What is left, and the tally of each step by name."""
    choices = parse_cleaning(words)
    batch, tallies = Batch(list(texts)), {}
    for tally, step in (*text_steps(choices), *length_steps(choices)):
        batch = step(batch)
        tallies[tally.name] = tally
    return batch.texts, tallies


@given(TEXTS, st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]))
def test_many_texts_in_one_get_the_form_that_each_alone_gets(texts, form):
    assert normalized(texts, form) == [unicodedata.normalize(form, text) for text in texts]


@given(TEXTS)
def test_many_texts_in_one_become_the_lower_case_of_each(texts):
    assert in_one(texts, str.lower) == [text.lower() for text in texts]


def test_a_final_sigma_does_not_see_the_next_text():
    assert in_one(["ΟΔΟΣ", "ΑΒ"], str.lower) == ["οδος", "αβ"]


@given(TEXTS)
def test_references_become_what_the_library_says_but_line_breaks(texts):
    assert unescaped(texts) == [text if "&" not in text else html.unescape(text) for text in texts]


def test_a_reference_to_a_line_break_is_a_space_and_one_to_a_reference_stays():
    assert unescaped(["a&#10;b&#x0D;c&NewLine;d", "&amp;lt;", "&#100;"]) == ["a b c d", "&lt;", "d"]


def test_steps_run_in_one_order_whatever_the_words_order():
    left, tallies = run(["min-chars=3,match=^b", "strip,lower,html"], [" B&amp;B ", "  ", "x", "b", "bee"])
    assert left == ["b&b", "bee"]
    assert list(tallies) == ["html", "lower", "strip", "empty", "match", "min-chars"]
    assert [tallies[name].dropped for name in ("empty", "match", "min-chars")] == [1, 1, 1]


def test_a_tally_counts_rows_bytes_and_shows_the_first():
    _, tallies = run("nfc,not-match=http", ["see http://é", "e\u0301", "ok"])
    assert (tallies["not-match"].dropped, tallies["not-match"].dropped_bytes) == (1, 13)
    assert tallies["not-match"].example == "see http://é"
    assert (tallies["unicode"].changed, tallies["unicode"].dropped_bytes) == (1, 1)


def test_what_a_change_of_form_did_can_be_seen():
    _, tallies = run("nfc", ["plain", "caf" + "e\u0301"])
    old, new = tallies["unicode"].example.split(" → ")
    assert old != new
    assert ascii(old) == repr(old)
