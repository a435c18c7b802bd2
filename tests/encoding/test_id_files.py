"""Files of ids: what encode writes is read back, other people's are read, and what is none is said."""

import json
import pickle

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors

import tokbench as tb
from tokbench.encoding.id_files import lines_of_ids, read_ids
from tokbench.errors import DataError, FileError, UsageError

WORDS = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "the", "cat", "sat"]
TEXTS = ["the cat sat", "cat", "the the cat", "sat"]


@pytest.fixture
def words():
    made = Tokenizer(models.WordLevel({word: at for at, word in enumerate(WORDS)}, "[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.add_special_tokens(WORDS[1:4])
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B [SEP]",
        special_tokens=[("[CLS]", 1), ("[SEP]", 2)],
    )
    return made


@pytest.mark.parametrize("name", ["ids.jsonl", "ids.npy", "ids.bin", "ids.arrow"])
def test_what_encode_writes_is_read_back_and_decoded(words, tmp_path, name):
    tb.encode_corpus(words, TEXTS, output=tmp_path / name)
    wanted = [each.ids for each in words.encode_batch(TEXTS)]
    assert list(read_ids(tmp_path / name)) == wanted
    done = tb.decode_corpus(words, tmp_path / name, skip_special_tokens=True)
    assert list(done.decoded) == TEXTS
    assert (done.texts, done.tokens) == (4, sum(map(len, wanted)))


def test_decoded_texts_are_json_lines_whatever_is_in_them(words, tmp_path):
    words.add_tokens(["a\nb", "\u2028"])
    done = tb.decode_corpus(words, [[7], [8], []], output=tmp_path / "texts.jsonl")
    lines = (tmp_path / "texts.jsonl").read_text(encoding="utf-8").split("\n")
    assert [json.loads(line)["text"] for line in lines[:-1]] == ["a\nb", "\u2028", ""]
    assert done.output == str(tmp_path / "texts.jsonl")


def test_arrays_with_a_row_a_text_and_lines_of_numbers_are_read(tmp_path):
    np.save(tmp_path / "rows.npy", np.array([[1, 2], [3, 4]], np.int32))
    np.save(tmp_path / "flat.npy", np.array([1, 2, 3], np.int64))
    (tmp_path / "lines.txt").write_text('1 2\n\n3,4\n{"input_ids": [5]}\n')
    assert list(read_ids(tmp_path / "rows.npy")) == [[1, 2], [3, 4]]
    assert list(read_ids(tmp_path / "flat.npy")) == [[1, 2, 3]]
    assert list(read_ids(tmp_path / "lines.txt")) == [[1, 2], [], [3, 4], [5]]


def test_what_holds_no_ids_is_said_by_its_place(words, tmp_path):
    np.save(tmp_path / "floats.npy", np.array([1.5]))
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}]), allow_pickle=True)
    (tmp_path / "pickled.npy").write_bytes(pickle.dumps([1, 2]))
    (tmp_path / "text.arrow").write_text("no arrow")
    (tmp_path / "alone.bin").write_bytes(b"\1\0")
    for name, error, said in (
        ("floats.npy", DataError, "no array of ids"),
        ("objects.npy", DataError, "no array of ids"),
        ("pickled.npy", DataError, "no array of ids"),
        ("text.arrow", DataError, "no stream of Arrow"),
        ("alone.bin", FileError, "alone.json"),
        ("ids.csv", FileError, "there is no file"),
    ):
        with pytest.raises(error, match=said):
            list(read_ids(tmp_path / name))
    (tmp_path / "ids.csv").write_text("1\n")
    with pytest.raises(FileError, match="by its name"):
        read_ids(tmp_path / "ids.csv")
    for line in ("a b", "[true]", "[" * 99_999, '{"text": "a"}', '["a"]', "[-1]", "{"):
        with pytest.raises(DataError, match=r"ids\.txt, line 2 holds no"):
            list(lines_of_ids(["1", line], "ids.txt"))
    with pytest.raises(DataError, match="the id 99, which is in row 2"):
        tb.decode_corpus(words, [[1], [2, 99]])


def test_starts_that_are_not_of_these_ids_are_told(words, tmp_path):
    tb.encode_corpus(words, TEXTS, output=tmp_path / "ids.npy")
    np.save(tmp_path / "ids.starts.npy", np.array([0, 3, 2, 99]))
    with pytest.raises(DataError, match=r"the starts beside ids\.npy"):
        list(read_ids(tmp_path / "ids.npy"))


