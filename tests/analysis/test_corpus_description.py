"""A corpus described in one pass: each number is that of the plain way to it, or is said to be estimated."""

import unicodedata
from collections import Counter

import numpy as np
import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

import tokbench as tb
from tokbench.analysis import corpus_description
from tokbench.analysis.corpus_description import DistinctHashes, describe_corpus
from tokbench.analysis.corpus_stats import number_of_words, words
from tokbench.analysis.scripts import LANGUAGES, NAMES, ScriptNumbers
from tokbench.errors import DataError

SIGNS = ("\u202f", "\u00a0", "\u200d", "\ufeff", "\x07", "\u0301", "\u2028", "\x1c", "…", "👍🏽")
WRITTEN = (
    "can't",
    "안녕",
    "漢字",
    "かな",
    "カナ",
    "ไทย",
    "é",
    "e\u0301",
    "\u1112\u1161\u11ab",
    "Привет",
    "नमस्ते",
)
PIECES = st.sampled_from([*"ab'.,:_-( 1\t", "3.14", *SIGNS, *WRITTEN])
TEXTS = st.lists(st.lists(PIECES, max_size=12).map("".join), min_size=1, max_size=12)


def kept(texts):
    return [text for text in texts if text and not text.isspace()]


@given(TEXTS.filter(kept))
def test_all_numbers_are_those_of_the_plain_way(texts):
    found, texts = describe_corpus(iter(texts)), kept(texts)
    whole = "".join(texts)
    assert (found.texts, found.characters, found.utf8_bytes) == (len(texts), len(whole), len(whole.encode()))
    assert found.distinct_characters == len(set(whole))
    assert found.distinct_texts == len(set(texts))
    assert found.utf8_bytes - found.repeated_bytes == sum(len(text.encode()) for text in set(texts))
    for form, told in (("NFC", found.nfc), ("NFD", found.nfd)):
        assert told == sum(unicodedata.is_normalized(form, text) for text in texts) / len(texts)
    assert found.lengths.longest == max(map(len, texts))
    assert found.lengths.mean == pytest.approx(len(whole) / len(texts))
    assert sum(count for _, _, count in found.lengths.bars) == len(texts)
    odd = Counter(
        each
        for each in whole
        if unicodedata.category(each) in ("Cc", "Cf", "Co", "Cn") and each not in "\t\n\r"
    )
    assert {(each.code_point, each.count) for each in found.odd} == {
        (f"U+{ord(each):04X}", count) for each, count in odd.items()
    }
    assert found.distinct_words_exact
    assert found.distinct_texts_exact


@given(TEXTS.filter(kept))
def test_words_are_those_of_the_runs_between_white_space(texts):
    found = describe_corpus(iter(texts))
    runs = [run for text in kept(texts) for run in regex.split(r"[^\S\u202f]+", text)]
    assert found.words == sum(map(number_of_words, runs))
    assert found.distinct_words == len({word for run in runs for word in words(run)})


@given(st.lists(st.text("ab'.,:_ 1안漢é", min_size=1), min_size=1).filter(kept))
def test_words_are_counted_as_compare_counts_them(texts):
    assert describe_corpus(iter(texts)).words == sum(map(number_of_words, kept(texts)))


@given(TEXTS.filter(kept))
def test_letters_stand_in_the_scripts_that_unicode_says(texts):
    found, texts = describe_corpus(iter(texts)), kept(texts)

    def letters(text):
        names = {
            name: len(regex.findall(rf"[\p{{L}}&&\p{{Script={name}}}]", text, regex.V1)) for name in LANGUAGES
        }
        return {name: count for name, count in names.items() if count}

    assert {each.name: each.letters for each in found.scripts} == letters("".join(texts))
    main = Counter()
    for text in texts:
        counts = letters(text)
        main[max(counts, key=lambda name: (counts[name], -NAMES.index(name))) if counts else ""] += 1
    assert {each.name: each.texts for each in found.scripts if each.texts} == {
        name: count for name, count in main.items() if name
    }
    assert found.texts_without_letters == main[""]
    assert sum(each.share for each in found.scripts) == pytest.approx(1 if found.scripts else 0)


def test_a_file_and_its_texts_in_a_list_are_described_alike(tmp_path):
    texts = ["one can't", "two\u202fthree", "안녕 e\u0301", "one can't", "[" * 300]
    (tmp_path / "a.txt").write_text("\n".join([*texts, "", " "]) + "\n", encoding="utf-8")
    file, held = describe_corpus(tmp_path / "a.txt").to_dict(), describe_corpus(iter(texts)).to_dict()
    assert file.pop("sources") == [str(tmp_path / "a.txt")]
    assert held.pop("sources") == ["texts"]
    assert (file.pop("blank"), held.pop("blank")) == (2, 0)
    assert file == held


