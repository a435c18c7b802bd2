"""A file of another kind is called what it is, and the hint, pasted, makes of it what was asked for."""

import gzip
import io
import json
import pickle
import re
import zipfile
from base64 import b64encode

import numpy as np
import pytest
from tokenizers import ByteLevelBPETokenizer, Tokenizer
from transformers import BertConfig, BertModel

from tokbench.io.quiet import quiet
from tokbench.pretrained.folder import load

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "hello", "Hello", "##s"]


def hint_of(said):
    return (
        next(line for line in said.err.splitlines() if line.startswith("Hint:")).removeprefix("Hint:").strip()
    )


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("p.txt", pickle.dumps({"a": ["text"] * 90}), "a pickle"),
        ("p.pkl", pickle.dumps(["\N{LATIN SMALL LETTER E WITH ACUTE}" * 90], protocol=2), "a pickle"),
        ("n.npy", b"\x93NUMPY\x01\x00" + bytes(90), "an array of numpy"),
        ("d.db", b"SQLite format 3\x00" + bytes(90), "an SQLite database"),
        ("w.txt", (90).to_bytes(8, "little") + b'{"a":1}', "a safetensors file"),
        ("r.txt", np.random.default_rng(0).bytes(5_000), "binary data"),
    ],
)
def test_no_hint_strips_bytes_from_what_is_no_text(name, content, kind, tokbench, tmp_path):
    (tmp_path / name).write_bytes(content)
    said = tokbench("train-bpe", name)
    assert said.code == 2
    assert f"{name} is not text: it looks like {kind}" in said.err
    assert not {"iconv", "tr"} & set(hint_of(said).split())


@pytest.mark.parametrize("opened", ["new_stream", "new_file"])
def test_an_arrow_file_is_a_corpus_whatever_it_is_called_and_that_is_said(opened, tokbench, tmp_path):
    pa = pytest.importorskip("pyarrow")
    table = pa.table({"text": ["a line of text to train on"] * 50})
    with (
        pa.OSFile(str(tmp_path / "it's.txt"), "wb") as file,
        getattr(pa.ipc, opened)(file, table.schema) as writer,
    ):
        writer.write_table(table)
    said = tokbench("train-bpe", "it's.txt", "-v", "300", "-o", "made", "--json")
    assert said.code == 0
    [note] = [line for line in said.err.splitlines() if line.startswith("Note:")]
    assert re.match(r"Note:  it's\.txt: it is (an Arrow file|a stream of Arrow.*), and read as one", note)
    assert note.endswith(json.loads(said.out)["corpus"]["notes"][0])


def test_a_command_says_what_it_read_and_not_what_its_process_read_before(tokbench, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "vocab.txt").write_text("\n".join(WORDS))
    load(tmp_path / "a")
    said = tokbench("info", "b").err
    assert said.count("as BERT's vocab.txt") == 1


ARCHIVE = io.BytesIO()
with zipfile.ZipFile(ARCHIVE, "w") as packed:
    packed.writestr("tokenizer.json", "{}")
