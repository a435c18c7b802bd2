"""SentencePiece's .model, trained here by the package itself: its ids, and what is refused."""

import json
import sys

import pytest

import tokbench as tb
from tests.formats.sentencepiece_training import KINDS, MAPPED, trained
from tests.formats.texts import EVERY, TEXTS
from tokbench.errors import FileError, MissingExtraError
from tokbench.pretrained.folder import load

spm = pytest.importorskip("sentencepiece", reason="the package sentencepiece is an extra")
pytest.importorskip("google.protobuf", reason="the package protobuf comes with the extra sentencepiece")


def differing(path):
    """The texts whose ids differ; Unigram meets control pieces in a text, which SentencePiece never does."""
    theirs = spm.SentencePieceProcessor(model_file=str(path))
    ours = load(path).tokenizer
    ours.encode_special_tokens = True
    control = [
        theirs.id_to_piece(at) for at in range(len(theirs)) if theirs.is_control(at) or at == theirs.unk_id()
    ]
    texts = [text for text in EVERY if not any(piece in text for piece in control)]
    return [text for text in texts if ours.encode(text).ids != theirs.encode(text)]


@pytest.mark.parametrize("kind", KINDS)
def test_ids_are_those_of_sentencepiece(kind, tmp_path):
    assert differing(trained(tmp_path / "m.model", **KINDS[kind])) == []


@pytest.mark.parametrize("rule", MAPPED)
@pytest.mark.parametrize("model_type", ["bpe", "unigram"])
def test_a_table_of_characters_differs_only_where_several_characters_become_one(rule, model_type, tmp_path):
    path = trained(tmp_path / "m.model", model_type=model_type, normalization_rule_name=rule)
    several = {"café cafe\u0301", "\u1112\u1161\u11ab\uae00 한글"}
    assert set(differing(path)) <= several


def test_mistrals_own_package_proves_its_models(tmp_path):
    pytest.importorskip("mistral_common", reason="the package mistral-common is no extra of ours")
    path = trained(tmp_path / "tokenizer.model.v1", **KINDS["bpe as Llama 2"])
    proof = tb.convert(path, tmp_path / "out").proof
    assert (proof.package, proof.differing) == ("mistral-common", 0)


def test_without_protobuf_it_is_said_what_brings_it(tmp_path, monkeypatch):
    path = trained(tmp_path / "m.model", **KINDS["unigram"])
    for name in [each for each in sys.modules if each.partition(".")[0] == "google"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "google", None)
    with pytest.raises(MissingExtraError, match="needs the package protobuf"):
        load(path)


def test_a_text_comes_back(tmp_path):
    tokenizer = load(trained(tmp_path / "m.model", **KINDS["bpe as Llama 2"])).tokenizer
    for text in TEXTS:
        assert tokenizer.decode(tokenizer.encode(text).ids) == text


def test_the_class_of_an_older_folder_says_what_stands_around_a_text(tmp_path):
    trained(tmp_path / "tokenizer.model", **KINDS["bpe as Llama 2"])
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "LlamaTokenizer"}))
    assert load(tmp_path).tokenizer.encode("cat").tokens[0] == "<s>"
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "XLNetTokenizer"}))
    with pytest.raises(FileError, match="belongs to a XLNetTokenizer"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"model_type": "word"}, "model of words, not BPE or Unigram"),
        ({"model_type": "bpe", "treat_whitespace_as_suffix": True}, "behind words"),
    ],
)
def test_what_no_block_does_is_refused_by_its_rule(settings, sentence, tmp_path):
    with pytest.raises(FileError, match=sentence):
        load(trained(tmp_path / "m.model", **settings))


@pytest.mark.parametrize("kept", [0.5, 0.999])
def test_a_model_cut_short_is_one_sentence(kept, tmp_path):
    path = trained(tmp_path / "m.model", model_type="unigram")
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(FileError, match="no whole SentencePiece model"):
        load(path)


def test_runs_of_spaces_that_score_alike_grow_from_their_left(tmp_path):
    """Mistral's models give every run of spaces the same score."""
    from sentencepiece import sentencepiece_model_pb2

    path = trained(tmp_path / "m.model", **KINDS["bpe as Llama 2"])
    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString(path.read_bytes())
    have = {piece.piece for piece in proto.pieces}
    for piece in proto.pieces:
        if set(piece.piece) == {"▁"} and len(piece.piece) > 1:
            piece.score = -1e9
    for length in (2, 4, 3, 5, 8, 7, 6):
        if "▁" * length not in have:
            proto.pieces.add(piece="▁" * length, score=-1e9, type=1)
    proto.trainer_spec.vocab_size = len(proto.pieces)
    path.write_bytes(proto.SerializeToString())
    theirs, ours = spm.SentencePieceProcessor(model_file=str(path)), load(path).tokenizer
    for length in range(20):
        text = "x" + " " * length + "y"
        assert ours.encode(text).ids == theirs.encode(text), length
