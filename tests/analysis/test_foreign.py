"""Tokenizers of other libraries, each against its own library."""

import pytest

from tokbench.analysis.backends import backend_for
from tokbench.analysis.compare import compare
from tokbench.analysis.measure import probe
from tokbench.errors import FileError, MissingExtraError, UsageError

from .conftest import ENGLISH, KOREAN


@pytest.fixture
def sentencepiece_model(tmp_path):
    sentencepiece = pytest.importorskip("sentencepiece")
    with (tmp_path / "sp.model").open("wb") as file:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(ENGLISH), model_writer=file, vocab_size=80, minloglevel=2, model_type="bpe"
        )
    return tmp_path / "sp.model"


def test_a_sentencepiece_model_is_measured_by_its_own_library(sentencepiece_model, corpora):
    import sentencepiece

    processor = sentencepiece.SentencePieceProcessor(model_file=str(sentencepiece_model))
    result = compare([str(sentencepiece_model)], [str(path) for path in corpora.values()])
    assert result.tokenizers[0].library == "sentencepiece"
    for texts, found in zip((ENGLISH, KOREAN), result.results, strict=True):
        ids = [processor.encode(text) for text in texts]
        assert found.tokens == sum(map(len, ids))
        assert found.unknown == sum(each.count(processor.unk_id()) for each in ids)
        assert found.probe.ids_verified
    assert result.results[0].probe.round_trip.exact == 1.0
    assert result.results[1].probe.round_trip.normalized == 0.0


def test_an_encoding_of_tiktoken_is_measured_by_its_own_library():
    tiktoken = pytest.importorskip("tiktoken")
    from tokbench.analysis.backends import TiktokenBackend

    ranks = {bytes([byte]): byte for byte in range(256)} | {b"th": 256, b"the": 257, b" the": 258}
    encoding = tiktoken.Encoding(
        "small", pat_str=r" ?\p{L}+|\s+|[^\s\p{L}]+", mergeable_ranks=ranks, special_tokens={"<|end|>": 300}
    )
    ours = TiktokenBackend("small", encoding)
    [encoded] = ours.stream([[*ENGLISH, *KOREAN]])
    assert encoded.ids.tolist() == [
        number for text in (*ENGLISH, *KOREAN) for number in encoding.encode_ordinary(text)
    ]
    assert (ours.size, ours.ids) == (260, 301)
    assert ours.encode_sample(["the 한"]).spans == [[(0, 3), (3, 4), (4, 4), (4, 4), (4, 5)]]
    found = probe(ours, KOREAN)
    assert (found.round_trip.exact, found.continued_rate, found.ids_verified) == (1.0, 1.0, True)


def test_an_unknown_encoding_names_the_near_ones():
    pytest.importorskip("tiktoken")
    with pytest.raises(FileError, match="no encoding 'o200k'") as caught:
        backend_for("tiktoken:o200k")
    assert "o200k_base" in caught.value.fix


@pytest.mark.parametrize(("name", "package"), [("tiktoken:gpt2", "tiktoken"), ("a.model", "sentencepiece")])
def test_a_missing_package_names_its_extra(name, package, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.model").touch()
    monkeypatch.setattr("tokbench.io.extras.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=package) as caught:
        backend_for(name)
    assert f"tokbench[{package}]" in caught.value.fix


def test_what_is_no_sentencepiece_model_is_said(tmp_path):
    pytest.importorskip("sentencepiece")
    (tmp_path / "broken.model").write_bytes(b"no model at all")
    with pytest.raises(FileError, match="not a SentencePiece model"):
        backend_for(str(tmp_path / "broken.model"))
    with pytest.raises(FileError, match="no SentencePiece model at"):
        backend_for(str(tmp_path / "missing.model"))


def test_a_corpus_in_the_place_of_a_tokenizer_is_said(corpora):
    with pytest.raises(UsageError, match="holds texts"):
        backend_for(str(corpora["en"]))
