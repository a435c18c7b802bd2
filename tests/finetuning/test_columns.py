"""Columns of usual names are found and said; where several fit, the error names them with an option."""

import json
import shlex
import subprocess

import pytest

from tokbench.errors import DataError, UsageError
from tokbench.finetuning.config import FinetuneConfig
from tokbench.finetuning.data.load import own_questions, read_data
from tokbench.finetuning.tasks import TASKS

STS = {
    "guid": "sts_0",
    "sentence1": "one text",
    "sentence2": "another text",
    "labels": {"label": 4.9, "real-label": 4.857, "binary-label": 1},
    "annotations": {"agreement": "0:1", "annotators": ["1", "2"]},
}


def table(path, *rows):
    path.write_text(json.dumps(list(rows)))
    return path


def read(path, **changes):
    return read_data(FinetuneConfig(**{"task": "own", "data": str(path), "dev": str(path), **changes}))


def chosen(path, **changes):
    return dict(read(path, **changes).read.columns)


def rows(**one):
    other = {"label": "b"} if "label" in one else {}
    return [one, {**one, **other}, one]


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ({"id": 7, "document": "x", "label": "a"}, {"text": "document", "label": "label", "id": "id"}),
        (
            {"premise": "x", "hypothesis": "y", "label": "a", "author": "c", "label2": "d"},
            {"text": "premise", "pair": "hypothesis", "label": "label"},
        ),
        ({"Sentence": "x", "label": "a"}, {"text": "Sentence", "label": "label"}),
        (
            {"question": "x", "sentence": "y", "label": "a"},
            {"text": "question", "pair": "sentence", "label": "label"},
        ),
    ],
)
def test_columns_of_usual_names_are_found_and_said(columns, found, tmp_path):
    assert chosen(table(tmp_path / "a.json", *rows(**columns))) == found


@pytest.mark.parametrize(
    ("columns", "sentence", "option"),
    [
        ({"text": "x", "review": "y", "label": "a"}, "the text may be text or review", "--text-column text"),
        ({"text": "x", "label": "a", "score": 1}, "the label may be label or score", "--label-column label"),
        (
            {"sentence1": "x", "sentence2": "y", "text": "z", "label": "a"},
            "the text may be sentence1 with sentence2 or text",
            "--text-column sentence1 --pair-column sentence2",
        ),
    ],
)
def test_columns_that_may_be_meant_are_named_with_an_option_that_works(columns, sentence, option, tmp_path):
    path = table(tmp_path / "a.json", *rows(**columns))
    with pytest.raises(UsageError, match=sentence) as caught:
        read(path)
    assert caught.value.fix == option
    words = shlex.split(caught.value.fix)
    named = {name[2:].replace("-", "_"): value for name, value in zip(words[::2], words[1::2], strict=True)}
    assert read(path, **named).train.texts == ["x"] * 3


def test_a_label_inside_an_object_is_named_with_a_dot(tmp_path):
    other = {**STS, "labels": {"label": 1.2, "real-label": 1.17, "binary-label": 0}}
    path = table(tmp_path / "sts.json", STS, other, STS)
    with pytest.raises(
        UsageError, match=r"the label may be labels.label, labels.real-label or labels.binary-l"
    ):
        read(path)
    found = read(path, label_column="labels.real-label")
    assert found.train.labels == [4.857, 1.17, 4.857]
    assert dict(found.read.columns) == {
        "text": "sentence1", "pair": "sentence2", "label": "labels.real-label", "id": "guid",
    }  # fmt: skip
    assert read(path, label_column="labels.binary-label").task.labels == ("0", "1")


def test_an_object_is_no_label_and_its_values_are_listed(tmp_path):
    path = table(tmp_path / "sts.json", STS, STS)
    with pytest.raises(DataError, match="'labels' holds objects") as caught:
        read(path, label_column="labels")
    assert caught.value.fix == "with a dot, one of: labels.label, labels.real-label, labels.binary-label"


def test_objects_in_parquet_have_dotted_columns_too(tmp_path):
    from pyarrow import Table, parquet

    parquet.write_table(
        Table.from_pylist([STS, {**STS, "labels": {**STS["labels"], "label": 0.5}}]), tmp_path / "a.parquet"
    )
    assert read(tmp_path / "a.parquet", label_column="labels.label").train.labels == [4.9, 0.5]