def test_starts_of_two_dimensions_and_ids_that_are_no_numbers_are_told(words, tmp_path):
    np.save(tmp_path / "ids.npy", np.array([1, 2]))
    np.save(tmp_path / "ids.starts.npy", np.array([[0, 2]]))
    with pytest.raises(DataError, match=r"the starts beside ids\.npy"):
        list(read_ids(tmp_path / "ids.npy"))
    tb.encode_corpus(words, TEXTS, output=tmp_path / "raw.bin")
    facts = json.loads((tmp_path / "raw.json").read_text())
    for change in ({"dtype": "float16"}, {"dtype": "object"}, {"starts": "../raw.starts.bin"}):
        (tmp_path / "raw.json").write_text(json.dumps({**facts, **change}))
        with pytest.raises(DataError, match=r"raw\.json does not say what raw\.bin holds"):
            list(read_ids(tmp_path / "raw.bin"))


def test_lengths_that_nothing_reaches_change_no_row(words):
    wanted = rows_of(tb.encode_corpus(words, TEXTS))
    assert rows_of(tb.encode_corpus(words, TEXTS, max_length=10**20)) == wanted
    assert rows_of(tb.encode_corpus(words, TEXTS, max_length=1, truncation="none")) == wanted


def rows_of(done):
    return [part.tolist() for part in np.split(done.ids, done.starts[1:-1])]


@pytest.mark.parametrize("threads", [None, 2])
def test_rows_of_a_corpus_are_cut_and_filled_up_as_the_library_does(words, threads):
    done = tb.encode_corpus(words, TEXTS, max_length=4, padding="max_length", threads=threads)
    words.enable_truncation(4)
    words.enable_padding(pad_id=3, pad_token="[PAD]", length=4)
    assert rows_of(done) == [each.ids for each in words.encode_batch(TEXTS)]
    assert (done.engine, done.why) == ("library", "it cuts, fills up and pairs rows")


def test_pairs_stand_in_columns_in_files_and_in_lists(words, tmp_path):
    first, second = ["the", "", "cat"], ["sat", "cat", ""]
    wanted = [each.ids for each in words.encode_batch(list(zip(first, second, strict=True)))]
    (tmp_path / "a.txt").write_text("\n".join(first) + "\n")
    (tmp_path / "b.txt").write_text("\n".join(second) + "\n")
    (tmp_path / "t.tsv").write_text("q\ta\nthe\tsat\n\tcat\ncat\t\n")
    (tmp_path / "t.jsonl").write_text(
        "".join(json.dumps({"q": q, "a": a}) + "\n" for q, a in zip(first, second, strict=True))
    )
    assert rows_of(tb.encode_corpus(words, first, pair=second)) == wanted
    assert rows_of(tb.encode_corpus(words, tmp_path / "a.txt", pair=tmp_path / "b.txt")) == wanted
    for table in ("t.tsv", "t.jsonl"):
        assert rows_of(tb.encode_corpus(words, tmp_path / table, column="q", pair="a")) == wanted
    with pytest.raises(DataError, match="no second text for text 2"):
        tb.encode_corpus(words, first, pair=["sat"])
    with pytest.raises(DataError, match="3 texts and more second texts"):
        tb.encode_corpus(words, first, pair=[*second, "x"])


def test_long_lines_and_blank_ones_are_rows_of_a_pair(words, tmp_path):
    long = "the cat " * 40_000
    (tmp_path / "a.txt").write_text(f"cat\n{long}\n\nsat")
    (tmp_path / "b.txt").write_text("a\nb\nc\nd\n")
    done = tb.encode_corpus(words, tmp_path / "a.txt", pair=tmp_path / "b.txt", max_length=9)
    assert [len(row) for row in rows_of(done)] == [5, 9, 4, 5]


def test_a_corpus_refuses_what_only_its_end_could_tell(words):
    for how, said in (
        ({"padding": "longest"}, "known at its end"),
        ({"engine": "compiled", "max_length": 3}, "the library's work"),
        ({"max_length": 1}, "no room for the 2 special tokens"),
        ({"max_length": 3, "truncation": "only_second"}, "cannot be cut to its length"),
        ({"max_length": 10**20, "padding": "max_length"}, "do not fit into memory"),
    ):
        with pytest.raises(UsageError, match=said):
            tb.encode_corpus(words, TEXTS, **how)
