"""Ids made in bulk are the library's: texts and pairs, cut rows and odd tokenizers included."""

import importlib.util
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from tokbench.finetuning.data import tokenize
from tokbench.finetuning.data.rows import Rows
from tokbench.finetuning.data.tokenize import _reader, pair_template, tokenize_rows
from tokbench.finetuning.tasks import TASKS
from tokbench.recipes.build import build
from tokbench.recipes.presets import PRESETS
from tokbench.recipes.recipe import change
from tokbench.training.engine import ENCODING_ROWS

needs_loops = pytest.mark.skipif(not importlib.util.find_spec("numba"), reason="numba is not installed")
TEXTS = [
    "good film",
    "x " * 80,
    "a\u00e9\u4e2d [SEP] typed",
    "",
    "\ud55c\uad6d bad!!",
    "good\tfilm\n and a line",
] * 3
OTHERS = [*TEXTS[5:], *TEXTS[:5]]
CLS, SEP = ("[CLS]", 2), ("[SEP]", 3)
PAIRED = {
    "none": None,
    "byte level": processors.ByteLevel(),
    "bert": processors.BertProcessing(SEP, CLS),
    "roberta": processors.RobertaProcessing(SEP, CLS),
    "sequence": processors.Sequence([processors.ByteLevel(), processors.BertProcessing(SEP, CLS)]),
    "second text first": processors.TemplateProcessing(
        single="$A", pair="$B:1 [SEP]:2 $A:3 [CLS]", special_tokens=[CLS, SEP]
    ),
    "one segment": processors.TemplateProcessing(
        single="[CLS] $A", pair="[CLS] $A [CLS] $B", special_tokens=[CLS]
    ),
    "two ids in one": processors.TemplateProcessing(
        single="$A",
        pair=["$A", "both", "$B:1"],
        special_tokens=[{"id": "both", "ids": [3, 2], "tokens": ["[SEP]", "[CLS]"]}],
    ),
}


@pytest.fixture(autouse=True)
def any_corpus_is_worth_it(monkeypatch):
    monkeypatch.setattr(tokenize, "ENCODING_ROWS", replace(ENCODING_ROWS, worth=0))


def assert_the_librarys(found, known):
    assert found.ids.tolist() == [number for each in known for number in each.ids]
    assert found.segments.ids.tolist() == [number for each in known for number in each.type_ids]
    assert found.lengths.tolist() == [len(each.ids) for each in known]
    assert found.truncated == sum(bool(each.overflowing) for each in known)


def rows_of(texts, pairs=None) -> Rows:
    return Rows(texts, pairs, [0] * len(texts))


@needs_loops
@pytest.mark.parametrize("max_length", [5, 64])
def test_ids_in_bulk_are_the_librarys(max_length, tokenizer):
    read = _reader(tokenizer, max_length)
    found = tokenize.in_bulk(tokenizer.backend_tokenizer, rows_of(TEXTS), max_length, read)
    assert_the_librarys(found, read(TEXTS))


@needs_loops
@pytest.mark.parametrize("max_length", [5, 20, 400])
@pytest.mark.parametrize("name", PAIRED)
@pytest.mark.parametrize("side", ["right", "left"])
def test_pairs_in_bulk_are_the_librarys(name, max_length, side, tokenizer):
    if PAIRED[name] is None:
        backend = tokenizer.backend_tokenizer
        bare = Tokenizer(backend.model)
        bare.normalizer, bare.pre_tokenizer = backend.normalizer, backend.pre_tokenizer
        tokenizer._tokenizer = bare
    else:
        tokenizer.backend_tokenizer.post_processor = PAIRED[name]
    tokenizer.truncation_side = side
    backend, read = tokenizer.backend_tokenizer, _reader(tokenizer, max_length)
    found = tokenize.in_bulk(backend, rows_of(TEXTS, OTHERS), max_length, read)
    assert_the_librarys(found, backend.encode_batch(list(zip(TEXTS, OTHERS, strict=True))))


@pytest.mark.parametrize("no_loops", ["", "1"])
def test_pairs_have_the_ids_that_transformers_gives_them(no_loops, tokenizer, monkeypatch):
    monkeypatch.setenv("TOKBENCH_NO_COMPILE", no_loops)
    known = tokenizer(TEXTS, OTHERS, truncation=True, max_length=20)
    encoded = tokenize_rows(tokenizer, rows_of(TEXTS, OTHERS), max_length=20, task=TASKS["rte"])
    assert encoded.ids.tolist() == [number for row in known["input_ids"] for number in row]
    assert encoded.type_ids.tolist() == [number for row in known["token_type_ids"] for number in row]


LEFT_TO_THE_LIBRARY = {"clip", "deepseek"}  # three splits, and pieces that end words, have no compiled form


@needs_loops
@pytest.mark.parametrize("name", [name for name, each in PRESETS.items() if each.algorithm != "unigram"])
def test_pairs_of_every_preset_in_bulk_are_the_librarys(name):
    recipe = change(PRESETS[name], {"vocab_size": "700"})
    backend = build(recipe, [[*TEXTS, "Nobody saw the harbour, though it's 12:30."]])
    backend.enable_truncation(24)

    def read(some):
        return backend.encode_batch_fast(some)

    found = tokenize.in_bulk(backend, rows_of(TEXTS, OTHERS), 24, read)
    assert (found is None) == (name in LEFT_TO_THE_LIBRARY)
    if found is not None:
        assert_the_librarys(found, read(list(zip(TEXTS, OTHERS, strict=True))))


