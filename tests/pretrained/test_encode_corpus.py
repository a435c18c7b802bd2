"""Files of ids hold what the library gives, and appear whole or not at all."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from tokbench.corpus.reading import open_corpus
from tokbench.errors import FileError, UsageError
from tokbench.pretrained.encode_corpus import encode_corpus
from tokbench.pretrained.folder import TokenizerFolder

LINES = ["the cat", "", "a cat sat on the cat", "  ", "[X] the", "caté"]
TEXTS = [line for line in LINES if line.strip()]


def made(more=0):
    words = ["[UNK]", "the", "cat", "sat", "on", "a", "[X]", *(f"w{number}" for number in range(more))]
    tokenizer = Tokenizer(models.WordPiece({word: at for at, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A [X]", special_tokens=[("[X]", 6)])
    tokenizer.add_special_tokens(["[X]"])
    return TokenizerFolder("made", Path("made"), tokenizer, {}, {})


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "corpus.txt"
    path.write_text("\n".join(LINES), encoding="utf-8")
    return open_corpus([path])


@pytest.fixture(params=["library", "compiled"])
def engine(request):
    if request.param == "compiled":
        pytest.importorskip("numba")
    return request.param


def expected(folder, special=True):
    return [each.ids for each in folder.tokenizer.encode_batch(TEXTS, add_special_tokens=special)]


def parted(ids, starts):
    return [part.tolist() for part in np.split(ids, starts[1:-1])]


def test_json_lines_go_to_a_stream(corpus, engine):
    stream = io.BytesIO()
    result = encode_corpus(made(), corpus, stream, engine=engine)
    assert [json.loads(line)["ids"] for line in stream.getvalue().splitlines()] == expected(made())
    assert (result.texts, result.tokens) == (4, sum(map(len, expected(made()))))
    assert (result.engine, result.format, result.dtype, result.files) == (engine, "jsonl", "", ())
    assert result.utf8_bytes == sum(len(text.encode()) for text in TEXTS)


def test_json_lines_go_to_a_file(corpus, tmp_path, engine):
    output = tmp_path / "new" / "ids.jsonl"
    assert encode_corpus(made(), corpus, output, engine=engine, special=False).files == (output,)
    lines = output.read_text().splitlines()
    assert [json.loads(line) for line in lines] == [{"ids": ids} for ids in expected(made(), special=False)]


@pytest.mark.parametrize(("more", "dtype"), [(0, "uint16"), (70_000, "uint32")])
def test_flat_files_are_as_narrow_as_the_vocabulary(corpus, tmp_path, engine, more, dtype):
    folder = made(more)
    result = encode_corpus(folder, corpus, tmp_path / "a.b.bin", engine=engine)
    assert [path.name for path in result.files] == ["a.b.bin", "a.b.starts.bin", "a.b.json"]
    facts = json.loads((tmp_path / "a.b.json").read_text())
    assert (facts["dtype"], facts["tokens"], facts["texts"]) == (dtype, result.tokens, 4)
    starts = np.fromfile(tmp_path / facts["starts"], facts["starts_dtype"])
    assert parted(np.fromfile(tmp_path / facts["ids"], facts["dtype"]), starts) == expected(folder)
    assert result.dtype == dtype


def test_arrays_can_be_mapped_into_memory(corpus, tmp_path, engine):
    encode_corpus(made(), corpus, tmp_path / "ids.npy", engine=engine)
    ids = np.load(tmp_path / "ids.npy", mmap_mode="r")
    assert ids.dtype == np.uint16
    assert parted(ids, np.load(tmp_path / "ids.starts.npy")) == expected(made())


def test_arrow_is_a_column_of_lists(corpus, tmp_path, engine):
    ipc = pytest.importorskip("pyarrow").ipc
    encode_corpus(made(), corpus, tmp_path / "ids.arrow", engine=engine)
    with ipc.open_stream(str(tmp_path / "ids.arrow")) as reader:
        assert reader.read_all().to_pydict() == {"ids": expected(made())}


def test_nothing_is_written_where_only_figures_are_wanted(corpus, tmp_path):
    result = encode_corpus(made(), corpus)
    assert (result.texts, result.files, result.format) == (4, (), "")
    assert [path.name for path in tmp_path.iterdir()] == ["corpus.txt"]


def test_what_is_there_is_replaced_only_by_force(corpus, tmp_path):
    output = tmp_path / "ids.bin"
    encode_corpus(made(), corpus, output)
    before = output.read_bytes()
    with pytest.raises(FileError, match="exists already"):
        encode_corpus(made(), corpus, output, special=False)
    assert output.read_bytes() == before
    encode_corpus(made(), corpus, output, special=False, force=True)
    assert output.read_bytes() != before


def test_a_file_beside_it_is_in_the_way_too(corpus, tmp_path):
    (tmp_path / "ids.json").write_text("mine")
    with pytest.raises(FileError, match="exists already"):
        encode_corpus(made(), corpus, tmp_path / "ids.bin")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["corpus.txt", "ids.json"]


def test_a_failure_leaves_nothing_behind(corpus, tmp_path, engine):
    folder = made()
    folder.tokenizer.model = models.WordPiece({"the": 0}, unk_token="[UNK]")
    with pytest.raises(UsageError, match="cannot encode this corpus"):
        encode_corpus(folder, corpus, tmp_path / "ids.bin", engine=engine)
    assert [path.name for path in tmp_path.iterdir()] == ["corpus.txt"]


def test_an_unknown_format_names_the_known_ones(corpus, tmp_path):
    with pytest.raises(UsageError) as caught:
        encode_corpus(made(), corpus, tmp_path / "ids.arow")
    assert "arrow" in caught.value.fix


def test_a_stream_takes_lines_only(corpus):
    with pytest.raises(UsageError, match="needs a file"):
        encode_corpus(made(), corpus, io.BytesIO(), format="npy")