def test_a_column_that_has_a_dot_in_its_name_is_itself(tmp_path):
    path = table(tmp_path / "a.json", {"text": "x", "meta.label": "a"}, {"text": "y", "meta.label": "b"})
    assert read(path, label_column="meta.label").task.labels == ("a", "b")


def test_a_second_text_is_not_looked_for_beside_a_named_one(tmp_path):
    path = table(tmp_path / "a.json", *rows(sentence1="x", sentence2="y", label="a"))
    assert chosen(path, text_column="sentence1") == {"text": "sentence1", "label": "label"}


def test_a_glue_task_on_an_own_table_finds_its_pair(tmp_path):
    path = table(tmp_path / "a.json", *rows(sentence1="x", sentence2="y", label="entailment"))
    path.write_text(path.read_text().replace('"b"', '"not_entailment"'))
    assert chosen(path, task="rte", label_column="label") == {
        "text": "sentence1",
        "pair": "sentence2",
        "label": "label",
    }


def test_what_pandas_to_json_writes_is_one_sentence(tmp_path):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {"text": [f"a text of number {number}" * 5 for number in range(2_000)], "label": [0, 1] * 1_000}
    )
    frame.to_json(tmp_path / "a.json")
    with pytest.raises(
        DataError, match=r"holds one object of columns \(text, label\), not an object a row"
    ) as caught:
        read(tmp_path / "a.json")
    assert len(str(caught.value)) < 300
    subprocess.run(shlex.split(caught.value.fix), check=True)
    assert len(read(tmp_path / "a-rows.json").train) == 2_000


def written(path, value):
    path.write_text(json.dumps(value))
    return path


FRUIT = [{"text": f"a {name} {at}", "label": name} for name in ("pear", "fig") for at in range(4)]


@pytest.mark.parametrize("around", [{"data": FRUIT}, {"version": "1", "rows": FRUIT, "meta": {"a": 1}}])
def test_one_list_of_rows_inside_an_object_is_read_and_said(around, tmp_path):
    path = written(tmp_path / "a.json", around)
    key = next(name for name, value in around.items() if value is FRUIT)
    found = read(path)
    assert found.train.texts == [row["text"] for row in FRUIT]
    assert f"{path}: rows from its list '{key}'" in found.read.inferred
    asked = own_questions(path, TASKS["sst2"])
    assert (asked.rows.texts, asked.notes[0]) == (found.train.texts, f"{path}: rows from its list '{key}'")
    with pytest.raises(DataError, match=rf"a\.json item 3 of {key}: 'text' is a list of 1"):
        read(written(path, {**around, key: [*FRUIT[:2], {"text": ["x"], "label": "fig"}]}))


@pytest.mark.parametrize(
    "table",
    [
        {"columns": ["text", "label"], "index": [*range(8)], "data": [[*row.values()] for row in FRUIT]},
        {name: {str(at): row[name] for at, row in enumerate(FRUIT)} for name in ("text", "label")},
        {name: [row[name] for row in FRUIT] for name in ("text", "label")},
        {str(at): row for at, row in enumerate(FRUIT)},
        {"train": FRUIT, "dev": FRUIT[:2], "version": 1},
    ],
)
def test_json_of_another_layout_is_refused_with_a_line_that_rewrites_it(table, tmp_path):
    path = written(tmp_path / "it's a.json", table)
    with pytest.raises(DataError, match=r"not an object a row|2 lists of rows") as caught:
        read(path)
    subprocess.run(shlex.split(caught.value.fix), check=True)
    assert read(tmp_path / "it's a-rows.json").train.texts == [row["text"] for row in FRUIT]


def test_maps_of_parquet_are_objects_with_dots(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    labels = pyarrow.array(
        [[("fruit", row["label"])] for row in FRUIT], pyarrow.map_(pyarrow.string(), pyarrow.string())
    )
    path = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table({"text": [row["text"] for row in FRUIT], "label": labels}), path)
    assert chosen(path) == {"text": "text", "label": "label.fruit"}
    with pytest.raises(DataError, match="'label' holds objects, and one value of them is needed") as caught:
        read(path, label_column="label")
    assert "label.fruit" in caught.value.fix