BYTES = b"".join(b"%s %d\n" % (b64encode(bytes([byte])), byte) for byte in range(256) if byte != 65)
TEKKEN = {"config": {"version": "v99", "pattern": "a", "default_num_special_tokens": 0}, "vocab": []}
# File → content → what the one sentence says.
DAMAGED = {
    "nothing in a folder": ("bad/", b"", "is an empty folder"),
    "a zip": ("bad/tokenizer.zip", ARCHIVE.getvalue(), "it looks like a zip archive"),
    "a zip of another name": ("bad/tokenizer.json", ARCHIVE.getvalue(), "it looks like a zip archive"),
    "a zip called vocab.txt": ("bad/vocab.txt", ARCHIVE.getvalue(), "it looks like a zip archive"),
    "a zip called tokenizer.model": (
        "bad/tokenizer.model",
        ARCHIVE.getvalue(),
        "it looks like a zip archive",
    ),
    "a zip called tekken.json": ("bad/tekken.json", ARCHIVE.getvalue(), "it looks like a zip archive"),
    "a zip called .tiktoken": ("bad/own.tiktoken", ARCHIVE.getvalue(), "it looks like a zip archive"),
    "an empty .model": ("bad/tokenizer.model", b"", "tokenizer.model is empty"),
    "an empty .tiktoken": ("bad/own.tiktoken", b"", "own.tiktoken is empty"),
    "an empty vocab.txt": ("bad/vocab.txt", b"", "vocab.txt is empty"),
    "an empty tekken.json": ("bad/tekken.json", b"", "tekken.json is empty"),
    "an empty file": ("bad/what", b"", "what is empty"),
    "a missing byte": ("bad/own.tiktoken", BYTES, "no token for the byte 0x41"),
    "a piece twice": ("bad/vocab.txt", b"[UNK]\na\nb\na\n", "'a' twice: in lines 2 and 4"),
    "tekken of another version": ("bad/tekken.json", json.dumps(TEKKEN).encode(), "of version v99, and v1,"),
    "merges cut short": ("bad/bpe_simple_vocab.txt.gz", gzip.compress(b"a b\n" * 99)[:-6], "no whole list"),
    "another encoding": ("bad/vocab.txt", "[UNK]\né\n".encode("latin1"), "vocab.txt is not UTF-8 text"),
}


@pytest.mark.parametrize("damage", DAMAGED)
@pytest.mark.parametrize("command", ["convert", "export"])
def test_a_damaged_file_is_one_sentence_and_exit_code_2(command, damage, tokbench, tmp_path):
    name, content, sentence = DAMAGED[damage]
    (tmp_path / "bad").mkdir()
    if not name.endswith("/"):
        (tmp_path / name).write_bytes(content)
    by_name = name if name.rpartition("/")[2] in ("", "what", "tokenizer.zip") else "bad"
    for named in {name, by_name}:
        said = tokbench(command, named, "-o", "out", *(["--to", "tiktoken"] if command == "export" else []))
        assert said.code == 2
        assert sentence in said.err
        assert said.err.count("Error:") == 1
        assert "Traceback" not in said.err
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kept", [37, 0.5, 0.999])
def test_a_model_cut_short_is_one_sentence_for_a_person(kept, tokbench, tmp_path):
    for package in ("sentencepiece", "google.protobuf"):
        pytest.importorskip(package, reason="the package sentencepiece is an extra")
    from tests.formats.sentencepiece_training import KINDS, trained

    path = trained(tmp_path / "tokenizer.model", **KINDS["unigram"])
    data = path.read_bytes()
    path.write_bytes(data[: kept if kept > 1 else int(len(data) * kept)])
    said = tokbench("convert", "tokenizer.model", "-o", "out")
    assert said.code == 2
    assert "tokenizer.model is no whole SentencePiece model" in said.err


