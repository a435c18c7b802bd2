"""convert: a portable folder of any format, once the format's own package gives the same ids."""

import json
import sys
from base64 import b64encode

import pytest
from tokenizers import Tokenizer
from transformers import AutoTokenizer

import tokbench as tb
from tokbench.errors import FileError, UsageError

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "hello", "cat", "##s", "the", "."]


@pytest.fixture
def vocab(tmp_path):
    (tmp_path / "bert").mkdir()
    path = tmp_path / "bert" / "vocab.txt"
    path.write_text("\n".join(PIECES), encoding="utf-8")
    return path


def test_the_folder_is_one_that_transformers_loads_with_equal_ids(vocab, tmp_path):
    converted = tb.convert(vocab, tmp_path / "out")
    assert converted.passed
    assert converted.proof.package == "transformers' BERT in Python"
    assert converted.proof.texts > 500
    assert converted.proof.differing == 0
    loaded = AutoTokenizer.from_pretrained(tmp_path / "out")
    assert loaded("Hello the cats.")["input_ids"] == [2, 5, 8, 6, 7, 9, 3]
    assert (loaded.mask_token, loaded.model_max_length) == ("[MASK]", 512)


# No character has this code, which transformers' Python code leaves out of a word and the library does not.
UNASSIGNED = "\u0378"


def test_a_text_that_differs_is_shown_by_both_and_nothing_is_written(vocab, tmp_path):
    texts = ["cat", f"hello{UNASSIGNED}", f"the{UNASSIGNED}"]
    converted = tb.convert(vocab, tmp_path / "out", prove=iter(texts))
    assert not converted.passed
    assert (converted.proof.texts, converted.proof.differing, converted.output) == (3, 2, "")
    assert (converted.proof.first.text, converted.proof.first.ours) == (texts[1], ("[UNK]",))
    assert converted.proof.first.theirs == ("hello",)
    assert not (tmp_path / "out").exists()
    assert tb.convert(vocab, tmp_path / "out", prove=iter(texts), allow=2).passed
    assert (tmp_path / "out" / "tokenizer.json").exists()


def test_without_the_formats_package_it_is_written_and_said_not_to_be_proved(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tiktoken", None)
    lines = (b"%s %d\n" % (b64encode(bytes([byte])), byte) for byte in range(256))
    (tmp_path / "own.tiktoken").write_bytes(b"".join(lines))
    converted = tb.convert(tmp_path / "own.tiktoken", tmp_path / "out", encoding="cl100k_base")
    assert (converted.proof.package, converted.proof.why) == ("", "tiktoken is not installed")
    assert converted.proof.fix == "pip install 'tokbench[tiktoken]'"
    assert (tmp_path / "out" / "tokenizer.json").exists()


def test_what_is_portable_already_and_what_is_there_are_refused(vocab, tmp_path):
    tb.convert(vocab, tmp_path / "out")
    with pytest.raises(UsageError, match=r"has a tokenizer\.json already"):
        tb.convert(tmp_path / "out", tmp_path / "again")
    with pytest.raises(FileError):
        tb.convert(vocab, tmp_path / "out")


def test_case_can_be_chosen(vocab, tmp_path):
    tb.convert(vocab, tmp_path / "out", cased=True)
    tokenizer = Tokenizer.from_file(str(tmp_path / "out" / "tokenizer.json"))
    assert tokenizer.encode("Hello", add_special_tokens=False).tokens == ["[UNK]"]


def test_tiktoken_proves_ranks_and_merges(tmp_path):
    pytest.importorskip("tiktoken", reason="the package tiktoken is an extra")
    from tokenizers import ByteLevelBPETokenizer

    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(["a cat, a hat and 12 mats"] * 9, vocab_size=300, min_frequency=1)
    trained.save_model(str(tmp_path))
    converted = tb.convert(tmp_path, tmp_path / "out")
    assert (converted.proof.package, converted.proof.differing) == ("tiktoken", 0)
    assert json.loads(converted.to_json())["schema"] == "tokbench/conversion/1"
