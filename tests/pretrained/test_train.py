"""Training from Python: threads do what they say and change nothing; words are counted into memory, too."""

import sys
import threading
from pathlib import Path

import pytest

import tokbench as tb

TEXTS = [f"the cat{number % 7} sat on {'a ' * (number % 11)}mat number {number}" for number in range(4000)]


@pytest.fixture(params=["library", "compiled"])
def engine(request):
    if request.param == "compiled":
        pytest.importorskip("numba")
    return request.param


@pytest.mark.parametrize("recipe", ["bpe", "wordpiece", "unigram", "wordlevel", "character"])
def test_threads_change_no_byte_of_what_the_library_trains(recipe):
    english = Path("corpora/english.txt").read_text(encoding="utf-8").splitlines()[:1000]
    how = {"vocab_size": 300, "engine": "library"}
    assert len({tb.train(english, recipe, threads=number, **how).sha256 for number in (None, 1, 2)}) == 1


def test_threads_change_no_byte_of_what_the_compiled_loops_train():
    pytest.importorskip("numba")
    how = {"vocab_size": 300, "engine": "compiled"}
    found = {tb.train(TEXTS, "bpe", threads=number, **how).sha256 for number in (None, 1, 3)}
    assert found == {tb.train(TEXTS, "bpe", vocab_size=300, engine="library").sha256}


@pytest.mark.skipif(sys.platform != "linux", reason="a process's environment is read in /proc")
@pytest.mark.parametrize("recipe", ["bpe", "wordpiece", "unigram", "character"])
def test_the_librarys_process_is_told_how_many_threads_it_has(recipe):
    told = set()

    def texts():
        for number, text in enumerate(TEXTS * 20):  # more than one batch of a MiB
            if number == 19 * len(TEXTS):
                children = Path("/proc/thread-self/children").read_text().split()
                environments = [Path(f"/proc/{child}/environ").read_bytes() for child in children]
                told.update(each for every in environments for each in every.split(b"\0"))
            yield text

    tb.train(texts(), recipe, vocab_size=300, engine="library", threads=1)
    assert b"RAYON_NUM_THREADS=1" in told


@pytest.mark.parametrize("threads", [1, 3])
def test_so_many_threads_of_the_compiled_loops_count(threads):
    pytest.importorskip("numba")
    before, most = threading.active_count(), [0]

    def look(stage, *_):
        if stage == "count":
            most[0] = max(most[0], threading.active_count() - before)

    texts = [f"{text} {number}" for number in range(20) for text in TEXTS]  # some blocks of a MiB
    tb.train(texts, "bpe", vocab_size=300, engine="compiled", threads=threads, progress=look)
    assert min(threads, 2) <= most[0] <= threads  # a third starts only while the others are busy


@pytest.mark.parametrize(
    ("corpus", "threads", "words"),
    [(TEXTS, 0, "0 threads do no work"), (tb.WordCounts.of({"the": 2}), 2, "learned from in one thread")],
)
def test_threads_that_would_do_nothing_are_refused(corpus, threads, words):
    with pytest.raises(tb.TokbenchError, match=words) as caught:
        tb.train(corpus, "wordpiece", vocab_size=300, threads=threads)
    assert "leave" in caught.value.fix


def test_words_counted_in_memory_train_what_the_texts_train(engine, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = tb.count_words(TEXTS, "wordpiece", engine=engine)
    assert list(tmp_path.iterdir()) == []
    assert isinstance(words, tb.WordCounts)
    assert words.counts["the"] == 4000
    trained = tb.train(words, "wordpiece", vocab_size=300)
    assert trained.sha256 == tb.train(TEXTS, "wordpiece", vocab_size=300).sha256
    assert (trained.corpus.texts, trained.counts.words) == (4000, len(words))


def test_words_counted_in_memory_are_those_of_a_file(tmp_path):
    pytest.importorskip("pyarrow")
    words = tb.count_words(TEXTS, "bpe", min_count=2)
    counted = tb.count_words(TEXTS, "bpe", min_count=2, output=tmp_path / "counts.parquet")
    assert (len(words), words.total) == (counted.words, counted.total)
    ours, files = tb.train(words, "bpe", vocab_size=300), tb.train(counted, "bpe", vocab_size=300)
    assert ours.sha256 == files.sha256
    assert ours.counts == files.counts
    assert ours.counts.min_count == 2


def test_words_of_other_blocks_are_refused():
    words = tb.count_words(TEXTS, "wordpiece")
    with pytest.raises(tb.TokbenchError, match="counted with the normalizer"):
        tb.train(words, "bpe", vocab_size=300)
    assert (
        tb.train(words, tb.recipe("wordpiece", special=["[E1]"]), vocab_size=300).special_tokens["[E1]"] == 5
    )


def test_words_are_counted_of_every_holder_of_texts(holders):
    texts = [*TEXTS[:50], None]
    wanted = tb.count_words(texts, "wordpiece")
    for name, holder, column in holders(texts):
        assert tb.count_words(holder, "wordpiece", column=column) == wanted, name


def test_a_cluster_counts_into_a_file():
    with pytest.raises(tb.TokbenchError, match="counts into a file"):
        tb.count_words(TEXTS, "bpe", engine="dask")


def test_counted_words_are_shown_in_a_line():
    assert repr(tb.count_words(["the cat", "the"], "wordpiece")) == "WordCounts(2 words, 3 with repetitions)"
