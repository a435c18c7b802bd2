"""Gradients kept by row are the whole ones, and are cut as torch cuts them."""

import copy

import pytest
import torch
from torch import nn
from transformers import BertForSequenceClassification

from tokbench.finetuning.device import Machine
from tokbench.finetuning.engines.step import Gradients

BATCHES = [([[2, 7, 7, 3], [2, 9, 3, 0]], [0, 1]), ([[2, 8, 3, 0], [2, 9, 9, 3]], [1, 0])]


@pytest.fixture
def model(model_folder):
    return BertForSequenceClassification.from_pretrained(model_folder).eval()


def loss_of(model, ids, labels):
    ids = torch.tensor(ids)
    return model(input_ids=ids, attention_mask=(ids > 0).long(), labels=torch.tensor(labels)).loss


@pytest.mark.parametrize("clip", [0.0, 1e-3, 1e3])
@pytest.mark.parametrize("parts", [1, 2])
def test_they_are_those_of_torch(model, clip, parts):
    other, gradients = copy.deepcopy(model), Gradients(model, by_row=True)
    for ids, labels in BATCHES:
        for _ in range(parts):
            with gradients.recorded():
                loss = loss_of(model, ids, labels)
            assert model.get_input_embeddings().sparse is False
            loss.backward()
            loss_of(other, ids, labels).backward()
        assert model.get_input_embeddings().weight.grad.is_sparse
        gradients.ready(clip)
        if clip:
            nn.utils.clip_grad_norm_(other.parameters(), clip)
        for mine, theirs in zip(model.parameters(), other.parameters(), strict=True):
            torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-5, atol=1e-9)
        gradients.spent()
        other.zero_grad()
        assert all(each.grad is None for each in model.parameters())


def test_rows_of_one_batch_are_not_left_to_the_next(model):
    gradients = Gradients(model, by_row=True)
    for ids, labels in BATCHES:
        with gradients.recorded():
            loss = loss_of(model, ids, labels)
        loss.backward()
        gradients.ready(1.0)
        moved = model.get_input_embeddings().weight.grad.abs().sum(dim=1).nonzero().flatten().tolist()
        gradients.spent()
        assert set(moved) == {number for row in ids for number in row} - {0}


def test_an_embedding_that_is_frozen_or_bounded_is_left_to_torch(model):
    model.get_input_embeddings().max_norm = 1.0
    assert Gradients(model, by_row=True).words is None
    model.get_input_embeddings().max_norm = None
    model.get_input_embeddings().weight.requires_grad = False
    assert Gradients(model, by_row=True).words is None


def test_memory_can_be_kept_again_and_again():
    machine = Machine(torch.device("cpu"), bf16=False)
    for _ in range(2):
        with machine.keeping_memory():
            assert torch.ones(3_000_000).sum() == 3_000_000
