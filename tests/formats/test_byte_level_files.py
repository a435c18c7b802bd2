"""vocab.json with merges.txt, and CLIP's merges: ids of whoever trained them."""

import gzip
import json

import pytest
from tokenizers import AddedToken, CharBPETokenizer
from transformers import RobertaTokenizer

from tests.formats.texts import EVERY, TEXTS
from tokbench.errors import FileError
from tokbench.formats.byte_level_files import byte_values_in_order
from tokbench.pretrained.folder import load


def saved(tokenizer, folder, names=("vocab.json", "merges.txt")):
    folder.mkdir()
    tokenizer.save_model(str(folder))
    for old, new in zip(("vocab.json", "merges.txt"), names, strict=True):
        (folder / old).rename(folder / new)
    return folder


@pytest.mark.parametrize("names", [("vocab.json", "merges.txt"), ("encoder.json", "vocab.bpe")])
def test_ids_are_those_of_the_tokenizer_that_wrote_the_two_files(trained_bytes, tmp_path, names):
    folder = saved(trained_bytes, tmp_path / "gpt2", names)
    for named in (folder, folder / names[0], folder / names[1]):
        ours = load(named).tokenizer
        for text in EVERY:
            assert ours.encode(text).ids == trained_bytes.encode(text).ids, text
    assert load(folder).roles == {"bos": "<|endoftext|>", "eos": "<|endoftext|>"}


def test_roberta_is_known_by_its_special_tokens(trained_bytes, tmp_path):
    folder = saved(trained_bytes, tmp_path / "roberta")
    vocabulary = json.loads((folder / "vocab.json").read_text())
    for token in ("<s>", "<pad>", "</s>", "<unk>", "<mask>"):
        vocabulary[token] = len(vocabulary)
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    merges = [tuple(line.split(" ")) for line in (folder / "merges.txt").read_text().splitlines()[1:]]
    mask = AddedToken("<mask>", lstrip=True, special=True)  # as the published RoBERTa has it
    theirs = RobertaTokenizer(vocab=vocabulary, merges=merges, mask_token=mask)
    ours = load(folder)
    for text in (*EVERY, "a <mask> here"):
        assert ours.tokenizer.encode(text).ids == theirs(text)["input_ids"], text
    assert ours.tokenizer.encode("a", "b").ids == theirs("a", "b")["input_ids"]
    assert "RoBERTa" in ours.found.said


def clip_file(path):
    """CLIP's list: a first line, then merges; the library trains none with these letters."""
    lines = ['"bpe_simple_vocab_16e6.txt#version: 0.2', "t h", "th e</w>", "c a", "ca t</w>", "h e", ""]
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    return path


def test_clips_merges_make_its_vocabulary_and_lower_case_words(tmp_path):
    folder = load(clip_file(tmp_path / "bpe_simple_vocab_16e6.txt.gz"))
    assert folder.tokenizer.encode("The  CAT").tokens == [
        "<start_of_text>",
        "the</w>",
        "cat</w>",
        "<end_of_text>",
    ]
    assert folder.tokenizer.token_to_id("t" + "h") == 512
    assert folder.tokenizer.token_to_id("<start_of_text>") == 512 + 5
    assert folder.tokenizer.decode(folder.tokenizer.encode("the cat é").ids) == "the cat é"

    assert folder.tokenizer.encode("'ſb").tokens[1] == "'", "CLIP's pattern does not mind case, and ſ is an s"
    assert next(iter(byte_values_in_order())) == "!"


def test_a_missing_partner_is_named(trained_bytes, tmp_path):
    folder = saved(trained_bytes, tmp_path / "gpt2")
    (folder / "merges.txt").unlink()
    with pytest.raises(FileError, match=r"merges\.txt is missing beside"):
        load(folder)


def test_bpe_over_words_of_other_software_is_refused_by_name(tmp_path):
    tokenizer = CharBPETokenizer()
    tokenizer.train_from_iterator(TEXTS, vocab_size=200)
    with pytest.raises(FileError, match="GPT-1, CTRL, XLM, PhoBERT"):
        load(saved(tokenizer, tmp_path / "gpt1"))


def test_a_merge_without_its_token_is_one_sentence(trained_bytes, tmp_path):
    folder = saved(trained_bytes, tmp_path / "gpt2")
    with (folder / "merges.txt").open("a") as file:
        file.write("th zzz\n")
    with pytest.raises(FileError, match="is not a tokenizer the library can use"):
        load(folder)
