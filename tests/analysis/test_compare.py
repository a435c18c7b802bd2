"""Every measure against what the library says, text by text."""

from collections import Counter

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from tokbench.analysis import corpus_metrics
from tokbench.analysis.compare import compare
from tokbench.analysis.corpus_stats import number_of_words
from tokbench.errors import UsageError
from tokbench.reporting.elements import Headline
from tokbench.reporting.views.compare import comparison as view

from .conftest import ENGLISH, KOREAN, SIZES

TEXTS = {"en": ENGLISH, "ko": KOREAN}


@pytest.fixture
def compared(saved, corpora):
    names = list(saved)
    result = compare(list(saved.values()), [str(path) for path in corpora.values()], max_length=20)
    return {(name, each.corpus): each for name, each in zip(names * 2, result.results, strict=True)}


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("corpus", TEXTS)
def test_the_measures_are_those_of_the_librarys_ids(name, corpus, compared, trained):
    found, tokenizer, texts = compared[name, corpus], trained[name], TEXTS[corpus]
    ids = [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
    whole = [len(tokenizer.encode(text).ids) for text in texts]
    often = Counter(number for each in ids for number in each)
    tokens, size = sum(often.values()), tokenizer.get_vocab_size()
    assert found.tokens == tokens
    assert found.fertility == tokens / sum(map(number_of_words, texts))
    assert found.bytes_per_token == sum(len(text.encode()) for text in texts) / tokens
    assert found.characters_per_token == sum(map(len, texts)) / tokens
    assert found.vocabulary_used == len(often)
    assert found.vocabulary_unused == size - len(often)
    counts = np.array([often.get(number, 0) for number in range(size)])
    assert found.gini == pytest.approx(corpus_metrics.gini(counts))
    assert found.renyi_efficiency == pytest.approx(corpus_metrics.renyi_efficiency(counts, vocabulary=size))
    assert found.lengths.longest == max(whole)
    assert found.lengths.mean == sum(whole) / len(whole)
    assert found.lengths.truncated == sum(length > 20 for length in whole) / len(whole)
    assert found.probe.ids_verified


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("corpus", TEXTS)
def test_unknown_tokens_are_counted_by_their_name(name, corpus, compared, trained):
    unknown = {"bpe": "none", "unigram": "<unk>"}.get(name, "[UNK]")
    ids = [
        number
        for text in TEXTS[corpus]
        for number in trained[name].encode(text, add_special_tokens=False).ids
    ]
    assert compared[name, corpus].unknown == ids.count(trained[name].token_to_id(unknown))
    assert (compared[name, corpus].unknown > 0) == (corpus == "ko" and name != "bpe")


def test_bytes_come_back_exactly_and_lower_case_but_for_its_form(compared):
    assert compared["bpe", "ko"].probe.round_trip.exact == 1.0
    lowered = compared["wordpiece", "en"].probe.round_trip
    assert (lowered.exact, lowered.normalized) == (0.0, 1.0)
    assert compared["wordpiece", "ko"].probe.round_trip.normalized == 0.0


def test_whole_words_are_never_split_and_bytes_of_korean_always(compared):
    assert compared["wordlevel", "en"].probe.continued_rate == 0.0
    assert compared["bpe", "ko"].probe.continued_rate == 1.0
    assert compared["character", "en"].probe.continued_rate > 0.9  # all but "a"


def test_a_sample_is_of_so_many_texts_and_the_same_for_the_same_seed(saved, corpora):
    def sampled(seed):
        return compare([saved["bpe"]], [str(corpora["en"])], sample=7, seed=seed)

    one, again, other = sampled(1), sampled(1), sampled(2)
    assert (one.corpora[0].texts, one.corpora[0].texts_in_all) == (7, 20)
    assert one.corpora == again.corpora
    assert one.results[0].ranks == again.results[0].ranks
    assert one.corpora != other.corpora


def test_tokenizers_of_the_same_name_are_told_apart(saved, corpora):
    result = compare([saved["bpe"], saved["unigram"]], [str(corpora["en"])])
    assert [each.name for each in result.tokenizers] == [saved["bpe"], saved["unigram"]]


def test_parallel_lines_say_what_a_language_costs(saved, corpora, trained):
    result = compare([saved["bpe"]], [], parallel=[str(corpora["en"]), str(corpora["ko"])])
    expected = [
        sum(len(trained["bpe"].encode(text, add_special_tokens=False).ids) for text in texts)
        for texts in (ENGLISH, KOREAN)
    ]
    assert result.parity.languages == ("en", "ko")
    assert result.parity.lines == 20
    [row] = result.parity.rows
    assert list(row.tokens) == expected
    assert row.parity == (1.0, expected[1] / expected[0])


def test_a_line_that_is_blank_in_one_language_is_left_out_of_all(saved, tmp_path):
    (tmp_path / "a.txt").write_text("one\n\nthree\nfour", encoding="utf-8")
    (tmp_path / "b.txt").write_text("one\ntwo\n \nfour\n", encoding="utf-8")
    result = compare([saved["bpe"]], [], parallel=[str(tmp_path / "a.txt"), str(tmp_path / "b.txt")])
    assert (result.parity.lines, result.parity.left_out) == (2, 2)
    assert result.parity.rows[0].parity == (1.0, 1.0)


@pytest.mark.parametrize(
    ("lines", "message"), [("one\ntwo\n", "fewer lines"), ("\n", "share no line"), ("", "fewer lines")]
)
def test_files_that_are_not_parallel_are_refused(lines, message, saved, tmp_path):
    (tmp_path / "a.txt").write_text("one\n", encoding="utf-8")
    (tmp_path / "b.txt").write_text(lines, encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        compare([saved["bpe"]], [], parallel=[str(tmp_path / "a.txt"), str(tmp_path / "b.txt")])


def test_long_lines_of_parallel_files_stay_whole(saved, tmp_path):
    line = "The slow clock. " * 100_000
    for name in "ab":
        (tmp_path / f"{name}.txt").write_text(f"{line}\nend\n", encoding="utf-8")
    result = compare([saved["bpe"]], [], parallel=[str(tmp_path / "a.txt"), str(tmp_path / "b.txt")])
    assert result.parity.lines == 2


def test_who_needs_fewer_tokens_is_told_as_the_share_that_is_saved(tmp_path):
    corpus = tmp_path / "some.txt"
    corpus.write_text("aaaaaaaaaa\n" * 5, encoding="utf-8")
    letters = Tokenizer(models.WordLevel({"a": 0, "[UNK]": 1}, "[UNK]"))
    letters.pre_tokenizer = pre_tokenizers.Split("a", "isolated")
    fives = Tokenizer(models.WordLevel({"aaaaa": 0, "[UNK]": 1}, "[UNK]"))
    fives.pre_tokenizer = pre_tokenizers.FixedLength(5)
    result = compare({"letters": letters, "fives": fives}, str(corpus))
    (ahead,) = result.leads
    assert (ahead.tokenizer, ahead.second, ahead.fewer_tokens) == ("fives", "letters", pytest.approx(0.8))
    said = next(part for part in view(result) if isinstance(part, Headline))
    assert "80% fewer tokens than letters" in said.text
    alike = next(
        part
        for part in view(compare({"one": letters, "two": letters}, str(corpus)))
        if isinstance(part, Headline)
    )
    assert alike.text.endswith("bytes a token, and so does two")
