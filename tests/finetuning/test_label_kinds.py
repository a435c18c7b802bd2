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


def test_scores_that_are_all_one_are_refused_before_training():
    for how in ({}, {"kind": "scores"}):
        with pytest.raises(DataError, match=r"every row's 'stars' is 0\.5: there is nothing to learn"):
            reading(0.5, 0.5, 0.5, **how)


def test_scores_that_floats_of_32_bits_cannot_square_are_refused_by_their_place():
    with pytest.raises(DataError, match=r"line 3: 'stars' is 1e\+308, too large a score") as caught:
        reading(0.5, 1e308, kind="scores")
    assert "divide all scores" in caught.value.fix
    assert reading(0.5, 1e17, kind="scores").labels == ()


def test_a_number_that_is_none_is_a_row_without_label_and_its_word_is_a_word(tmp_path):
    path = table(tmp_path / "a.jsonl", [0, 1, float("nan"), 0, 1])
    with pytest.raises(DataError, match="line 3: the row has no text or no label"):
        read(path)
    assert [*read(path, skip_incomplete=True).train.labels] == [0, 1, 0, 1]
    assert reading("nan", "inf").labels == ("inf", "nan")


def test_an_infinite_number_is_named_and_not_the_column():
    with pytest.raises(DataError, match="line 4: 'stars' is inf, which is no score"):
        reading(0.5, 0.25, float("inf"), *(number / 7 for number in range(40)))


def test_numbers_with_a_decimal_comma_are_asked_about():
    with pytest.raises(DataError, match="line 2: 'stars' is '1,5', a number with a comma"):
        reading("1,5", "2,5", "3")
    assert reading("1,5", "2,5", "3", kind="classes").labels == ("1,5", "2,5", "3")
    assert reading("1,5", "other").labels == ("1,5", "other")


def test_a_text_is_no_label_and_is_not_quoted_whole():
    with pytest.raises(DataError, match="line 2: 'stars' is a text of 400,000 characters") as caught:
        reading("x" * 400_000, "b")
    assert len(str(caught.value)) < 200


def test_labels_that_an_unseen_mark_tells_apart_are_asked_about():
    with pytest.raises(DataError, match="one class, or two"):
        reading("a", "a\u200b", "b")


def test_names_that_a_parquet_file_gives_twice_are_refused(tmp_path):
    path = parquet(tmp_path / "a.parquet", [0, 1, 2], ["a", "a", "b"])
    with pytest.raises(DataError, match="names two classes of 'label' 'a'"):
        read(path)


def test_numbers_of_named_classes_may_have_points_or_be_scores(tmp_path):
    path = parquet(tmp_path / "a.parquet", [0.0, 1.0, 0.0], ["neg ", "pos"])
    assert read(path).classes == {"neg": 2, "pos": 1}
    assert read(path, task_kind="scores").train.labels == [0, 1, 0]


@pytest.mark.parametrize("names", [5, "ab", None, {"0": "neg"}])
def test_names_that_are_no_list_are_no_names(names, tmp_path):
    assert read(parquet(tmp_path / "a.parquet", [0, 1, 0], names)).classes == {"0": 2, "1": 1}


def test_a_hidden_label_among_named_classes_is_answered_by_what_helps(tmp_path):
    path = parquet(tmp_path / "a.parquet", [0, 1, -1], ["neg", "pos"])
    with pytest.raises(DataError, match="'label' is -1") as caught:
        read(path, task_kind="classes")
    assert "task_kind" not in caught.value.fix


def test_a_column_that_the_first_row_leaves_out_is_found_in_others(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a"}\n{"text": "b", "label": "x"}\n{"text": "c", "label": "y"}\n')
    with pytest.raises(DataError, match="line 1: the row has no text or no label"):
        read(path)
    assert read(path, skip_incomplete=True).classes == {"x": 1, "y": 1}


def test_a_line_end_in_a_label_breaks_no_line_of_what_was_read(tmp_path):
    from tokbench.finetuning.read_record import lines_of_record

    found = read(table(tmp_path / "a.jsonl", ["a\nb", "c\td", "a\nb"]))
    assert all(line.isprintable() for line in lines_of_record(found.read))
    assert any(r"a\nb 2" in line for line in lines_of_record(found.read))
