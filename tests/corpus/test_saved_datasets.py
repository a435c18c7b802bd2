"""Folders of save_to_disk are read as the library wrote them; of several splits it is said which one."""

import json

import pytest

from tokbench.corpus.records import records
from tokbench.corpus.sources import find_sources
from tokbench.errors import FileError

from .formats import as_txt

datasets = pytest.importorskip("datasets")
TEXTS = [f"text {number}" for number in range(50)]


def saved(folder, texts=TEXTS, **options):
    datasets.Dataset.from_dict({"id": list(range(len(texts))), "text": texts}).save_to_disk(folder, **options)


def test_a_dataset_of_several_files_is_one_source_in_its_own_order(tmp_path, put, read):
    saved(tmp_path / "d", num_shards=12)
    [source] = find_sources([tmp_path / "d"])
    assert source.format == "saved"
    assert source.size == sum(each.stat().st_size for each in (tmp_path / "d").glob("*.arrow"))
    texts, facts = read(tmp_path / "d")
    assert texts == TEXTS
    assert facts.sha256 == read(put("a.txt", as_txt(TEXTS)))[1].sha256
    assert facts.notes == (
        f"{tmp_path}/d/data-00000-of-00012.arrow: the texts are its column 'text', of id, text; "
        "--column names another",
    )


def test_rows_that_were_selected_are_those_that_are_read(tmp_path, read):
    datasets.Dataset.from_dict({"text": TEXTS}).select([3, 1, 2]).save_to_disk(tmp_path / "d")
    assert read(tmp_path / "d")[0] == ["text 3", "text 1", "text 2"]


def test_of_several_splits_train_is_read_and_said_and_another_can_be_named(tmp_path, read):
    one, two = (datasets.Dataset.from_dict({"text": [text]}) for text in ("one", "two"))
    datasets.DatasetDict({"validation": two, "train": one}).save_to_disk(tmp_path / "d")
    texts, facts = read(tmp_path / "d")
    assert texts == ["one"]
    assert facts.notes == (
        f"{tmp_path}/d/train: of the splits train is read; {tmp_path}/d/NAME names another (validation)",
    )
    assert read(tmp_path / "d/validation")[0] == ["two"]
    assert read(tmp_path / "d/validation")[1].notes == ()


def test_without_a_train_split_one_must_be_named_unless_it_is_the_only_one(tmp_path, refusal, read):
    one = datasets.Dataset.from_dict({"text": ["one"]})
    datasets.DatasetDict({"a": one, "b": one}).save_to_disk(tmp_path / "d")
    message, fix = refusal(FileError, tmp_path / "d")
    assert message == f"{tmp_path}/d has these splits, and none is called train: a, b"
    assert fix == f"name {tmp_path}/d/a"
    datasets.DatasetDict({"only": one}).save_to_disk(tmp_path / "e")
    assert read(tmp_path / "e")[0] == ["one"]


def test_a_folder_with_saved_datasets_inside_reads_each_once(tmp_path, read):
    saved(tmp_path / "d/one", ["a", "b"], num_shards=2)
    saved(tmp_path / "d/two", ["c"])
    assert read(tmp_path / "d")[0] == ["a", "b", "c"]
    assert len(find_sources([tmp_path / "d"])) == 2


def test_a_dataset_that_is_not_whole_is_refused(tmp_path, refusal):
    saved(tmp_path / "d", num_shards=2)
    next((tmp_path / "d").glob("*00001*.arrow")).unlink()
    assert "is missing" in refusal(FileError, tmp_path / "d")[0]
    (tmp_path / "d/state.json").write_text(json.dumps({"_data_files": 3}))
    assert "no list '_data_files'" in refusal(FileError, tmp_path / "d")[0]


def test_a_dataset_without_rows_and_its_rows_as_records(tmp_path):
    saved(tmp_path / "d", ["a"])
    [source] = find_sources([tmp_path / "d"])
    assert list(records(source)) == [("row 1", {"id": 0, "text": "a"})]
