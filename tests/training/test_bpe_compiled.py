"""The oracle is the learner in pure Python, which the library's own trainer is the oracle of."""

import json
import signal
import threading
import time
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from tokbench.errors import DataError, RecipeError, ResourceError
from tokbench.native.byte_alphabet import byte_characters
from tokbench.native.compiler import are_compiled
from tokbench.training import bpe_compiled
from tokbench.training.bpe import learn as learn_in_python
from tokbench.training.bpe_compiled import arrays_of_bytes
from tokbench.training.word_counts import WordCounts, library_counts

if not are_compiled(["learn"]):
    pytest.importorskip("numba", reason="nothing to compile with")

CORPORA = Path(__file__).parents[3] / "shared" / "data" / "corpora"
LONG = 1 << 40

few = st.text(alphabet="ab", min_size=0, max_size=14)  # repeats, overlaps, tokens made by several routes
many = st.text(alphabet="abcdeé가🦊#", min_size=1, max_size=9)
counted = st.dictionaries(
    few | many, st.integers(0, 9) | st.integers(LONG, LONG * 9), min_size=1, max_size=40
)
options = st.fixed_dictionaries(
    {"vocab_size": st.integers(-1, 150)},
    optional={
        "min_frequency": st.integers(0, 6),
        "max_token_length": st.integers(0, 9),
        "limit_alphabet": st.integers(0, 9),
        "initial_alphabet": st.lists(st.sampled_from(["a", "y", "z", "zz", ""])),
        "special_tokens": st.lists(st.sampled_from(["<s>", "a", "ab", "aba", "aab", "##b", "가"])),
        "continuing_subword_prefix": st.sampled_from(["", "##", "#", "a", "가"]),
        "end_of_word_suffix": st.sampled_from(["", "</w>", "b", "🦊"]),
    },
)


def assert_the_same(words, counts, **choices):
    ours = bpe_compiled.learn_compiled(words, **choices).merges()
    expected = learn_in_python(WordCounts(counts), **choices)
    assert ours == expected
    assert list(ours.vocab) == list(expected.vocab)


@settings(deadline=None, max_examples=120)
@given(counted, options)
def test_merges_and_vocabulary_are_those_of_the_learner_in_python(counts, choices):
    assert_the_same(WordCounts(counts), counts, **choices)


@settings(deadline=None, max_examples=120)
@given(counted, options, st.integers(1, 30), st.sampled_from([1, 5, 1 << 20]), st.sampled_from([2, 1024]))
def test_thresholds_pauses_and_growing_arrays_change_nothing(counts, choices, threshold, budget, smallest):
    with pytest.MonkeyPatch.context() as change:
        change.setattr(bpe_compiled, "first_threshold", lambda *_: threshold)
        change.setattr(bpe_compiled, "BUDGET", budget)
        change.setattr(bpe_compiled, "SMALLEST", smallest)
        assert_the_same(WordCounts(counts), counts, **choices)


@settings(deadline=None, max_examples=60)
@given(
    st.dictionaries(st.text(max_size=9), st.integers(0, 9), max_size=30), options, st.booleans(), st.randoms()
)
def test_words_as_bytes_in_any_order_are_as_good(counts, choices, bytewise, chance):
    arena = b"".join(word.encode() for word in counts)
    ends = np.cumsum([len(word.encode()) for word in counts], dtype=np.int64)
    places = np.stack([np.concatenate([[0], ends])[:-1].astype(np.int64), ends], axis=1)
    order = chance.sample(range(len(counts)), len(counts))
    words = arrays_of_bytes(
        np.frombuffer(arena, np.uint8),
        places[order],
        np.array(list(counts.values()), np.int64)[order],
        bytewise=bytewise,
        blank="▁",
    )
    spelled = byte_characters()
    same: dict[str, int] = {}
    for word, count in counts.items():
        text = "".join(spelled[b] for b in word.encode()) if bytewise else word.replace(" ", "▁")
        same[text] = same.get(text, 0) + count
    assert_the_same(words, same, **choices)


@settings(deadline=None, max_examples=60)
@given(counted, options, st.integers(0, 150))
def test_a_smaller_vocabulary_is_cut_from_a_larger_one(counts, choices, size):
    learned = bpe_compiled.learn_compiled(WordCounts(counts), **choices)
    smaller = min(size, choices["vocab_size"])
    assert learned.merges(smaller) == learn_in_python(WordCounts(counts), **choices | {"vocab_size": smaller})


def test_byte_characters_are_bytelevels():
    assert set(byte_characters()) == set(pre_tokenizers.ByteLevel.alphabet())
    split = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    for text in ("aé가🦊", *map(chr, range(0x100))):
        [(written, _)] = split.pre_tokenize_str(text)
        assert written == "".join(byte_characters()[byte] for byte in text.encode())


