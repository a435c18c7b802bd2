import pytest

from tokbench.errors import DataError, FileError
from tokbench.finetuning.data.glue import read_official
from tokbench.finetuning.tasks import TASKS

LABELS = {
    "cola": [1, 0],
    "sst2": [1, 0],
    "mrpc": [1, 0],
    "qqp": [1, 0],
    "stsb": [4.8, 0.25],
    "mnli": [0, 2, 1],
    "qnli": [0, 1],
    "rte": [0, 1],
    "wnli": [1, 0],
}


@pytest.mark.parametrize("name", LABELS)
def test_every_official_layout_is_read(name, official):
    found = read_official(official(name, times=1), TASKS[name])
    assert list(found) == ["train", *(split.name for split in TASKS[name].evaluation)]
    assert found["train"].labels == LABELS[name]
    assert (found["train"].pairs is None) == (len(TASKS[name].texts) == 1)


def test_a_quote_is_a_letter_and_the_bom_is_not(official):
    rows = read_official(official("mrpc", times=1), TASKS["mrpc"])["train"]
    assert rows.texts[0] == 'He said " no .'
    assert rows.pairs[0] == '" No , " he said .'


def test_colas_first_line_is_a_row(official):
    assert read_official(official("cola", times=1), TASKS["cola"])["train"].texts[0] == "The sun rose."


def test_the_root_of_the_archive_will_do(official, tmp_path):
    folder = official("sst2")
    folder.rename(tmp_path / "SST-2")
    assert len(read_official(tmp_path, TASKS["sst2"])["train"]) == 12


def test_windows_line_ends_and_blank_lines_are_no_rows(tmp_path):
    for file in ("train.tsv", "dev.tsv"):
        (tmp_path / file).write_bytes(b"sentence\tlabel\r\nfine\t1\r\n\r\npoor\t0\r\n\r\n")
    assert read_official(tmp_path, TASKS["sst2"])["train"].labels == [1, 0]


def test_a_missing_dev_file_is_named_with_what_the_task_needs(official):
    folder = official("mnli")
    (folder / "dev_mismatched.tsv").unlink()
    with pytest.raises(FileError, match=r"no dev_mismatched\.tsv in ") as caught:
        read_official(folder, TASKS["mnli"])
    assert caught.value.fix == "mnli needs train.tsv, dev_matched.tsv, dev_mismatched.tsv"


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileError, match=r"no folder at .*nowhere"):
        read_official(tmp_path / "nowhere", TASKS["sst2"])


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (["a film"], "line 3: the row has no text or no label"),
        ([" ", "1"], "line 3: the row has no text or no label"),
        (["a film", ""], "line 3: the row has no text or no label"),
        (["a", "film", "1"], "line 3: the row has no text or no label"),
        (["a film", "2"], "line 3: '2' is no label of sst2"),
        (["a film", "yes"], "line 3: 'yes' is no label of sst2"),
    ],
)
def test_a_row_that_cannot_be_used_is_named_with_its_line(row, sentence, official):
    folder = official("sst2", rows=[["fine", "1"], row], times=1)
    with pytest.raises(DataError, match=sentence) as caught:
        read_official(folder, TASKS["sst2"])
    assert caught.value.fix


@pytest.mark.parametrize("score", ["5.1", "-0.1", "nan", "high"])
def test_a_score_out_of_range_is_named(score, official):
    row = ["0", "news", "x", "2012", "1", "none", "none", "One.", "Two.", score]
    with pytest.raises(DataError, match=r"line 2: .* is no score") as caught:
        read_official(official("stsb", rows=[row], times=1), TASKS["stsb"])
    assert caught.value.fix == "give a number from 0 to 5"


def test_the_incomplete_rows_that_qqp_is_known_for_are_left_out_by_name(official):
    whole = ["0", "1", "2", "Why?", "When?", "0"]
    found = read_official(official("qqp", rows=[whole, ["1", "3", "4", "Where?"]], times=1), TASKS["qqp"])
    assert len(found["train"]) == 1
    assert [place.rpartition(" ")[2] for place in found["train"].left_out] == ["3"]
    with pytest.raises(DataError, match="no text or no label"):
        read_official(official("rte", rows=[["0", "One."]], times=1), TASKS["rte"])


def test_a_wrong_column_is_named_with_those_there_are(tmp_path):
    for file in ("train.tsv", "dev.tsv"):
        (tmp_path / file).write_text("text\tlabel\nfine\t1\n")
    with pytest.raises(DataError, match="has no column 'sentence'") as caught:
        read_official(tmp_path, TASKS["sst2"])
    assert caught.value.fix == "its columns: text, label"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "has no column 'sentence'"),
        (b"sentence\tlabel\n", "has no rows"),
        (b"sentence\tlabel\nfine\t1\nna\xefve\t0\n", "line 3 is not UTF-8"),
        ("sentence\tlabel\nfine\t1\n".encode("utf-16"), "line 1 is not UTF-8"),
        (b"sentence\tlabel\nfi\rne\t1\n", "line 2: the row has no text or no label"),
    ],
    ids=["empty", "header alone", "latin-1", "utf-16", "bare carriage return"],
)
def test_a_broken_file_is_one_sentence(content, sentence, tmp_path):
    for file in ("train.tsv", "dev.tsv"):
        (tmp_path / file).write_bytes(content)
    with pytest.raises(DataError, match=sentence) as caught:
        read_official(tmp_path, TASKS["sst2"])
    assert "\n" not in caught.value.message
    assert caught.value.fix


def test_a_very_long_text_is_read_like_any_other(tmp_path):
    for file in ("train.tsv", "dev.tsv"):
        (tmp_path / file).write_bytes(b"sentence\tlabel\n" + b"x" * 200_000 + b"\t1\n")
    assert set(read_official(tmp_path, TASKS["sst2"])) == {"train", "dev"}
