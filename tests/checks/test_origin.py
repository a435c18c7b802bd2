"""Is it the model's own tokenizer."""

import pytest

from tokbench.checks.run import check

from .cases import LORA, WTE
from .folders import clean, clean_pair
from .real_models import adapter


def found(tokenizer, model):
    return [each for each in check(tokenizer, model, quick=True).findings if each.code == "TB452"]


@pytest.fixture
def model(tmp_path):
    return clean_pair("bert").write(tmp_path / "model")


def test_the_models_own_tokenizer_elsewhere_is_fine(model, tmp_path):
    assert found(clean("bert").write(tmp_path / "copy"), model) == []
    assert found(model, model) == []


def test_another_one_of_the_same_size_is_an_error_with_the_text_that_shows_it(model, tmp_path):
    files = clean("bert")
    vocab = files.raw["model"]["vocab"]
    vocab["the"], vocab["fox"] = vocab["fox"], vocab["the"]
    (finding,) = found(files.write(tmp_path / "swapped"), model)
    assert finding.severity == "error"
    assert "same size, different vocabulary: 2 of 104" in finding.message
    assert "'the'" in finding.evidence or "'fox'" in finding.evidence


def test_one_with_more_tokens_is_a_warning(model, tmp_path):
    files = clean("bert")
    files.raw["model"]["vocab"]["covid"] = 104
    (finding,) = found(files.write(tmp_path / "grown"), model)
    assert finding.severity == "warning"


def test_a_model_without_a_tokenizer_says_nothing(model, tmp_path):
    (model / "tokenizer.json").unlink()
    assert found(clean("bert").write(tmp_path / "any"), model) == []


@pytest.mark.parametrize("trained", [[], "all"])
def test_a_new_token_whose_row_the_adapter_trains_is_no_finding(trained, tmp_path):
    letter = clean("gpt2").raw["model"]["vocab"]["a"]
    tensors = {WTE: (300, 8)} if trained == "all" else {LORA: (4, 8)}
    indices = None if trained == "all" else {"wte": [letter]}
    files = clean_pair("gpt2")
    adapter(tensors, base_rows=300, base_without="a", trainable_token_indices=indices)(files)
    checkup = check(files.write(tmp_path / "tok"), quick=True)
    assert "TB457" in checkup.checked
    assert {finding.code for finding in checkup.findings} & {"TB456", "TB457"} == set()
