"""Files of ids hold what the library gives, and appear whole or not at all."""

import io
import json
import os
import threading
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers

from tokbench.corpus import reading
from tokbench.corpus.reading import open_corpus
from tokbench.encoding import encode_texts, id_files
from tokbench.encoding.encode_corpus import encode_corpus
from tokbench.errors import DataError, FileError, TokbenchError, UsageError
from tokbench.native import corpus_encoder
from tokbench.native.ragged import ragged
from tokbench.pretrained.folder import TokenizerFolder
from tokbench.results import as_json

LINES = ["the cat", "", "a cat sat on the cat", "  ", "[X] the", "caté"]
TEXTS = [line for line in LINES if line.strip()]
HELD = ["the cat", None, "a cat sat", "", "on the cat"]


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
    result = encode_corpus(made(), corpus, output=stream, engine=engine)
    assert [json.loads(line)["ids"] for line in stream.getvalue().splitlines()] == expected(made())
    assert (result.texts, result.tokens) == (4, sum(map(len, expected(made()))))
    assert (result.engine, result.format, result.dtype, result.files) == (engine, "jsonl", "", ())
    assert result.utf8_bytes == sum(len(text.encode()) for text in TEXTS)


def test_json_lines_go_to_a_file(corpus, tmp_path, engine):
    output = tmp_path / "new" / "ids.jsonl"
    assert encode_corpus(made(), corpus, output=output, engine=engine, special=False).files == (output,)
    lines = output.read_text().splitlines()
    assert [json.loads(line) for line in lines] == [{"ids": ids} for ids in expected(made(), special=False)]


@pytest.mark.parametrize(("more", "dtype"), [(0, "uint16"), (70_000, "uint32")])
def test_flat_files_are_as_narrow_as_the_vocabulary(corpus, tmp_path, engine, more, dtype):
    folder = made(more)
    result = encode_corpus(folder, corpus, output=tmp_path / "a.b.bin", engine=engine)
    assert [path.name for path in result.files] == ["a.b.bin", "a.b.starts.bin", "a.b.json"]
    facts = json.loads((tmp_path / "a.b.json").read_text())
    assert (facts["dtype"], facts["tokens"], facts["texts"]) == (dtype, result.tokens, 4)
    starts = np.fromfile(tmp_path / facts["starts"], facts["starts_dtype"])
    assert parted(np.fromfile(tmp_path / facts["ids"], facts["dtype"]), starts) == expected(folder)
    assert result.dtype == dtype


def test_arrays_can_be_mapped_into_memory(corpus, tmp_path, engine):
    encode_corpus(made(), corpus, output=tmp_path / "ids.npy", engine=engine)
    ids = np.load(tmp_path / "ids.npy", mmap_mode="r")
    assert ids.dtype == np.uint16
    assert parted(ids, np.load(tmp_path / "ids.starts.npy")) == expected(made())


def test_arrow_is_a_column_of_lists(corpus, tmp_path, engine):
    ipc = pytest.importorskip("pyarrow").ipc
    encode_corpus(made(), corpus, output=tmp_path / "ids.arrow", engine=engine)
    with ipc.open_stream(str(tmp_path / "ids.arrow")) as reader:
        assert reader.read_all().to_pydict() == {"ids": expected(made())}


def test_without_output_the_ids_come_in_arrays_and_nothing_is_written(corpus, tmp_path, engine):
    result = encode_corpus(made(), corpus, engine=engine)
    assert (result.ids.dtype, result.starts.dtype) == (np.int32, np.int64)
    assert parted(result.ids, result.starts) == expected(made())
    assert (result.texts, result.tokens, result.files, result.format) == (4, len(result.ids), (), "")
    assert [path.name for path in tmp_path.iterdir()] == ["corpus.txt"]
    assert set(json.loads(as_json(result, "encoded-corpus"))) & {"ids", "starts"} == set()


def rows_of(holder, **how):
    result = encode_corpus(made(), holder, **how)
    return parted(result.ids, result.starts)


