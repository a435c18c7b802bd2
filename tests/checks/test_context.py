"""What a context tells of a tokenizer's folder."""

import json

import pytest
from tokenizers import Tokenizer, models

from tokbench.checks.context import check_context
from tokbench.errors import FileError

from .cases import CASES, cut_and_padded
from .folders import BERT, clean, clean_pair


def test_roles_are_those_declared_and_never_guessed(tmp_path):
    files = clean("bert")
    assert check_context(files.write(tmp_path / "declared")).roles == BERT
    files.config = None
    assert check_context(files.write(tmp_path / "bare")).roles == {}


def test_the_older_file_of_roles_counts_as_it_does_for_transformers(tmp_path):
    files = clean("bert")
    files.sides["special_tokens_map.json"] = {"pad_token": {"content": "[MASK]"}}
    assert check_context(files.write(tmp_path)).roles["pad"] == "[MASK]"


def test_nothing_is_truncated_or_padded_while_looking(tmp_path):
    files = clean("bert")
    cut_and_padded(files)
    context = check_context(files.write(tmp_path))
    assert len(context.tokenizer.encode("a b c d e f g h").ids) == 10
    assert context.raw["truncation"]["max_length"] == 4


def test_blocks_come_without_their_sequences(tmp_path):
    context = check_context(clean("t5").write(tmp_path))
    assert [block["type"] for block in context.blocks("pre_tokenizer")] == ["WhitespaceSplit", "Metaspace"]
    assert context.has("normalizer", "NFKC")
    assert not context.has("post_processor", "ByteLevel")


def test_the_unknown_token_of_unigram_is_found_by_its_place(tmp_path):
    assert check_context(clean("t5").write(tmp_path)).unknown == "<unk>"


def test_the_size_is_the_highest_id_and_one(tmp_path):
    files = clean("bert")
    files.raw["model"]["vocab"]["the"] = 700
    assert check_context(files.write(tmp_path)).size == 701


def test_a_model_in_the_same_folder_is_found(tmp_path):
    assert check_context(clean_pair("bert").write(tmp_path)).model is not None
    assert check_context(clean("bert").write(tmp_path / "alone")).model is None


def test_a_broken_side_file_is_named(tmp_path):
    files = clean("bert")
    files.sides["added_tokens.json"] = json.dumps([1])
    with pytest.raises(FileError, match=r"added_tokens\.json"):
        check_context(files.write(tmp_path))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.code} {case.kind} {case.label}".strip())
def test_the_vocabulary_is_the_librarys_whatever_is_wrong_with_the_folder(case, tmp_path):
    try:
        context = check_context(case.files.write(tmp_path / "folder"))
    except FileError:
        pytest.skip("the library does not load it")
    assert context.vocabulary == context.tokenizer.get_vocab(with_added_tokens=True)
    assert context.ids == set(context.vocabulary.values())


def test_the_vocabulary_has_tokens_that_were_added_in_memory():
    tokenizer = Tokenizer(models.WordLevel({"a": 0, "b": 1}, unk_token="a"))
    tokenizer.add_tokens(["b", "c"])
    tokenizer.add_special_tokens(["[PAD]"])
    assert check_context(tokenizer).vocabulary == {"a": 0, "b": 1, "c": 2, "[PAD]": 3}
