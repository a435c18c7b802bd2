"""The oracle is the library's own training, several times over."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

import tokbench as tb
from tokbench.errors import DataError
from tokbench.training import library
from tokbench.training.library import DIGITS, STEP, canonical

SPECIAL = ["<unk>", "<s>"]


def trained():
    chance = random.Random(7)
    names = [
        chr(0xAC00 + number) + chr(0xB400 + number) for number in range(40)
    ]  # never one without the other
    texts = [f"{chance.choice(names)}{''.join(chance.choices('abcde  ', k=40))}" for _ in range(400)]
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=300, special_tokens=SPECIAL, unk_token="<unk>", show_progress=False
    )
    model = json.loads(library.train_in_worker(tokenizer, trainer, [texts]).to_str())["model"]
    return [(piece, score) for piece, score in model["vocab"]]


def test_trainings_that_differ_have_one_canonical_answer():
    runs = [trained() for _ in range(3)]
    assert len({tuple(run) for run in runs}) > 1
    [answer] = {tuple(canonical(run, special_count=2)) for run in runs}
    assert [piece for piece, _ in answer[:2]] == SPECIAL
    assert sorted(piece for piece, _ in answer) == sorted(piece for piece, _ in runs[0])
    lowest = min(score for _, score in answer)
    unearned = [piece for piece, score in answer if score < lowest + 40 * STEP]
    assert len(unearned) >= 40
    assert unearned == sorted(unearned, reverse=True)


def test_scores_stay_what_they_were_to_the_digit():
    raw = trained()
    scores = dict(canonical(raw, special_count=2))
    assert all(abs(scores[piece] - score) <= 0.5 * 10**-DIGITS for piece, score in raw if len(piece) > 1)


@given(
    st.permutations("abcdefg"),
    st.dictionaries(st.text("xyz", min_size=2, max_size=4), st.integers(-60_000, -10_000), max_size=9),
    st.lists(st.floats(-4e-11, 4e-11), min_size=16, max_size=16),
)
def test_noise_and_another_order_change_nothing(ladder, earned, noise):
    exact = [("a.", -6.1), *((piece, score * 10**-DIGITS) for piece, score in earned.items())]
    noisy = [(piece, score + shift) for (piece, score), shift in zip(reversed(exact), noise, strict=False)]
    climbed = [(character, -9.0 + step * 1e-4) for step, character in enumerate(ladder)]
    sorted_climb = [(character, -9.0 + step * 1e-4) for step, character in enumerate("abcdefg")]
    assert canonical(noisy + climbed) == canonical(sorted_climb + exact)


def test_a_character_that_earned_its_score_keeps_it():
    pieces = [("a", -9.0), ("b", -8.9999), ("c", -7.5), ("d", -5.0)]
    assert dict(canonical(pieces)) == dict(pieces)


def test_nothing_is_canonical_too():
    assert canonical([]) == []
    assert canonical([("<unk>", 0.0)], special_count=1) == [("<unk>", 0.0)]


def test_texts_of_which_the_blocks_leave_no_word_are_refused_in_a_sentence():
    cut = {"type": "Split", "regex": "[^a-z]+", "behavior": "removed", "invert": False}
    chosen = tb.recipe("unigram", vocab_size=300, pre_tokenizers=[cut], model={"byte_fallback": True})
    with pytest.raises(DataError, match="there are no words to learn from"):
        tb.train(["]"], chosen)
