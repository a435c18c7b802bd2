"""The oracle is the library's own trainer, told the same words in the same numbers."""

import json
import os
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, trainers

from tokbench.errors import RecipeError
from tokbench.training.bpe import Merges, learn
from tokbench.training.word_counts import WordCounts

LONG = 1 << 40


def of_the_library(counts, **options):
    tokenizer = Tokenizer(models.BPE())
    texts = [word for word, count in counts.items() for _ in range(count)]
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(show_progress=False, **options))
    model = json.loads(tokenizer.to_str())["model"]
    return Merges(model["vocab"], [(left, right) for left, right in model["merges"]])


def assert_the_same(counts, **options):
    ours = learn(WordCounts(counts), **options)
    assert ours == of_the_library(counts, **options)
    assert list(ours.vocab.values()) == list(range(len(ours.vocab)))


few = st.text(alphabet="ab", min_size=1, max_size=14)  # repeats, overlaps, tokens made by several routes
many = st.text(alphabet="abcdeé가🦊", min_size=1, max_size=9)
counted = st.dictionaries(few | many, st.integers(1, 9), min_size=1, max_size=40)
options = st.fixed_dictionaries(
    {"vocab_size": st.integers(0, 120)},
    optional={
        "min_frequency": st.integers(0, 6),
        "max_token_length": st.integers(1, 9),
        "initial_alphabet": st.lists(st.sampled_from(["a", "y", "z", "zz"])),
        "special_tokens": st.lists(st.sampled_from(["<s>", "a", "ab", "aba", "aab"])),
    },
)


@settings(deadline=None, max_examples=150)
@given(counted, options)
def test_merges_and_vocabulary_are_the_librarys(counts, options):
    assert_the_same(counts, **options)


@settings(deadline=None, max_examples=50)
@given(counted, st.integers(0, 9))
def test_a_limited_alphabet_is_the_librarys_where_the_library_has_one_answer(counts, limit):
    characters = Counter()
    for word, count in counts.items():
        characters.update(list(word) * count)
    ranked = sorted(characters.values(), reverse=True)
    if not 0 < limit < len(ranked) or ranked[limit - 1] != ranked[limit]:
        assert_the_same(counts, vocab_size=60, limit_alphabet=limit)


@settings(deadline=None, max_examples=100)
@given(counted, options, st.sampled_from([("##", ""), ("", "</w>"), ("@@", "</w>")]))
def test_with_affixes_it_is_the_library_given_our_ids(counts, options, affixes):
    """The library's ids of affixed pieces are random, unless they come first, as special tokens."""
    affixed = {
        name: affix
        for name, affix in zip(("continuing_subword_prefix", "end_of_word_suffix"), affixes, strict=True)
        if affix
    }
    begun = learn(WordCounts(counts), **options | {"vocab_size": 0}, **affixed)
    assert learn(WordCounts(counts), **options, **affixed) == of_the_library(
        counts, **options | {"special_tokens": list(begun.vocab)}, **affixed
    )


@settings(deadline=None, max_examples=50)
@given(counted, st.randoms(use_true_random=False))
def test_the_order_of_the_words_plays_no_part(counts, chance):
    shuffled = chance.sample(sorted(counts.items()), len(counts))
    choices = {"vocab_size": 60, "continuing_subword_prefix": "##", "limit_alphabet": 5}
    assert learn(WordCounts(dict(shuffled)), **choices) == learn(WordCounts(counts), **choices)


def test_affixed_pieces_follow_the_alphabet_in_order():
    learned = learn(
        WordCounts({"ba": 2, "a": 1, "abc": 1}),
        vocab_size=0,
        special_tokens=["[UNK]"],
        continuing_subword_prefix="##",
        end_of_word_suffix="</w>",
    )
    assert list(learned.vocab) == ["[UNK]", "a", "b", "c", "##a</w>", "##b", "##c</w>", "a</w>"]


def test_characters_equally_frequent_at_the_limit_are_kept_by_code_point():
    assert list(learn(WordCounts({"dcba": 1}), vocab_size=0, limit_alphabet=2).vocab) == ["a", "b"]


def test_counts_beyond_two_billion_do_not_overflow():
    learned = learn(WordCounts({"ab": LONG, "cd": 1, "dc": 2}), vocab_size=6)
    assert learned.merges == [("a", "b"), ("d", "c")]


def test_a_word_as_long_as_a_text_takes_no_square_of_its_length():
    assert len(learn(WordCounts({"ab" * 100_000: 1}), vocab_size=12).merges) == 10


def test_a_vocabulary_beyond_counting_is_refused():
    with pytest.raises(RecipeError, match="too large"):
        learn(WordCounts({"a": 1}), vocab_size=LONG)


def test_progress_reaches_its_end():
    told = {}
    learn(
        WordCounts({"abcabd": 3, "abe": 2}),
        vocab_size=9,
        progress=lambda stage, done, total=None: told.update({stage: (done, total)}),
    )
    assert told == {"pairs": (2, 2), "merges": (9, 9)}


def test_fresh_processes_with_other_hashes_learn_the_same():
    program = (
        "from tokbench.training.word_counts import WordCounts; from tokbench.training.bpe import learn;"
        "words = {f'{n * n:o}': n % 7 + 1 for n in {str(n) and n for n in range(900)}};"
        "print(learn(WordCounts(words), vocab_size=200, continuing_subword_prefix='##', limit_alphabet=7))"
    )
    answers = {
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(answers) == 1
    assert b"##" in answers.pop()
