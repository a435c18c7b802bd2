import base64
import sys

import pytest
from tokenizers import pre_tokenizers

from tests.checks.cases import sentencepiece
from tokbench.errors import FileError, MissingExtraError
from tokbench.formats.sentencepiece_models import read_pieces
from tokbench.formats.vocabulary_files import read_lines, read_merges, read_table, read_tiktoken


def written(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_pieces_of_sentencepiece_are_read_in_order(tmp_path):
    needs_sentencepiece()
    pieces = ["<unk>", "<s>", "</s>", "<0x00>", "▁", "한국", "x" * 120]
    found = read_pieces(written(tmp_path / "tokenizer.model", sentencepiece(*pieces)))
    assert found == {piece: number for number, piece in enumerate(pieces)}


def needs_sentencepiece():
    for package in ("sentencepiece", "google.protobuf"):
        pytest.importorskip(package, reason="the package sentencepiece is an extra")


def test_without_its_package_no_pieces_are_read_and_what_installs_it_is_said(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    with pytest.raises(MissingExtraError, match="needs the package sentencepiece") as caught:
        read_pieces(written(tmp_path / "tokenizer.model", sentencepiece("a")))
    assert caught.value.fix == "pip install 'tokbench[sentencepiece]'"


def test_sentencepiece_itself_reads_the_same(tmp_path):
    library = pytest.importorskip("sentencepiece", reason="the package sentencepiece is an extra")
    library.SentencePieceTrainer.train(
        sentence_iterator=iter(["the cat sat on the mat 한국어 문장"] * 20),
        model_prefix=str(tmp_path / "m"),
        vocab_size=30,
        hard_vocab_limit=False,
        byte_fallback=False,
        minloglevel=2,
    )
    trained = library.SentencePieceProcessor(model_file=str(tmp_path / "m.model"))
    own = {trained.id_to_piece(number): number for number in range(trained.vocab_size())}
    assert read_pieces(tmp_path / "m.model") == own


def test_ranks_of_tiktoken_are_spelt_in_the_letters_of_a_byte_level_tokenizer(tmp_path):
    tokens = [b"!", b" the", b"\xed\x95"]
    lines = (
        b"".join(base64.b64encode(token) + b" %d\n" % rank for rank, token in enumerate(tokens)) + b"= 3\n"
    )
    split = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    spelt = [split.pre_tokenize_str(text)[0][0] for text in ("!", " the", "한")]
    own = {spelt[0]: 0, spelt[1]: 1, spelt[2][:2]: 2}
    assert read_tiktoken(written(tmp_path / "x.tiktoken", lines)) == own
    assert read_pieces(written(tmp_path / "tokenizer.model", lines)) == own, "GLM and Llama 3 call it so"


def test_tables_lines_and_merges(tmp_path):
    assert read_lines(written(tmp_path / "vocab.txt", "[PAD]\r\nfox\r\n")) == {"[PAD]": 0, "fox": 1}
    assert read_table(written(tmp_path / "vocab.json", '{"a": 1, "b": "x"}')) == {"a": 1}
    merges = [("Ġ", "t"), ("#", "#")]
    assert read_merges(written(tmp_path / "merges.txt", "#version: 0.2\nĠ t\n# #\n")) == merges
    assert read_merges(written(tmp_path / "merges.txt", "Ġ t\n# #\n")) == merges


@pytest.mark.parametrize(
    "content", [b"", b"\x0a\x7f", b"\x0a\x03\x0a\x01\xff", b"\xff" * 20, b"\x0a\x00", b"{}"]
)
def test_a_damaged_model_is_one_sentence(content, tmp_path):
    needs_sentencepiece()
    with pytest.raises(FileError, match="SentencePiece model"):
        read_pieces(written(tmp_path / "tokenizer.model", content))


@pytest.mark.parametrize(("read", "content"), [(read_tiktoken, "IQ== x\n"), (read_merges, "a b\nab\n")])
def test_a_damaged_list_names_its_line(read, content, tmp_path):
    with pytest.raises(FileError, match=r"line 1|merge 2"):
        read(written(tmp_path / "x", content))
