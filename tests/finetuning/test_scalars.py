"""A value of a table is a text, a number or a truth in all formats alike; else it is refused by its place."""

import json

import pytest

from tokbench.errors import DataError
from tokbench.finetuning.config import FinetuneConfig
from tokbench.finetuning.data.load import read_data


def read(path, **changes):
    return read_data(FinetuneConfig(task="own", data=str(path), dev=str(path), **changes))


def test_numbers_truths_and_dates_are_the_same_texts_in_json_and_parquet(tmp_path):
    from pyarrow import Table, parquet

    rows = [{"text": 1984, "label": "a"}, {"text": 7, "label": "b"}]
    (tmp_path / "a.json").write_text(json.dumps(rows))
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "a.csv").write_text("text,label\n1984,a\n7,b\n")
    parquet.write_table(Table.from_pylist(rows), tmp_path / "a.parquet")
    found = [read(tmp_path / f"a.{ending}").train.texts for ending in ("json", "jsonl", "csv", "parquet")]
    assert found == [["1984", "7"]] * 4


def test_a_date_and_a_decimal_number_are_texts(tmp_path):
    from datetime import date
    from decimal import Decimal

    from pyarrow import Table, parquet

    rows = [
        {"text": date(2026, 1, 2), "label": Decimal("1.5")},
        {"text": date(2026, 1, 3), "label": Decimal("2.0")},
    ]
    parquet.write_table(Table.from_pylist(rows * 2), tmp_path / "a.parquet")
    found = read(tmp_path / "a.parquet", task_kind="scores")
    assert (found.train.texts[:2], found.train.labels[:2]) == (["2026-01-02", "2026-01-03"], [1.5, 2.0])


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ({"a": 1, "b": 2, "c": 3, "d": 4}, r"line 2: 'text' is an object with 'a', 'b', 'c', …, not a text"),
        (["a", "b"], "line 2: 'text' is a list of 2, not a text"),
        ("a\0b", "line 2: 'text' holds a NUL character"),
        ("a\ud83d", r"line 2: 'text' holds half a surrogate pair, \\ud83d"),
    ],
)
def test_what_is_no_text_is_named_with_its_line(value, sentence, tmp_path):
    path = tmp_path / "a.jsonl"
    rows = [{"text": "fine", "label": "a"}, {"text": value, "label": "b"}]
    path.write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(DataError, match=sentence):
        read(path)


@pytest.mark.parametrize("label", [{"x": 1}, [1, 2], "a\ud83d", "a\0"])
def test_what_is_no_label_is_one_sentence_and_never_a_class(label, tmp_path):
    path = tmp_path / "a.jsonl"
    rows = [{"text": "one", "label": "a"}, {"text": "two", "label": label}, {"text": "three", "label": "b"}]
    path.write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(DataError, match="line 2: 'label'") as caught:
        read(path)
    str(caught.value).encode()


def test_an_endless_value_is_clipped_where_it_is_quoted(tmp_path):
    path = tmp_path / "a.jsonl"
    rows = [{"text": "one", "label": "a"}, {"text": {"k" * 5_000: 1}, "label": "b"}]
    path.write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(DataError) as caught:
        read(path)
    assert len(str(caught.value)) + len(caught.value.fix) < 500


def test_bytes_in_a_parquet_file_are_no_text(tmp_path):
    from pyarrow import Table, parquet

    parquet.write_table(Table.from_pylist([{"text": b"a", "label": 1}]), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="row 1: 'text' is bytes, not a text"):
        read(tmp_path / "a.parquet")
