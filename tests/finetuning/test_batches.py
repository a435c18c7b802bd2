from itertools import chain

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from tokbench.errors import ChecksFailedError, DataError
from tokbench.finetuning.data.batches import Batches, ModelInputs, by_length, grouped, pad_batch
from tokbench.finetuning.data.rows import Rows
from tokbench.finetuning.data.tokenize import Limits, must_fit, tokenize_rows
from tokbench.finetuning.tasks import TASKS

FEED = ModelInputs(inputs=("input_ids", "token_type_ids", "attention_mask"), pad_id=0, max_length=64)
TEXTS = ["it rained", "a", "the old mill stands by the river", "no"]
PAIRS = ["yes", "it did not rain at all", "where is the mill", "b"]
lengths = st.lists(st.integers(1, 60), min_size=1, max_size=400).map(np.array)


@given(lengths, st.integers(1, 9), st.integers(0, 99))
def test_every_row_is_in_exactly_one_batch(lengths, size, seed):
    for batches in (grouped(lengths, size, (seed, 0)), by_length(lengths, size)):
        assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
        assert len(batches) == -(-len(lengths) // size)
        assert all(0 < len(batch) <= size for batch in batches)


@given(lengths, st.integers(0, 99))
def test_the_same_seed_gives_the_same_batches(lengths, seed):
    first, again = grouped(lengths, 4, (seed, 1)), grouped(lengths, 4, (seed, 1))
    assert all(np.array_equal(one, other) for one, other in zip(first, again, strict=True))


def test_rows_of_like_length_stand_together():
    lengths = np.random.default_rng(0).integers(4, 60, 2_000)
    together = sum(lengths[batch].max() * len(batch) for batch in grouped(lengths, 32, (0, 0)))
    apart = sum(lengths[start : start + 32].max() * 32 for start in range(0, 2_000, 32))
    assert together / lengths.sum() < 1.05 < 1.7 < apart / lengths.sum()


def test_epochs_differ_and_batches_do_not_come_sorted(tokenizer):
    rows = Rows([f"a {'b ' * (number % 17)}" for number in range(80)], None, [0] * 80)
    batches = Batches(
        encoded=tokenize_rows(tokenizer, rows, max_length=64, task=TASKS["sst2"]),
        model_inputs=FEED,
        size=4,
        seed=1,
    )
    widths = [[batch["input_ids"].shape[1] for batch in batches.epoch(number)] for number in (0, 1)]
    assert len(batches) == len(widths[0])
    assert widths[0] != widths[1]
    assert widths[0] not in (sorted(widths[0]), sorted(widths[0], reverse=True))
    assert 0 <= batches.padding(2) < 0.1


@pytest.fixture(scope="session")
def tokenizer_of_session(tokenizer_folder):
    return AutoTokenizer.from_pretrained(tokenizer_folder)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.text("ab .", min_size=1), st.text("ab .", min_size=1)), min_size=1),
    st.integers(4, 12),
)
def test_ids_are_those_of_the_wrapper(tokenizer_of_session, pairs, max_length):
    texts, others = map(list, zip(*pairs, strict=True))
    wanted = tokenizer_of_session(texts, others, truncation=True, max_length=max_length)
    found = tokenize_rows(
        tokenizer_of_session, Rows(texts, others, [0] * len(texts)), max_length=max_length, task=TASKS["sst2"]
    )
    assert found.ids.tolist() == list(chain.from_iterable(wanted["input_ids"]))
    assert found.type_ids.tolist() == list(chain.from_iterable(wanted["token_type_ids"]))
    assert found.lengths.tolist() == list(map(len, wanted["input_ids"]))
    whole = map(len, tokenizer_of_session(texts, others)["input_ids"])
    assert found.truncated == sum(length > max_length for length in whole)


@pytest.mark.parametrize("side", ["left", "right"])
def test_batches_are_padded_as_the_wrapper_pads(side, tokenizer):
    tokenizer.padding_side = side
    wanted = tokenizer(TEXTS, PAIRS, padding=True, return_tensors="pt")
    encoded = tokenize_rows(tokenizer, Rows(TEXTS, PAIRS, [0, 1, 0, 1]), max_length=64, task=TASKS["sst2"])
    model_inputs = ModelInputs(
        inputs=FEED.inputs, pad_id=tokenizer.pad_token_id, max_length=64, left=side == "left"
    )
    batch = pad_batch(encoded, np.arange(4), model_inputs)
    assert all(torch.equal(batch[name], wanted[name]) for name in FEED.inputs)
    assert batch["labels"].tolist() == [0, 1, 0, 1]


def test_a_text_without_any_token_is_named(tokenizer):
    tokenizer.backend_tokenizer.post_processor = None
    with pytest.raises(DataError, match=r"1 row has no token at all.*' '") as caught:
        tokenize_rows(tokenizer, Rows(["a", " "], None, [0, 1]), max_length=8, task=TASKS["sst2"])
    assert caught.value.fix


def test_an_id_without_a_row_is_named_before_the_first_step(tokenizer):
    encoded = tokenize_rows(tokenizer, Rows(["good"], None, [0]), max_length=8, task=TASKS["sst2"])
    must_fit(encoded, Limits(len(tokenizer), 2, 64), tokenizer, "model")
    number = tokenizer.convert_tokens_to_ids("good")
    with pytest.raises(
        ChecksFailedError, match=f"'good' is id {number}, and the model has rows for ids below {number}"
    ):
        must_fit(encoded, Limits(number, 2, 64), tokenizer, "model")


def test_a_segment_the_model_does_not_know_is_named(tokenizer):
    encoded = tokenize_rows(tokenizer, Rows(TEXTS, PAIRS, [0] * 4), max_length=64, task=TASKS["sst2"])
    with pytest.raises(ChecksFailedError, match="numbers its segments up to 1, and the model knows 1"):
        must_fit(encoded, Limits(999, 1, 64), tokenizer, "model")
