import random
import sys
from itertools import chain, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tokbench as tb
from tokbench.checks.rebuild import rebuild
from tokbench.corpus.cleaned import CleanedCorpus, cleaned
from tokbench.corpus.cleaning.choices import parse_cleaning
from tokbench.corpus.cleaning.spool import Scratch
from tokbench.corpus.reading import as_corpus
from tokbench.errors import MissingExtraError

pytest.importorskip("rensa")

from tokbench.corpus.cleaning.near_dedup import WORDS, NearDuplicates, bands_of, spaced_words, threshold_curve

NAMES = [f"w{number}" for number in range(5_000)]
LONG = " ".join(NAMES[:200])


def left(source, words="near"):
    return [text for batch in cleaned(as_corpus(source), words) for text in batch]


def drawn(draw, words=150):
    return draw.choices(NAMES, k=words)


def changed(draw, words, times):
    words = list(words)
    for place in draw.sample(range(len(words)), times):
        words[place] = draw.choice(NAMES)
    return words


def jaccard(one, other):
    """The similarity that MinHash estimates, from the sets themselves."""
    sets = [{tuple(words[at : at + WORDS]) for at in range(len(words) - WORDS + 1)} for words in (one, other)]
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])


def is_new(texts, **options):
    with Scratch() as scratch:
        return NearDuplicates(scratch, **options)(texts)


def test_a_text_with_one_word_changed_goes_and_the_first_one_stays():
    other = " ".join(changed(random.Random(1), LONG.split(), 1))
    assert left([LONG, "something else", other, LONG + " and more"]) == [LONG, "something else"]
    assert left([other, LONG]) == [other]


def test_bands_are_the_same_in_every_process():
    texts = ["one two three four five six", "東京"]
    assert bands_of(texts)[:, 0].tolist() == [0x5A8442B46F1AE018, 0x734EE78D87B8C732]
    assert (bands_of(texts * 2_000)[-2:] == bands_of(texts)).all()


def test_different_texts_stay():
    draw = random.Random(2)
    texts = [" ".join(drawn(draw)) for _ in range(400)]
    assert left(texts) == texts


def test_white_space_between_words_makes_no_difference():
    assert left([LONG, LONG.replace(" ", "  "), LONG.replace(" ", "\n")]) == [LONG]


def test_texts_shorter_than_a_shingle_go_only_when_all_words_are_the_same():
    assert left(["a b c d", "a b c e", "a b c", "a b c d", "a  b c d", "d c b a"]) == [
        "a b c d", "a b c e", "a b c", "d c b a",
    ]  # fmt: skip


def test_where_no_spaces_are_written_characters_are_words():
    text = "".join(chr(0x4E00 + 7 * number) for number in range(120))
    assert spaced_words(text[:3] + " Tower ab") == [*text[:3], "Tower", "ab"]
    assert left([text, text[:-1], text[::-1]]) == [text, text[::-1]]


def test_recall_and_precision_against_exact_jaccard_are_those_of_the_curve():
    draw = random.Random(3)
    pairs = [(words, changed(draw, words, draw.randrange(16))) for words in (drawn(draw) for _ in range(500))]
    found = [(jaccard(*pair), not is_new([" ".join(each) for each in pair])[1]) for pair in pairs]
    for low, high in pairwise((0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 1.01)):
        of_these = [(s, dropped) for s, dropped in found if low <= s < high]
        assert len(of_these) > 30, (low, len(of_these))
        expected = sum(threshold_curve(s) for s, _ in of_these) / len(of_these)
        share = sum(dropped for _, dropped in of_these) / len(of_these)
        assert abs(share - expected) < 0.15, (low, share, expected)
    assert all(dropped for s, dropped in found if s > 0.95)
    dropped = [s for s, dropped in found if dropped]
    assert sum(s >= 0.7 for s in dropped) / len(dropped) > 0.85


@given(st.lists(st.integers(0, 6), min_size=1, max_size=25), st.integers(1, 40), st.integers(1, 7))
def test_batches_and_the_disk_change_nothing(chosen, most, size):
    draw = random.Random(4)
    words = drawn(draw, 40)
    known = [" ".join(changed(draw, words, times)) for times in range(7)]
    texts = [known[number] for number in chosen]
    at_once = is_new(texts)
    with Scratch() as scratch:
        new = NearDuplicates(scratch, most=most)
        parts = [new(texts[at : at + size]) for at in range(0, len(texts), size)]
    assert list(chain.from_iterable(parts)) == at_once


@given(st.lists(st.text(max_size=60), min_size=1, max_size=20))
def test_what_exact_dedup_drops_near_dedup_drops_and_the_first_text_stays(texts):
    new = is_new(texts)
    assert new[0]
    assert not any(is_new for at, is_new in enumerate(new) if texts[at] in texts[:at])


def test_the_unit_is_that_of_dedup(put):
    draw = random.Random(5)
    paragraph = [" ".join(drawn(draw, 12)) for _ in range(12)]
    again = [*paragraph[:-1], paragraph[-1] + " more"]
    path = put("a.txt", "\n".join([*paragraph, "", "other", "", *again, ""]).encode())
    assert left(path, "dedup=paragraph,near") == [*paragraph, "other"]
    assert left(path, "dedup=paragraph") == [*paragraph, "other", *again]
    assert left(path, "dedup,near")[-1] == "other"
    row, near = "\n\n".join([LONG, "other"]), "\n\n".join([LONG + " more", "and this"])
    assert [text.strip() for text in left([row, near], "dedup=paragraph,near")] == [row, "and this"]


def test_near_runs_after_exact_dedup_and_is_counted_with_an_example():
    done = tb.prepare_corpus([LONG, LONG, LONG + " more", "other"], clean="near,dedup", dry_run=True)
    assert [(step.name, step.rows, step.dropped) for step in done.steps] == [
        ("read", 4, 0), ("empty", 4, 0), ("dedup", 4, 1), ("near", 3, 1),
    ]  # fmt: skip
    assert done.steps[-1].example.startswith("w0 w1 w2")
    assert done.cleaning == {"dedup": "text", "near": True}


def test_a_training_repeats_it(tmp_path):
    (tmp_path / "c.txt").write_text(f"{LONG}\n{LONG} more\nother\n")
    inline = tb.train(tmp_path / "c.txt", "bpe", vocab_size=270, output=tmp_path / "tok", clean="near")
    tb.prepare_corpus(tmp_path / "c.txt", tmp_path / "clean.txt", clean="near")
    assert inline.sha256 == tb.train(tmp_path / "clean.txt", "bpe", vocab_size=270).sha256
    assert rebuild(tmp_path / "tok").passed


def test_a_missing_package_is_told_before_anything_is_read(monkeypatch):
    def corpus():
        raise AssertionError("it was read")
        yield

    monkeypatch.setitem(sys.modules, "rensa", None)
    with pytest.raises(MissingExtraError) as caught:
        tb.prepare_corpus(corpus(), clean="near")
    assert caught.value.message == "finding near duplicates needs the package rensa, which is not installed"
    assert caught.value.fix == "pip install 'tokbench[dedup]'"
    with pytest.raises(MissingExtraError):
        list(CleanedCorpus(as_corpus(["a"]), parse_cleaning("near")))