LONG = "the cat " * 20_000  # a line of a file would come in pieces


def test_of_an_object_every_text_is_a_row_whatever_is_in_it(engine):
    texts = ["the cat", "", "a\ncat", "  ", LONG, "[X] the", "cat\0sat", "caté", None]
    library = made().tokenizer
    wanted = [library.encode(text or "").ids for text in texts]
    assert rows_of(texts, engine=engine) == wanted
    assert rows_of(iter(texts), engine=engine) == wanted
    done = encode_corpus(made(), texts, engine=engine)
    assert (done.texts, done.utf8_bytes) == (9, sum(len((text or "").encode()) for text in texts))


def test_every_holder_of_texts_gives_the_same_rows(holders):
    wanted = [made().tokenizer.encode(text or "").ids for text in HELD]
    assert {name: rows_of(holder, column=column) for name, holder, column in holders(HELD)} == {
        name: wanted for name, _, _ in holders(HELD)
    }


def test_a_file_gives_the_rows_of_its_lines(corpus, tmp_path):
    assert rows_of(tmp_path / "corpus.txt") == rows_of([str(tmp_path / "corpus.txt")]) == expected(made())


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_number_of_threads_changes_no_id(threads, engine, monkeypatch):
    monkeypatch.delenv("TOKENIZERS_PARALLELISM", raising=False)
    texts = [f"the cat sat on {'a ' * (number % 50)}cat" for number in range(3000)]
    wanted = [each.ids for each in made().tokenizer.encode_batch(texts)]
    assert rows_of(texts, threads=threads, engine=engine) == wanted
    assert "TOKENIZERS_PARALLELISM" not in os.environ


def test_one_thread_of_the_library_is_one(monkeypatch):
    seen = []
    by_library = encode_texts.by_library

    def noting(*asked, **how):
        seen.append((threading.current_thread(), os.environ.get("TOKENIZERS_PARALLELISM")))
        return by_library(*asked, **how)

    monkeypatch.setattr(encode_texts, "by_library", noting)
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "true")
    rows_of(["the cat"] * 9, threads=1, engine="library")
    assert seen == [(threading.current_thread(), "false")]
    assert os.environ["TOKENIZERS_PARALLELISM"] == "true"


@pytest.mark.parametrize(
    ("corpus", "how", "words"),
    [
        ([], {}, "no texts in texts"),
        (iter([]), {}, "no texts in texts"),
        (["the cat"], {"threads": 0}, "0 threads"),
        (["the cat"], {"column": "t"}, "no column 't'"),
        (["the \ud83d cat"], {}, "half a character"),
    ],
)
def test_what_cannot_be_encoded_is_said_in_a_sentence(corpus, how, words):
    with pytest.raises(TokbenchError, match=words):
        encode_corpus(made(), corpus, **how)


def test_what_is_there_is_replaced_only_by_force(corpus, tmp_path):
    output = tmp_path / "ids.bin"
    encode_corpus(made(), corpus, output=output)
    before = output.read_bytes()
    with pytest.raises(FileError, match="exists already"):
        encode_corpus(made(), corpus, output=output, special=False)
    assert output.read_bytes() == before
    encode_corpus(made(), corpus, output=output, special=False, force=True)
    assert output.read_bytes() != before


def test_a_file_beside_it_is_in_the_way_too(corpus, tmp_path):
    (tmp_path / "ids.json").write_text("mine")
    with pytest.raises(FileError, match="exists already"):
        encode_corpus(made(), corpus, output=tmp_path / "ids.bin")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["corpus.txt", "ids.json"]


def test_a_failure_leaves_nothing_behind(corpus, tmp_path, engine):
    folder = made()
    folder.tokenizer.model = models.WordPiece({"the": 0}, unk_token="[UNK]")
    with pytest.raises(UsageError, match="cannot encode this corpus"):
        encode_corpus(folder, corpus, output=tmp_path / "ids.bin", engine=engine)
    assert [path.name for path in tmp_path.iterdir()] == ["corpus.txt"]


