"""Batches cut out of flat tensors on a device are those that numpy pads, whatever the rows."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some

from tokbench.finetuning.data.batches import DeviceCollator, DeviceRows, ModelInputs, pad_batch
from tokbench.finetuning.data.tokenize import UNLABELLED, EncodedRows, Units
from tokbench.finetuning.device import Machine

CPU = torch.device("cpu")
INPUTS = ("input_ids", "token_type_ids", "attention_mask")
NO_UNITS = Units(*(np.zeros(0, np.int64),) * 4)  # they only say that a label stands for each piece


@some.composite
def splits(draw):
    """Rows of random ids, some of their numbers in any order, and how they are padded."""
    lengths = draw(some.lists(some.integers(1, 12), min_size=1, max_size=9))
    random = np.random.default_rng(draw(some.integers(0, 99)))
    ids, types = random.integers(0, 50, sum(lengths)), random.integers(0, 2, sum(lengths))
    tagged = draw(some.booleans())
    labels = random.integers(0, 3, sum(lengths) if tagged else len(lengths))
    if not tagged and draw(some.booleans()):
        labels = labels.astype(np.float32)  # scores
    starts = np.cumsum([0, *lengths], dtype=np.int64)
    encoded = EncodedRows(ids, starts, types, labels, 0, NO_UNITS if tagged else None)
    inputs = draw(some.sampled_from([INPUTS, INPUTS[::2], INPUTS[:1]]))
    model_inputs = ModelInputs(
        inputs=inputs, pad_id=draw(some.integers(0, 60)), max_length=16, left=draw(some.booleans())
    )
    rows = draw(some.lists(some.integers(0, len(lengths) - 1), min_size=1, max_size=6))
    return encoded, model_inputs, np.array(rows)


@settings(deadline=None)
@given(splits())
def test_cut_batches_are_padded_ones_to_the_last_number_and_kind(split):
    encoded, model_inputs, rows = split
    wanted = pad_batch(encoded, rows, model_inputs)
    found = DeviceRows(encoded, model_inputs, CPU).batch(rows, int(encoded.lengths[rows].max()))
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)
    assert all(found[name].dtype == wanted[name].dtype for name in wanted)


@settings(deadline=None)
@given(splits(), some.integers(1, 9))
def test_a_wider_batch_has_nothing_but_padding_more(split, more):
    encoded, model_inputs, rows = split
    narrow = pad_batch(encoded, rows, model_inputs)
    wide = DeviceRows(encoded, model_inputs, CPU).batch(rows, int(encoded.lengths[rows].max()) + more)
    kept = slice(more, None) if model_inputs.left else slice(None, -more)
    added = slice(None, more) if model_inputs.left else slice(-more, None)
    fillings = {"input_ids": model_inputs.pad_id, "labels": UNLABELLED}
    for name, batch in wide.items():
        if batch.ndim == 1:
            assert torch.equal(batch, narrow[name])
            continue
        assert torch.equal(batch[:, kept], narrow[name])
        assert (batch[:, added] == fillings.get(name, 0)).all()


@pytest.mark.parametrize("left", [False, True])
def test_the_last_row_is_cut_like_any_other(left):
    encoded = EncodedRows(np.arange(5), np.array([0, 3, 5]), np.zeros(5, np.int64), np.array([0, 1]), 0)
    model_inputs = ModelInputs(inputs=INPUTS[:1], pad_id=9, max_length=8, left=left)
    found = DeviceRows(encoded, model_inputs, CPU).batch(np.array([1, 0]), 4)["input_ids"].tolist()
    assert found == ([[9, 9, 3, 4], [9, 0, 1, 2]] if left else [[3, 4, 9, 9], [0, 1, 2, 9]])


def test_a_processor_pads_without_a_copy_of_all_rows():
    encoded = EncodedRows(np.arange(3), np.array([0, 1, 3]), np.zeros(3, np.int64), np.array([0, 1]), 0)
    model_inputs = ModelInputs(inputs=INPUTS, pad_id=0, max_length=8)
    feeder = DeviceCollator(encoded, model_inputs, Machine(CPU, bf16=False))
    assert feeder.flat is None
    wanted = pad_batch(encoded, np.array([1]), model_inputs)
    assert all(torch.equal(each, wanted[name]) for name, each in feeder(np.array([1])).items())