def test_compiled_loops_and_python_find_the_same_words(tmp_path, monkeypatch):
    lines = [f"word{number * 7919 % 991} can't 안녕{number % 77} ({number})," for number in range(3000)]
    (tmp_path / "a.txt").write_text("\n".join(lines), encoding="utf-8")
    scanner = corpus_description._run_scanner
    monkeypatch.setattr(corpus_description, "_run_scanner", lambda size: scanner(1 << 30))
    compiled = describe_corpus(tmp_path / "a.txt")
    monkeypatch.setattr(corpus_description, "_run_scanner", lambda size: None)
    assert describe_corpus(tmp_path / "a.txt") == compiled
    assert compiled.words == sum(map(number_of_words, lines))


def test_what_is_remembered_changes_nothing(monkeypatch):
    texts = [f"word{number % 50} other{number % 7}" for number in range(500)]
    wanted = describe_corpus(iter(texts))
    monkeypatch.setattr(corpus_description, "REMEMBERED", 3)
    assert describe_corpus(iter(texts)) == wanted


@pytest.mark.parametrize("number", [10, 100, 5_000])
def test_distinct_hashes_are_exact_up_to_a_number_and_estimates_beyond_it(number):
    sketch = DistinctHashes(1000)
    for start in (0, 0, number // 2):
        things = [str(each).encode() for each in range(start, number)]
        sketch.add(map(corpus_description._hash, things), np.full(len(things), 3))
    if number <= 1000:
        assert (sketch.is_exact, sketch.count, sketch.sizes) == (True, number, 3 * number)
    else:
        assert not sketch.is_exact
        assert abs(sketch.count / number - 1) < 4 * 1.2 / 500**0.5
        assert sketch.sizes == 3 * sketch.count


def test_an_estimate_depends_on_what_there_is_and_not_on_its_order(monkeypatch):
    monkeypatch.setattr(corpus_description, "MOST_TEXTS", 64)
    monkeypatch.setattr(corpus_description, "MOST_WORDS", 64)
    texts = [f"text{number}" for number in range(2000)]
    first, second = describe_corpus(iter(texts)), describe_corpus(iter(texts[::-1]))
    assert not first.distinct_texts_exact
    assert not first.distinct_words_exact
    assert (first.distinct_texts, first.distinct_words) == (second.distinct_texts, second.distinct_words)
    assert first.distinct_texts <= first.texts


def test_what_a_tokenizer_loses_is_told_apart():
    texts = ["the cat sat on a mat", "a cat"] * 20
    kept_all = tb.train(texts, "bpe", vocab_size=300).folder
    loses = tb.train(texts, "wordpiece", vocab_size=60).folder
    loss = describe_corpus(iter(["a cat", "카 카\x07 z"]), tokenizer=loses).loss
    assert {(each.code_point, each.count) for each in loss.most_unknown} >= {("U+CE74", 2), ("U+007A", 1)}
    assert [each.code_point for each in loss.most_dropped] == ["U+0007"]
    assert (loss.dropped, loss.dropped_share) == (1, 1 / 11)
    assert loss.unknown == sum(each.count for each in loss.most_unknown)
    whole = describe_corpus(iter(["a cat", "카 카\x07 z"]), tokenizer=kept_all).loss
    assert (whole.unknown, whole.dropped) == (0, 0)
    assert describe_corpus(iter(["a cat"])).loss is None


def test_a_long_text_counts_as_the_longest_that_is_told_apart_but_for_the_longest():
    found = describe_corpus(iter(["x" * 100_000, "y"]))
    assert (found.lengths.longest, found.lengths.p99) == (100_000, 65_536)
    assert found.lengths.bars[-1][1] == 100_000


def test_what_was_guessed_is_told(tmp_path):
    (tmp_path / "a.csv").write_text("id,text\n1,good\n")
    assert (
        describe_corpus(tmp_path / "a.csv").notes[0].startswith(f"{tmp_path}/a.csv: the texts are its column")
    )


def test_a_corpus_without_texts_is_refused():
    with pytest.raises(DataError, match="no texts in texts"):
        describe_corpus(iter(["", " "]))


def test_scripts_of_letters_beyond_the_list_are_called_other():
    numbers = ScriptNumbers().of(np.array([ord("\U00010900"), ord("a"), ord("1"), ord("\u0301")]))
    assert [NAMES[each] for each in numbers] == ["other", "Latin", "", ""]
