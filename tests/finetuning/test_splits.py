import pytest

from tokbench.errors import FileError, UsageError
from tokbench.finetuning.data.own_tables import TABLE, files_in, questions_in
from tokbench.finetuning.data.tagging import CONLL


def put(folder, *names):
    for name in names:
        (folder / name).touch()
    return folder


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (TABLE, ("train.csv", "Dev.TSV", "test.jsonl")),
        (TABLE, ("train.csv.gz", "validation.parquet", "test.ndjson")),
        (TABLE, ("train.json", "val.json.zst", "test.csv")),
        (CONLL, ("train.conll", "valid.iob2", "test.txt")),
        (CONLL, ("TRAIN.BIO", "dev.tsv", "Test.conllu")),
    ],
)
def test_files_are_found_by_their_names(kind, names, tmp_path):
    folder = put(tmp_path, *names, "README.md", "train.bak", "train.csv.old", "notes.csv")
    train, dev, test = (folder / name for name in names)
    assert files_in(folder, kind) == {"train": train, "dev": dev}
    assert questions_in(folder, kind) == test


def test_tagged_files_are_not_packed_and_tables_are_no_conll(tmp_path):
    put(tmp_path, "train.conll.gz", "train.csv")
    with pytest.raises(FileError, match=r"no train file in .* \(train\.conll, \.conllu") as caught:
        files_in(tmp_path, CONLL)
    assert caught.value.fix == "--data FILE.conll --dev FILE.conll"
    assert files_in(tmp_path, TABLE) == {"train": tmp_path / "train.csv"}


def test_a_file_is_itself_and_dev_may_be_named(tmp_path):
    put(tmp_path, "a.csv", "b.csv", "train.csv", "dev.csv", "dev.tsv")
    assert files_in(tmp_path / "a.csv", TABLE) == {"train": tmp_path / "a.csv"}
    named = {"train": tmp_path / "train.csv", "dev": tmp_path / "b.csv"}
    assert (
        files_in(tmp_path, TABLE, dev=str(tmp_path / "b.csv")) == named
    )  # the two in the folder are no matter
    assert questions_in(tmp_path / "a.csv", TABLE) == tmp_path / "a.csv"


@pytest.mark.parametrize(
    ("names", "which"), [(("train.csv", "train.tsv"), "train"), (("train.csv", "dev.csv", "val.csv"), "dev")]
)
def test_two_files_for_one_split_are_named(names, which, tmp_path):
    with pytest.raises(UsageError, match=rf"{names[-2]} and {names[-1]}: which is {which}\?"):
        files_in(put(tmp_path, *names), TABLE)


def test_what_is_not_there_is_said_with_a_way_out(tmp_path):
    with pytest.raises(FileError, match=r"there is no .*nowhere") as caught:
        files_in(tmp_path / "nowhere", CONLL)
    assert caught.value.fix == "--data FILE.conll, or a folder with train and dev files"
    with pytest.raises(FileError, match=r"no test file in .* \(test\.csv, \.tsv") as caught:
        questions_in(put(tmp_path, "train.csv"), TABLE)
    assert caught.value.fix == "--data FILE.csv"
