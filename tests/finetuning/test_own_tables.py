import json

import pytest

from tokbench.errors import DataError, FileError, UsageError
from tokbench.finetuning.config import FinetuneConfig
from tokbench.finetuning.data.load import read_data
from tokbench.finetuning.multi import finetune

ROWS = [("good film", "pos"), ("bad film", "neg"), ("NA", "pos"), ('a "b", c', "neg")]


def written(folder, ending, rows=ROWS, name="train"):
    """The same rows in any format."""
    path = folder / f"{name}.{ending}"
    records = [{"review": text, "stars": label} for text, label in rows]
    if ending == "parquet":
        from pyarrow import Table, parquet

        parquet.write_table(Table.from_pylist(records), path)
        return path
    if ending == "csv":
        fields = ['"' + text.replace('"', '""') + f'",{label}' for text, label in rows]
        text = "\n".join(["review,stars", *fields])
    elif ending == "tsv":
        text = "\n".join(["review\tstars", *(f"{text}\t{label}" for text, label in rows)])
    elif ending == "json":
        text = json.dumps(records)
    else:
        text = "\n".join(map(json.dumps, records))
    path.write_text(text + "\n", encoding="utf-8-sig" if ending == "csv" else "utf-8")
    return path


def plan_of(path, task="own", **changes):
    named = {"text_column": "review", "label_column": "stars"}
    return FinetuneConfig(task=task, data=str(path), **{**named, **changes})


@pytest.mark.parametrize("ending", ["csv", "tsv", "json", "jsonl", "parquet"])
def test_every_format_gives_the_same_rows_and_maps_labels_once(ending, tmp_path):
    if ending == "parquet":
        pytest.importorskip("pyarrow")
    path = written(tmp_path, ending)
    dev = written(tmp_path, "jsonl", name="held")
    found = read_data(plan_of(path, dev=str(dev)))
    assert found.train.texts == [text for text, _ in ROWS]
    assert found.task.labels == ("neg", "pos")
    assert found.train.labels == [1, 0, 1, 0]
    assert found.classes == {"neg": 2, "pos": 2}


@pytest.mark.parametrize(
    ("labels", "names"),
    [((3, 1, 2), ("1", "2", "3")), (("10", "9", "9"), ("9", "10")), ((True, False, True), ("false", "true"))],
)
def test_whole_numbers_are_ordered_by_size_and_truth_is_a_word(labels, names, tmp_path):
    rows = [(f"text {number}", label) for number, label in enumerate(labels)]
    path = written(tmp_path, "jsonl", rows)
    dev = written(tmp_path, "json", rows, name="held")
    assert read_data(plan_of(path, dev=str(dev))).task.labels == names


def test_numbers_with_fractions_are_scores(tmp_path):
    path = written(tmp_path, "csv", [(f"text {number}", number / 2) for number in range(20)])
    found = read_data(plan_of(path))
    assert (found.task.regression, found.task.metrics) == (True, ("pearson", "spearman"))
    assert {len(found.train), len(found.evaluation["dev"])} == {18, 2}


def test_dev_rows_are_cut_off_by_class_and_seed(tmp_path):
    path = written(tmp_path, "csv", [(f"text {number}", number % 4 == 0) for number in range(80)])
    first, same, other = (read_data(plan_of(path, seed=seed)) for seed in (1, 1, 2))
    assert first.train.texts == same.train.texts != other.train.texts
    assert first.evaluation["dev"].labels.count(1) == 2
    assert not set(first.train.texts) & set(first.evaluation["dev"].texts)


def test_rows_that_train_and_dev_share_are_counted(tmp_path):
    path = written(tmp_path, "csv")
    dev = written(tmp_path, "csv", [*ROWS[:2], ("new", "pos")], name="held")
    assert "2 of 3 dev rows stand word for word in train" in read_data(plan_of(path, dev=str(dev))).notes


def test_a_wrong_column_lists_the_columns(tmp_path):
    path = written(tmp_path, "csv")
    with pytest.raises(DataError, match="no column 'reviews'") as caught:
        read_data(plan_of(path, text_column="reviews"))
    assert caught.value.fix == "did you mean review? its columns: review, stars"


def test_columns_of_unusual_names_are_not_guessed(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("review,verdict\ngood,pos\nbad,neg\n")
    with pytest.raises(UsageError, match="--label-column is needed") as caught:
        read_data(plan_of(path, label_column=None))
    assert caught.value.fix == "its columns: review, verdict"


def test_all_rows_with_gaps_are_named_by_line_or_left_out(tmp_path):
    rows = [("good", "pos"), ("", "neg"), ("bad", "neg"), ("fine", ""), ("dull", "neg"), ("great", "pos")]
    path = written(tmp_path, "tsv", rows)
    with pytest.raises(DataError, match=r"2 rows have no text or no label: .*train\.tsv line 3, line 5$"):
        read_data(plan_of(path))
    found = read_data(plan_of(path, skip_incomplete=True, dev=str(written(tmp_path, "csv", name="held"))))
    assert len(found.train) == 4
    assert any("2 incomplete rows were left out" in note and "line 5" in note for note in found.notes)


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([], "has no rows"),
        ([("b", 1), ("a", -1)], r"train\.csv line 3: 'stars' is -1, which hides a label"),
        ([(f"t{number}", f"id{number}") for number in range(40)], "40 labels in 40 rows"),
        ([("a", "x"), ("b", "x")], "every row's 'stars' is 'x': there is nothing to learn"),
        ([("a", 1.5)], "too few to cut dev rows off"),
    ],
)
def test_rows_that_cannot_be_learned_from_are_refused(rows, sentence, tmp_path):
    with pytest.raises(DataError, match=sentence):
        read_data(plan_of(written(tmp_path, "csv", rows)))


