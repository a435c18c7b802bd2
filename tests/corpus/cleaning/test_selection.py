import pytest

from tokbench.corpus.cleaned import cleaned
from tokbench.corpus.cleaning.choices import parse_cleaning
from tokbench.corpus.reading import as_corpus
from tokbench.errors import DataError, UsageError

TEXTS = [f"text number {number}" for number in range(2_000)]


def left(source, **options):
    return [text for batch in cleaned(as_corpus(source), parse_cleaning(**options)) for text in batch]


def size(texts):
    return sum(len(text.encode()) for text in texts)


@pytest.mark.parametrize(("small", "large"), [("50", "700"), ("5%", "0.5"), ("1KB", "20KB")])
def test_a_smaller_sample_is_part_of_a_larger_one(small, large):
    one, other = left(TEXTS, sample=small), left(TEXTS, sample=large)
    assert set(one) < set(other) < set(TEXTS)
    assert sorted(one, key=TEXTS.index) == one


def test_a_sample_has_the_size_that_was_asked_for():
    assert len(left(TEXTS, sample="321")) == 321
    assert 1024 - 16 < size(left(TEXTS, sample="1KB")) <= 1024
    assert 0.45 < len(left(TEXTS, sample="50%")) / 2_000 < 0.55


def test_another_seed_draws_another_sample_and_the_same_the_same():
    assert left(TEXTS, sample="50") == left(TEXTS, sample="50")
    assert left(TEXTS, sample="50") != left(TEXTS, sample="50", seed=1)


@pytest.fixture
def two(put):
    put("texts/en.txt", "".join(f"english {number}\n" for number in range(3_000)).encode())
    return put("texts/ko.txt", "".join(f"한국어 {number}\n" for number in range(1_000)).encode()).parent


def halves(texts):
    english = [text for text in texts if text.startswith("english")]
    return size(english), size(texts) - size(english)


@pytest.mark.parametrize("weights", ["en=3,ko=1", "3,1", "en.txt=75%,ko.txt=25%"])
def test_weights_are_a_ratio_of_bytes_and_no_text_is_taken_twice(two, weights):
    texts = left(two, weights=weights)
    english, korean = halves(texts)
    assert english / korean == pytest.approx(3, rel=0.01)
    assert len(set(texts)) == len(texts)
    assert english > 0.95 * size([f"english {number}" for number in range(3_000)])  # it ran out first


def test_a_weighted_sample_of_bytes_keeps_the_ratio_and_nests(two):
    small, large = (left(two, weights="en=1,ko=3", sample=each) for each in ("2KB", "8KB"))
    english, korean = halves(small)
    assert korean / english == pytest.approx(3, rel=0.1)
    assert set(small) < set(large)


def test_weights_name_folders_too(put):
    put("a/en/one.txt", b"one\n")
    folder = put("a/ko/two.txt", b"two\n").parent.parent
    assert sorted(left(folder, weights="en=1,ko=1")) == ["one", "two"]


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ("en=3,kr=1", "ko.txt has no weight"),
        ("en=3,ko=1,fr=1", "no source is named fr"),
        ("3,1,2", "has 3 numbers for 2 sources"),
        ("en=3,ko=1,texts=1", "has two weights"),
    ],
)
def test_weights_that_do_not_fit_the_sources_are_refused(two, weights, said):
    with pytest.raises(UsageError) as caught:
        left(two, weights=weights)
    assert said in caught.value.message
    assert caught.value.fix


@pytest.mark.parametrize(("sample", "fix"), [("2001", "--sample 2000"), ("1GB", "--sample 30890B")])
def test_a_sample_larger_than_the_corpus_says_what_there_is(sample, fix):
    with pytest.raises(DataError) as caught:
        left(TEXTS, sample=sample)
    assert fix in caught.value.fix
