"""Datasets by name are streamed through the library; local folders of data files go the same way."""

import json

import pytest

from tokbench.corpus.hub_datasets import hub_name
from tokbench.corpus.reading import open_corpus
from tokbench.corpus.records import records
from tokbench.corpus.sources import find_sources
from tokbench.errors import DataError, FileError

from .formats import as_jsonl, as_parquet, as_txt

datasets = pytest.importorskip("datasets")
TEXTS = [f"text {number} 안녕" for number in range(600)]


@pytest.fixture
def folder(put, tmp_path):
    put("d/train.jsonl", as_jsonl(TEXTS))
    put("d/test.jsonl", as_jsonl(["held out"]))
    return f"{tmp_path}/d"


def test_a_folder_of_data_files_is_a_dataset_and_its_train_split_is_read_and_said(folder, put, read):
    texts, facts = read(f"hf:{folder}")
    assert texts == TEXTS
    assert facts.sha256 == read(put("a.txt", as_txt(TEXTS)))[1].sha256
    assert facts.sources == (f"hf:{folder}",)
    assert facts.notes[0] == (
        f"hf:{folder}: of the splits train is read; hf:NAME:CONFIG:SPLIT names another (test)"
    )
    assert facts.notes[1].startswith(f"hf:{folder}: the texts are its column 'text', of text, id")


def test_split_and_column_can_be_named_in_the_name_and_then_nothing_is_guessed(folder, read):
    texts, facts = read(f"hf:{folder}::test:text")
    assert (texts, facts.notes) == (["held out"], ())
    assert read(f"hf:{folder}:default:test", column="text")[0] == ["held out"]


def test_parquet_goes_the_same_way(put, read, tmp_path):
    put("p/train-00000.parquet", as_parquet(TEXTS))
    assert read(f"hf:{tmp_path}/p")[0] == TEXTS


def test_several_configurations_are_listed(put, refusal, read, tmp_path):
    put("c/a/train.jsonl", as_jsonl(["one"]))
    put("c/b/train.jsonl", as_jsonl(["two"]))
    configs = [{"config_name": name, "data_files": f"{name}/*.jsonl"} for name in "ab"]
    put("c/README.md", f"---\nconfigs: {json.dumps(configs)}\n---\n".encode())
    message, fix = refusal(DataError, f"hf:{tmp_path}/c")
    assert message == f"hf:{tmp_path}/c has several configurations: a, b"
    assert fix == f"name one: hf:{tmp_path}/c:a"
    assert read(f"hf:{tmp_path}/c:b")[0] == ["two"]


def test_an_unknown_split_column_and_folder_are_one_sentence(folder, refusal, tmp_path):
    assert refusal(DataError, f"hf:{folder}::trian") == (
        f"hf:{folder}::trian has no split 'trian'",
        f"did you mean hf:{folder}::train?",
    )
    message, fix = refusal(DataError, f"hf:{folder}:::txt")
    assert message == f"hf:{folder}:::txt has no column 'txt'"
    assert "did you mean text? it has: " in fix
    assert "('text 0 안녕')" in fix
    assert "cannot be read" in refusal(FileError, f"hf:{tmp_path}/none")[0]


def test_without_a_network_a_name_of_the_hub_is_refused_with_what_helps(refusal):
    message, fix = refusal(FileError, "hf:some/dataset")
    assert message == "hf:some/dataset is on the hub, and the hub cannot be reached from here"
    assert "save_to_disk" in fix


def test_a_script_of_a_dataset_is_never_run(put, refusal, tmp_path):
    put("s/s.py", b"raise SystemExit('the script was run')\n")
    message, _ = refusal(FileError, f"hf:{tmp_path}/s")
    assert "cannot be read" in message


def test_a_column_of_lists_is_refused(put, refusal, tmp_path):
    put("l/train.jsonl", b'{"text": ["a", "b"]}\n' * 3)
    assert "column 'text' holds lists" in refusal(DataError, f"hf:{tmp_path}/l")[0]


@pytest.mark.parametrize("name", ["hf:", "hf::a", "hf:a:b:c:d:e"])
def test_a_name_of_another_shape_is_refused(refusal, name):
    message, fix = refusal(FileError, name)
    assert message == f"{name} names no dataset"
    assert "hf:NAME:CONFIG:SPLIT:COLUMN" in fix


def test_the_parts_of_a_name_are_told_apart():
    assert hub_name("hf:a/b:c:d:e").column == "e"


def test_its_size_is_not_known_and_it_can_be_read_twice(folder):
    corpus = open_corpus([f"hf:{folder}"])
    assert corpus.size is None
    assert list(corpus) == list(corpus)


def test_rows_come_with_all_columns(folder):
    [source] = find_sources([f"hf:{folder}::test"])
    assert list(records(source)) == [("row 1", {"text": "held out", "id": 1})]
