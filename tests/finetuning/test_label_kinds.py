"""What a column of labels is, classes or scores, is told by the kinds of its values, or refused."""

import json

import pytest

from tokbench.errors import DataError, UsageError
from tokbench.finetuning.config import FinetuneConfig, parse
from tokbench.finetuning.data.label_kinds import read_labels
from tokbench.finetuning.data.load import read_data


def reading(*labels, **how):
    return read_labels([(f"line {at}", label) for at, label in enumerate(labels, 2)], "stars", **how)


def table(path, labels, ending="jsonl"):
    rows = [{"text": f"text {at}", "label": label} for at, label in enumerate(labels)]
    if ending == "csv":
        path.write_text("\n".join(["text,label", *(f"{row['text']},{row['label']}" for row in rows)]))
    else:
        path.write_text("\n".join(map(json.dumps, rows)))
    return path


def read(path, **changes):
    return read_data(FinetuneConfig(task="own", data=str(path), dev=str(path), **changes))


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (("1_0", "10", "1_0"), ("10", "1_0")),
        (("nan", "inf", "nan"), ("inf", "nan")),
        (("\N{FULLWIDTH DIGIT ONE}", "b"), ("b", "\N{FULLWIDTH DIGIT ONE}")),
        ((True, False, True), ("false", "true")),
        (("true", "mixed", "false"), ("false", "mixed", "true")),
        ((1, "1", 2), ("1", "2")),
        ((0, 10, 9), ("0", "9", "10")),
    ],
)
def test_words_that_only_look_like_numbers_are_classes(labels, classes):
    assert reading(*labels).labels == classes


def test_numbers_with_fractions_are_scores_and_whole_numbers_classes_and_both_are_said():
    assert reading(0.5, 1.0, 2.25).labels == ()
    assert "--set task_kind=classes" in reading("0.5", "1", "2.25").why
    assert reading("1", "2", "5").labels == ("1", "2", "5")
    assert "--set task_kind=scores" in reading(1, 2, 5).why


@pytest.mark.parametrize(
    "labels",
    [
        (1.0, 0.0, 1.0),
        ("1.0", "0.0"),
        tuple(range(21)) * 3,
        ("0.5", "1.5") * 4,
        (-1, 1, 0),
    ],
)
def test_labels_that_may_be_classes_or_scores_are_refused_with_options_that_work(labels):
    with pytest.raises(UsageError) as caught:
        reading(*labels)
    options = [word.removeprefix("task_kind=") for word in caught.value.fix.split() if "task_kind=" in word]
    assert options
    for option in options:
        assert parse({"task_kind": option.strip(",;")})
        reading(*labels, kind=option.strip(",;"))


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        ((True, 0, True), r"two kinds: True \(line 2\) and 0 \(line 3\)"),
        ((True, "yes"), r"two kinds: True \(line 2\) and 'yes' \(line 3\)"),
        (("true", "0", "1", "false"), r"two kinds: 'true' \(line 2\) and '0' \(line 3\)"),
        (("Positive", "positive", "positive"), r"'Positive' \(1 row\) and 'positive' \(2 rows\): one class"),
        (("very good", "very  good", "bad"), "one class, or two"),
        (("caf\u00e9", "cafe\u0301"), "one class, or two"),
        (("1", "01", "2"), r"'01' \(1 row\) and '1' \(1 row\): one class"),
        (("1", "0", "NA"), "line 4: 'stars' is 'NA' among numbers: a class, or missing"),
    ],
)
def test_one_class_in_two_spellings_is_refused_and_kept_apart_on_request(labels, sentence):
    with pytest.raises(DataError, match=sentence) as caught:
        reading(*labels)
    assert "--set task_kind=classes" in caught.value.fix
    assert len(reading(*labels, kind="classes").labels) == len(set(map(str, labels)))


def test_classes_kept_apart_on_request_are_noted():
    assert reading("Pos", "pos", kind="classes").notes == ("the labels 'Pos' and 'pos' are two classes",)


def test_numbers_among_words_are_classes_and_noted():
    assert reading("1", "2", "spam").notes == (
        "stars holds numbers and words, 1, 2 and spam: all are classes",
    )


def test_task_kind_makes_scores_of_whole_numbers(tmp_path):
    found = read(table(tmp_path / "a.csv", [1, 2, 3, 4, 5], "csv"), task_kind="scores")
    assert (found.task.regression, found.train.labels) == (True, [1.0, 2.0, 3.0, 4.0, 5.0])
    assert found.read.kind == "scores"


def test_a_score_is_a_number_and_no_other_word(tmp_path):
    for word in ("1_0", "nan", "inf", "\N{FULLWIDTH DIGIT ONE}"):
        path = table(tmp_path / "a.jsonl", [0.5, 1.5, 2.5, word])
        with pytest.raises(DataError, match=r"line 4: .* is no score"):
            read(path, task_kind="scores")


def test_a_whole_number_with_a_point_in_json_is_the_class_of_the_number(tmp_path):
    found = read(table(tmp_path / "a.jsonl", [1.0, 0.0, 1.0]), task_kind="classes")
    assert found.task.labels == ("0", "1")


def test_positive_is_the_second_class_or_the_one_that_is_named(tmp_path):
    path = table(tmp_path / "a.csv", ["ham", "spam", "ham"], "csv")
    assert (read(path).task.labels, read(path).read.positive) == (("ham", "spam"), "spam")
    turned = read(path, positive="ham")
    assert (turned.task.labels, turned.read.positive, turned.train.labels) == (
        ("spam", "ham"),
        "ham",
        [1, 0, 1],
    )
    with pytest.raises(UsageError, match="no class is 'eggs'") as caught:
        read(path, positive="eggs")
    assert caught.value.fix == "--set positive=spam"
    with pytest.raises(UsageError, match="positive is one of two classes, and there are 3"):
        read(table(tmp_path / "b.csv", ["a", "b", "c"], "csv"), positive="a")


def parquet(path, labels, names):
    from pyarrow import Table
    from pyarrow import parquet as writer

    made = Table.from_pylist([{"text": f"text {at}", "label": label} for at, label in enumerate(labels)])
    features = {
        "text": {"dtype": "string", "_type": "Value"},
        "label": {"names": names, "_type": "ClassLabel"},
    }
    said = {"huggingface": json.dumps({"info": {"features": features}})}
    writer.write_table(made.replace_schema_metadata(said), path)
    return path


def test_names_of_classes_in_a_parquet_file_are_used_in_their_order(tmp_path):
    path = parquet(tmp_path / "a.parquet", [1, 0, 1, 2], ["neutral", "good", "bad"])
    found = read(path)
    assert found.task.labels == ("neutral", "good", "bad")
    assert found.train.labels == [1, 0, 1, 2]
    assert "the file names the classes of label" in found.read.inferred


def test_a_class_of_a_parquet_file_that_has_no_name_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"row 2: 'label' is 2, and the file names 2 classes"):
        read(parquet(tmp_path / "a.parquet", [1, 2], ["neg", "pos"]))


def test_datasets_own_parquet_files_give_their_names(tmp_path):
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["pos", "neg"])}
    )
    made = datasets.Dataset.from_dict({"text": ["a", "b", "c"], "label": [0, 1, 0]}, features=features)
    made.to_parquet(tmp_path / "a.parquet")
    found = read(tmp_path / "a.parquet")
    assert (found.task.labels, found.train.labels) == (("pos", "neg"), [0, 1, 0])
