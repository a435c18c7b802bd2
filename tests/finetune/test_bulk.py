"""Ids made in bulk are the library's, cut rows and odd tokenizers included."""

import importlib.util

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import processors

from tokbench.finetune import bulk
from tokbench.finetune.encoding import _reader, encode
from tokbench.finetune.rows import Rows
from tokbench.finetune.tasks import TASKS

needs_loops = pytest.mark.skipif(not importlib.util.find_spec("numba"), reason="numba is not installed")
TEXTS = [
    "good film",
    "x " * 80,
    "a\u00e9\u4e2d [SEP] typed",
    "",
    "\ud55c\uad6d bad!!",
    "good\tfilm\n and a line",
] * 3


@pytest.fixture(autouse=True)
def any_corpus_is_worth_it(monkeypatch):
    monkeypatch.setattr(bulk, "WORTH", 0)


@needs_loops
@pytest.mark.parametrize("max_length", [5, 64])
def test_ids_in_bulk_are_the_librarys(max_length, tokenizer):
    read = _reader(tokenizer, max_length)
    ids, cut = bulk.in_bulk(tokenizer.backend_tokenizer, TEXTS, max_length, read)
    known = read(TEXTS)
    assert [each.tolist() for each in ids] == [each.ids for each in known]
    assert cut == sum(bool(each.overflowing) for each in known)


@needs_loops
def test_a_tokenizer_that_numbers_a_single_text_otherwise_is_left_to_the_library(tokenizer):
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A:1 [SEP]:2", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    assert bulk.in_bulk(tokenizer.backend_tokenizer, TEXTS, 64, _reader(tokenizer, 64)) is None
    encoded = encode(tokenizer, Rows(["good"], None, [1]), max_length=64, task=TASKS["sst2"])
    assert encoded.type_ids.tolist() == [0, 1, 2]


@needs_loops
@settings(max_examples=30, deadline=None)
@given(texts=st.lists(st.text(min_size=1, max_size=30), min_size=1, max_size=8))
def test_both_roads_encode_any_rows_alike(texts, tokenizer_folder):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder)
    rows = Rows([f"a {text}" for text in texts], None, [0] * len(texts))
    quick = encode(tokenizer, rows, max_length=16, task=TASKS["sst2"])
    known = _reader(tokenizer, 16)(rows.texts)
    assert quick.ids.tolist() == [number for each in known for number in each.ids]
    assert np.diff(quick.starts).tolist() == [len(each.ids) for each in known]
