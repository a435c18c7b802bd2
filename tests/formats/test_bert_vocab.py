"""vocab.txt of BERT: ids as transformers' own Python tokenizer gives them, and what is said on the way."""

import json
import unicodedata

import pytest
from transformers.models.bert.tokenization_bert_legacy import BertTokenizerLegacy

from tests.formats.texts import EVERY
from tokbench.errors import FileError
from tokbench.pretrained.folder import load


def legacy(path, **settings):
    return BertTokenizerLegacy(str(path), **settings)


@pytest.mark.parametrize("cased", [True, False])
def test_ids_are_those_of_transformers_own_python_tokenizer(vocab_txt, cased):
    vocab_txt.write_text(vocab_txt.read_text() + "Hello\ncafé\n한국\n##어\n")
    theirs = legacy(vocab_txt, do_lower_case=not cased)
    ours = load(vocab_txt.parent, cased=cased).tokenizer
    for text in EVERY:
        composed = unicodedata.normalize("NFC", text)  # which the Python code does, and BERT's own did not
        assert ours.encode(composed).ids == theirs.encode(text), text


def test_case_is_found_in_the_pieces(vocab_txt):
    assert "uncased (0 of its" in load(vocab_txt).found.said
    vocab_txt.write_text(vocab_txt.read_text() + "Hello\nÉcole\n")
    assert ", cased (2 of its" in load(vocab_txt).found.said


def test_what_the_config_beside_it_says_of_case_goes_before_the_pieces_and_an_option_before_both(vocab_txt):
    (vocab_txt.parent / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": False}))
    assert "cased (tokenizer_config.json: do_lower_case false)" in load(vocab_txt).found.said
    assert load(vocab_txt).tokenizer.encode("HELLO").tokens == ["[CLS]", "[UNK]", "[SEP]"]
    assert load(vocab_txt, cased=False).tokenizer.encode("HELLO").tokens == ["[CLS]", "hello", "[SEP]"]


def test_roles_and_lengths_are_berts(vocab_txt):
    folder = load(vocab_txt)
    assert folder.roles == {
        "unk": "[UNK]", "sep": "[SEP]", "pad": "[PAD]", "cls": "[CLS]", "mask": "[MASK]"
    }  # fmt: skip
    assert folder.config["model_max_length"] == 512
    pair = folder.tokenizer.encode("cat", "hat")
    assert pair.type_ids == [0, 0, 0, 1, 1]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("[UNK]\ncat\nhat\ncat\n", "'cat' twice: in lines 2 and 4"),
        ("<unk>\ncat\n", "it has no [UNK]"),
        ("[UNK]\n고양이 12\n", "in line 2, with a space inside"),
    ],
)
def test_a_list_that_is_not_berts_is_one_sentence(tmp_path, content, sentence):
    (tmp_path / "vocab.txt").write_text(content)
    with pytest.raises(FileError) as caught:
        load(tmp_path)
    assert sentence in caught.value.message


def test_a_class_with_rules_of_its_own_is_refused_by_name(vocab_txt):
    (vocab_txt.parent / "tokenizer_config.json").write_text('{"tokenizer_class": "BertJapaneseTokenizer"}')
    with pytest.raises(FileError, match="BertJapaneseTokenizer, which cuts texts by rules of its own"):
        load(vocab_txt.parent)


def test_added_tokens_of_an_older_folder_keep_their_ids(vocab_txt):
    size = len(vocab_txt.read_text().splitlines())
    (vocab_txt.parent / "added_tokens.json").write_text(json.dumps({"COVID": size, "[E1]": size + 1}))
    (vocab_txt.parent / "special_tokens_map.json").write_text('{"additional_special_tokens": ["[E1]"]}')
    folder = load(vocab_txt.parent)
    assert folder.tokenizer.encode("[E1] cat COVID", add_special_tokens=False).ids[::2] == [size + 1, size]
    assert folder.extra == ("[E1]",)