def test_counts_beyond_two_billion_do_not_overflow():
    assert_the_same(WordCounts(counts := {"ab": LONG, "cd": 1, "dc": 2}), counts, vocab_size=6)


def test_a_count_beyond_63_bits_is_refused():
    with pytest.raises(DataError, match="63 bits"):
        bpe_compiled.learn_compiled(WordCounts({"ab": 1 << 63}), vocab_size=6)


def test_a_vocabulary_beyond_counting_is_refused():
    with pytest.raises(RecipeError, match="too large"):
        bpe_compiled.learn_compiled(WordCounts({"a": 1}), vocab_size=LONG)


def test_more_words_than_places_can_tell_are_refused(monkeypatch):
    monkeypatch.setattr(bpe_compiled, "MOST_NUMBERS", 10)
    with pytest.raises(ResourceError, match="too many"):
        bpe_compiled.learn_compiled(WordCounts({"abcd": 1, "abc": 1}), vocab_size=6)


def test_a_word_as_long_as_a_text_takes_no_square_of_its_length():
    assert (
        len(bpe_compiled.learn_compiled(WordCounts({"ab" * 1_000_000: 1}), vocab_size=12).merges().merges)
        == 10
    )


def test_progress_reaches_its_end():
    told = {}
    bpe_compiled.learn_compiled(
        WordCounts({"abcabd": 3, "abe": 2}),
        vocab_size=9,
        progress=lambda stage, done, total=None: told.update({stage: (done, total)}),
    )
    told.pop("compile", None)
    assert told["merges"] == (9, 9)
    assert all(done == total for done, total in told.values())


def test_an_interrupt_ends_it_within_half_a_second():
    chance = np.random.default_rng(0)
    arena = chance.integers(97, 123, 6_000_000, np.uint8)
    ends = np.arange(1, 600_001, dtype=np.int64) * 10
    words = arrays_of_bytes(arena, np.stack([ends - 10, ends], axis=1), np.ones(len(ends), np.int64))
    bpe_compiled.learn_compiled(WordCounts({"a": 1}), vocab_size=2)  # compiled by now
    sent = []
    timer = threading.Timer(
        0.3, lambda: (sent.append(time.thread_time()), signal.raise_signal(signal.SIGINT))
    )
    begun = time.process_time()
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        bpe_compiled.learn_compiled(words, vocab_size=1_000_000)
    assert sent
    assert time.process_time() - begun < 0.3 + 0.5


@pytest.fixture(scope="module", params=["en", "ko", "code"])
def corpus(request):
    """A beginning of a real corpus, its words as ByteLevel makes them, and the library's splitter."""
    path = CORPORA / f"{request.param}.txt"
    if not path.exists():
        pytest.skip("needs the corpora in ../shared")
    with path.open(encoding="utf-8") as file:
        texts = list(islice(file, 12_000))
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return tokenizer, texts, library_counts(tokenizer, [texts])


@pytest.mark.slow
@pytest.mark.parametrize("size", [1_000, 8_000, 32_000])
def test_real_words_give_the_librarys_merges(corpus, size):
    tokenizer, texts, words = corpus
    choices = {"vocab_size": size, "special_tokens": ["<s>"], "min_frequency": 2}
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(show_progress=False, **choices))
    model = json.loads(tokenizer.to_str())["model"]
    learned = bpe_compiled.learn_compiled(words, **choices).merges()
    assert learned.vocab == model["vocab"]
    assert learned.merges == [(left, right) for left, right in model["merges"]]


@pytest.mark.slow
@pytest.mark.parametrize("prefix", ["", "##"])
def test_real_words_give_the_merges_of_the_learner_in_python(corpus, prefix):
    choices = {"vocab_size": 8_000, "limit_alphabet": 200, "continuing_subword_prefix": prefix}
    assert_the_same(corpus[2], corpus[2].counts, **choices)


def test_words_are_kept_as_their_merges_leave_them():
    words = WordCounts.of({"lower": 5, "lowest": 3, "low": 9, "a": 2, "newest": 4})
    found = bpe_compiled.learn_compiled(words, vocab_size=16, keep_words=True)
    left = [[found.tokens[number] for number in found.words[row]] for row in range(len(found.words))]
    assert left == [["low"], ["lower"], ["n", "ew", "est"], ["lowe", "st"]]
    assert bpe_compiled.learn_compiled(words, vocab_size=16).words is None
    assert bpe_compiled.learn_compiled(words, vocab_size=16, limit_alphabet=4, keep_words=True).words is None