def test_an_unknown_format_names_the_known_ones(corpus, tmp_path):
    with pytest.raises(UsageError) as caught:
        encode_corpus(made(), corpus, output=tmp_path / "ids.arow")
    assert "arrow" in caught.value.fix


def test_a_stream_takes_lines_only(corpus):
    with pytest.raises(UsageError, match="needs a file"):
        encode_corpus(made(), corpus, output=io.BytesIO(), format="npy")


def long_ones():
    korean, mixed = "안녕하세요" * 14_000, "the cat, 한국어 3.14 don't " * 9000
    return [korean, mixed, "the cat", mixed + "\u3000" + "no blanks" * 9000, "a [X] cat " * 8000]


@pytest.mark.parametrize("kind", [pre_tokenizers.ByteLevel, pre_tokenizers.Metaspace])
def test_a_text_of_any_length_is_one_row(tmp_path, engine, kind):
    """A text beyond 65,536 characters was cut into rows, special tokens around each."""
    tokenizer = Tokenizer(models.BPE(unk_token="[X]"))
    tokenizer.pre_tokenizer = kind()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    learn = trainers.BpeTrainer(
        vocab_size=600, special_tokens=["[X]"], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator([text[:3000] for text in long_ones()], learn)
    tokenizer.post_processor = processors.TemplateProcessing(single="[X] $A", special_tokens=[("[X]", 0)])
    (tmp_path / "long.txt").write_text("\n".join(long_ones()), encoding="utf-8")
    wanted = [each.ids for each in tokenizer.encode_batch(long_ones())]
    corpus = open_corpus([tmp_path / "long.txt"])
    result = encode_corpus(tokenizer, corpus, output=tmp_path / "ids.jsonl", engine=engine)
    lines = (tmp_path / "ids.jsonl").read_text().splitlines()
    assert [json.loads(line)["ids"] for line in lines] == wanted
    assert (result.texts, result.engine) == (len(wanted), engine)


def test_the_ids_of_a_long_text_are_written_some_at_a_time(monkeypatch):
    stream = io.BytesIO()
    monkeypatch.setattr(id_files, "MOST_IDS", 3)
    rows = ragged([[1, 2, 3, 4, 5, 6, 7], [], [8], [9, 10, 11]])
    id_files.JsonLines(stream).write(rows)
    found = [json.loads(line)["ids"] for line in stream.getvalue().splitlines()]
    assert found == [[1, 2, 3, 4, 5, 6, 7], [], [8], [9, 10, 11]]


def test_a_text_that_the_library_would_need_too_much_memory_for_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(corpus_encoder, "LONGEST_FOR_LIBRARY", 10)
    folder = made()
    with pytest.raises(DataError, match="11 characters is too long") as caught:
        encode_corpus(folder.tokenizer, ["the cat cat"], engine="library")
    assert "lines" in caught.value.fix


def test_a_text_beyond_what_fits_in_memory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "LONGEST_TEXT", 100_000)
    (tmp_path / "long.txt").write_text("cat " * 80_000)
    with pytest.raises(DataError, match="longer than 100,000 characters") as caught:
        encode_corpus(made().tokenizer, [tmp_path / "long.txt"])
    assert "lines" in caught.value.fix


@pytest.mark.parametrize("said", [None, "true"])
def test_the_environment_is_as_it_was_once_the_last_of_several_threads_is_done(said, monkeypatch):
    monkeypatch.delenv(encode_texts.PARALLELISM, raising=False)
    if said is not None:
        monkeypatch.setenv(encode_texts.PARALLELISM, said)
    first, second = (encode_texts.without_library_threads() for _ in range(2))
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert os.environ[encode_texts.PARALLELISM] == "false"
    second.__exit__(None, None, None)
    assert os.environ.get(encode_texts.PARALLELISM) == said