@pytest.mark.parametrize(
    "post_processor",
    [
        {"type": "TemplateProcessing", "pair": ["A", "A", "B"]},
        {"type": "TemplateProcessing", "pair": ["A"]},
        {"type": "Sequence", "processors": [{"type": "SomethingNew"}]},
    ],
)
def test_a_template_without_each_text_once_is_left_to_the_library(post_processor):
    class Block:
        """A post_processor of a later version of the library."""

        def __getstate__(self):
            pieces = [{"Sequence": {"id": each, "type_id": 0}} for each in post_processor.get("pair", ())]
            return json.dumps({**post_processor, "pair": pieces, "special_tokens": {}}).encode()

    class Later:
        post_processor = Block()

    assert pair_template(Later()) is None


@needs_loops
def test_two_post_processors_that_add_tokens_are_left_to_the_library(tokenizer):
    backend = tokenizer.backend_tokenizer
    backend.post_processor = processors.Sequence([PAIRED["bert"], PAIRED["roberta"]])
    assert tokenize.in_bulk(backend, rows_of(TEXTS, OTHERS), 64, _reader(tokenizer, 64)) is None
    encoded = tokenize_rows(tokenizer, rows_of(TEXTS, OTHERS), max_length=64, task=TASKS["rte"])
    known = _reader(tokenizer, 64)(list(zip(TEXTS, OTHERS, strict=True)))
    assert encoded.ids.tolist() == [number for each in known for number in each.ids]


@needs_loops
def test_a_tokenizer_that_numbers_a_single_text_otherwise_is_left_to_the_library(tokenizer):
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A:1 [SEP]:2", special_tokens=[CLS, SEP]
    )
    assert tokenize.in_bulk(tokenizer.backend_tokenizer, rows_of(TEXTS), 64, _reader(tokenizer, 64)) is None
    encoded = tokenize_rows(tokenizer, Rows(["good"], None, [1]), max_length=64, task=TASKS["sst2"])
    assert encoded.type_ids.tolist() == [0, 1, 2]


@needs_loops
def test_a_row_that_the_library_encodes_otherwise_leaves_all_to_it(tokenizer):
    read = _reader(tokenizer, 64)
    texts = [f"a good film {number}" for number in range(tokenize.PROBED)]
    for differs in (0, 33, 63):  # in the first, the middle and the last of the sample

        def other(some, differs=differs):
            return read(["bad" if each == texts[differs] else each for each in some])

        said = []
        assert tokenize.in_bulk(tokenizer.backend_tokenizer, rows_of(texts), 64, other, said=said) is None
        assert "do not agree on some of the rows" in said[0]


@pytest.mark.parametrize("pairs", [None, TEXTS])
def test_a_model_without_loops_is_encoded_once_and_by_the_library(pairs, tokenizer, monkeypatch):
    backend = tokenizer.backend_tokenizer
    pieces = [("[UNK]", 0.0), ("good", -1.0), *((letter, -2.0) for letter in "abcdefghijklmnopqrstuvwxyz")]
    backend.model = models.Unigram(pieces, 0, False)
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    monkeypatch.setattr(tokenize, "encode_batches", None)  # whoever called it would fail
    known = _reader(tokenizer, 20)(TEXTS if pairs is None else list(zip(TEXTS, pairs, strict=True)))
    encoded = tokenize_rows(tokenizer, rows_of(TEXTS, pairs), max_length=20, task=TASKS["sst2"])
    assert encoded.ids.tolist() == [number for each in known for number in each.ids]
    assert encoded.type_ids.tolist() == [number for each in known for number in each.type_ids]
    assert encoded.truncated == sum(bool(each.overflowing) for each in known)


@needs_loops
@settings(max_examples=30, deadline=None)
@given(texts=st.lists(st.text(min_size=1, max_size=30), min_size=1, max_size=8))
def test_both_roads_encode_any_rows_alike(texts, tokenizer_folder):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder)
    rows = rows_of([f"a {text}" for text in texts])
    quick = tokenize_rows(tokenizer, rows, max_length=16, task=TASKS["sst2"])
    known = _reader(tokenizer, 16)(rows.texts)
    assert quick.ids.tolist() == [number for each in known for number in each.ids]
    assert np.diff(quick.starts).tolist() == [len(each.ids) for each in known]


@needs_loops
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pairs=st.lists(st.tuples(st.text(max_size=30), st.text(max_size=30)), min_size=1, max_size=8),
    max_length=st.integers(4, 40),
    name=st.sampled_from([name for name in PAIRED if name != "none"]),
)
def test_both_roads_encode_any_pairs_alike(pairs, max_length, name, tokenizer):
    tokenizer.backend_tokenizer.post_processor = PAIRED[name]
    read = _reader(tokenizer, max_length)
    rows = rows_of([first for first, _ in pairs], [second for _, second in pairs])
    found = tokenize.in_bulk(tokenizer.backend_tokenizer, rows, max_length, read)
    assert_the_librarys(found, read(pairs))