@pytest.mark.parametrize("named", ["vocab.txt", "older/vocab.txt", "older"])
@pytest.mark.parametrize("lower", [True, False])
def test_a_vocab_txt_is_read_by_every_command_and_said_on_one_line(named, lower, tokbench, tmp_path):
    folder = tmp_path if named == "vocab.txt" else tmp_path / "older"
    folder.mkdir(exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    (folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": lower}))
    said = tokbench("encode", named, "Hellos", "--json")
    assert json.loads(said.out)["ids"] == [2, 5 if lower else 6, 7, 3]
    notes = [line for line in said.err.splitlines() if line.startswith("Note:")]
    assert len(notes) == 1
    assert "as BERT's vocab.txt, 8 pieces, " + ("uncased" if lower else "cased") in notes[0]
    for words in (["info", named], ["trace", named, "Hellos"], ["check", named], ["same", named, named]):
        assert "as BERT's vocab.txt" in tokbench(*words).err, words
    assert tokbench("info", named, "--json").code == 0
    (tmp_path / "few.txt").write_text("hello hellos\n")
    assert tokbench("compare", named, "--corpus", "few.txt").code == 0
    assert tokbench("add-tokens", named, "--token", "zebra", "-o", "grown").code == 0
    assert len(json.loads(tokbench("encode", "grown", "zebra", "--json").out)["ids"]) == 3
    assert tokbench("wrap", named, "-o", "wrapped").code == 0
    assert Tokenizer.from_file(str(tmp_path / "wrapped" / "tokenizer.json")).encode("Hellos").ids[2] == 7


def test_vocab_json_and_merges_are_read_as_they_lie(tokbench, tmp_path):
    tokenizer = ByteLevelBPETokenizer()
    tokenizer.train_from_iterator(["hello hello help"], vocab_size=262)
    (tmp_path / "older").mkdir()
    tokenizer.save_model(str(tmp_path / "older"))
    said = tokbench("encode", "older", "help hello", "--json")
    assert json.loads(said.out)["ids"] == tokenizer.encode("help hello").ids
    assert "Note:  read older/vocab.json and merges.txt as byte-level BPE of GPT-2's kind" in said.err


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("t.model", b"\n\x0e\n\x05<unk>\x15\x00\x00\x00\x00\x18\x02", "t.model"),
        ("cl100k.tiktoken", b"IQ== 0\nIg== 1\n", "2 ranks and no pattern"),
        ("ranks", b"IQ== 0\nIg== 1\n", "2 ranks and no pattern"),
        ("trie.txt", b"1 '\\x00' 1\n2 '\\x01' 1\n", "RWKV's trie"),
        ("t.pkl", pickle.dumps([1, 2]), "a pickle"),
        ("t.zip", b"PK\x03\x04" + bytes(90), "a zip archive"),
        ("t.gguf", b"GGUF" + bytes(90), "a GGUF model"),
        ("m.safetensors", (90).to_bytes(8, "little") + b'{"a":1}', "a safetensors file"),
        ("p", b"\x7fELF" + bytes(90), "a program"),
        ("t.gz", b"\x1f\x8b" + bytes(90), "gzip data"),
    ],
)
def test_a_file_that_is_no_tokenizer_is_called_what_it_is(name, content, kind, tokbench, tmp_path):
    (tmp_path / name).write_bytes(content)
    said = tokbench("info", name)
    assert said.code == 2
    assert kind in said.err
    assert "cut short" not in said.err or name == "t.model"
    assert len(said.err.splitlines()) == 2
    assert tokbench("convert", name, "-o", "out").code == 2
    assert [each.name for each in tmp_path.iterdir()] == [name]


def test_a_slip_in_a_path_is_corrected_with_its_folder(tokbench, tmp_path, corpus):
    (tmp_path / "sub").mkdir()
    (tmp_path / corpus).rename(tmp_path / "sub" / "english.txt")
    said = tokbench("train-bpe", "sub/engliish.txt")
    assert hint_of(said) == "did you mean sub/english.txt?"


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("hidden_dropout_prob=abc", "hidden_dropout_prob takes a number, not 'abc'"),
        ("use_cache=3", "use_cache takes true or false, not 3"),
    ],
)
def test_a_config_value_of_another_type_is_one_sentence_and_the_hint_works(
    setting, sentence, tokbench, tmp_path
):
    small = {
        "hidden_size": 8,
        "vocab_size": 9,
        "num_attention_heads": 2,
        "intermediate_size": 8,
        "num_hidden_layers": 1,
    }
    with quiet():
        BertModel(BertConfig(**small)).save_pretrained(tmp_path / "model")
    said = tokbench("config", "set", "model", setting, "-o", "changed")
    assert (said.code, said.err.splitlines()[0]) == (2, f"Error: {sentence}")
    example = hint_of(said).removeprefix("write for example ")
    assert tokbench("config", "set", "model", example, "-o", "changed").code == 0