def test_a_ragged_row_is_named(tmp_path):
    (tmp_path / "a.csv").write_text("review,stars\ngood,pos\nbad,neg,more\n")
    with pytest.raises(DataError, match="line 3 has 3 fields and the header has 2"):
        read_data(plan_of(tmp_path / "a.csv"))


def test_a_dev_label_that_train_has_not_is_named(tmp_path):
    path, dev = written(tmp_path, "csv"), written(tmp_path, "csv", [("x", "mixed")], name="held")
    with pytest.raises(DataError, match=r"held\.csv line 2: 'mixed' is no label that a train row has"):
        read_data(plan_of(path, dev=str(dev)))


def test_a_glue_task_keeps_its_labels_and_metrics_in_a_table_of_ones_own(tmp_path):
    rows = [("one", "entailment"), ("two", "contradiction"), ("three", "neutral")]
    path = written(tmp_path, "jsonl", rows)
    with pytest.raises(UsageError, match="--pair-column is needed"):
        read_data(plan_of(path, task="mnli"))
    found = read_data(plan_of(path, task="mnli", pair_column="review", dev=str(path)))
    assert found.task.labels == ("entailment", "neutral", "contradiction")
    assert found.train.labels == [0, 2, 1]


def test_a_folder_with_train_and_dev_will_do_and_an_empty_one_will_not(tmp_path):
    with pytest.raises(FileError, match="no train file"):
        read_data(plan_of(tmp_path))
    written(tmp_path, "csv")
    written(tmp_path, "tsv", [("fresh", "pos")], name="validation")
    assert read_data(plan_of(tmp_path)).evaluation["dev"].texts == ["fresh"]


def test_ones_own_table_is_trained_on_and_its_labels_are_saved(plan, tmp_path):
    rows = [(f"{word} {'x ' * number}", word.upper()) for number in range(12) for word in ("good", "bad")]
    path = written(tmp_path, "csv", rows)
    run = finetune(
        plan(
            task="own",
            data=str(path),
            text_column="review",
            label_column="stars",
            epochs=16,
            learning_rate=5e-3,
        )
    )
    assert run.proved
    assert run.metrics == {"accuracy": 1.0, "f1": 1.0}
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["label2id"] == {"BAD": 0, "GOOD": 1}


@pytest.mark.parametrize("between", [";", "\t", "|"])
def test_a_table_that_is_parted_otherwise_says_by_what(between, tmp_path):
    (tmp_path / "a.csv").write_text(f"review{between}stars\ngood{between}pos\n")
    with pytest.raises(DataError, match=r"has one column, .*: it seems to be parted by") as caught:
        read_data(plan_of(tmp_path / "a.csv"))
    assert repr(between) in caught.value.message
    assert caught.value.fix == "use commas in .csv files and tabs in .tsv files"


@pytest.mark.parametrize("between", [",", "\t"])
def test_a_column_that_is_there_twice_is_refused_and_others_may_be(between, tmp_path):
    path = tmp_path / ("a.csv" if between == "," else "a.tsv")
    lines = ["review stars note note", "good pos x y", "bad neg x y"] * 3
    path.write_text("\n".join(line.replace(" ", between) for line in [*lines[:1], *lines[1:3] * 6]))
    assert len(read_data(plan_of(path, dev=str(path))).train) == 12
    with pytest.raises(DataError, match="has 2 columns 'note'"):
        read_data(plan_of(path, label_column="note"))


def test_a_field_with_quotes_commas_and_line_ends_is_one_text(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('review,stars\n"she said ""no"",\nand left",neg\nfine,pos\n' * 1)
    assert read_data(plan_of(path, dev=str(path))).train.texts == ['she said "no",\nand left', "fine"]


def test_other_bytes_than_utf8_are_named_with_the_command_that_mends_them(tmp_path):
    (tmp_path / "a.csv").write_bytes("review,stars\ncafé,pos\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"a\.csv is not UTF-8: byte 0xe9 .* \(line 2\)") as caught:
        read_data(plan_of(tmp_path / "a.csv"))
    assert caught.value.fix.startswith("iconv -f ISO-8859-1 -t UTF-8 <")


@pytest.mark.parametrize("ending", ["csv", "tsv", "json", "jsonl"])
def test_a_file_of_no_bytes_has_no_rows(ending, tmp_path):
    (tmp_path / f"a.{ending}").touch()
    with pytest.raises(DataError, match="has no rows"):
        read_data(plan_of(tmp_path / f"a.{ending}"))


def test_a_score_that_is_no_number_is_named(tmp_path):
    rows = [*((f"t{number}", number / 4) for number in range(9)), ("bad", "nan")]
    with pytest.raises(DataError, match=r"line 11: 'nan' is no score"):
        read_data(plan_of(written(tmp_path, "csv", rows)))


def test_dev_may_not_be_a_folder(tmp_path):
    path = written(tmp_path, "csv")
    with pytest.raises(FileError, match="is a folder, and a file is needed"):
        read_data(plan_of(path, dev=str(tmp_path)))
