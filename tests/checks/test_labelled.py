"""The labels of a table: which column, how often each, and the names a parquet file gives them."""

import json

import pytest

from tokbench.checks.data_stats import Labels, labels_in_files
from tokbench.checks.run import check

from .cases import labelled
from .folders import clean_pair


def test_labels_are_counted_and_the_column_is_named(tmp_path):
    (tmp_path / "a.csv").write_text("text,gold_label\nfox,b\nthe,a\nit,b\nand,\n")
    assert labels_in_files(str(tmp_path / "a.csv")) == Labels("gold_label", (("b", 2), ("a", 1)))


@pytest.mark.parametrize(
    ("name", "text"), [("a.txt", "label\nfox\n"), ("a.csv", "text,other\nfox,1\n"), ("a.jsonl", '"fox"\n')]
)
def test_texts_without_labels_have_none(name, text, tmp_path):
    (tmp_path / name).write_text(text)
    assert labels_in_files(str(tmp_path / name)) == Labels()


def test_a_column_of_lists_is_counted_item_by_item(tmp_path):
    rows = [{"ner_tags": [0, 3, 0]}, {"ner_tags": [3]}]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert labels_in_files(str(tmp_path / "a.jsonl")) == Labels("ner_tags", (("0", 2), ("3", 2)))


def test_a_column_with_thousands_of_values_holds_no_labels(tmp_path):
    rows = "".join(f"fox,{number}\n" for number in range(3_000))
    (tmp_path / "a.csv").write_text("text,label\n" + rows)
    assert labels_in_files(str(tmp_path / "a.csv")) == Labels()


def test_the_order_of_a_parquet_files_names_is_held_against_the_models(tmp_path):
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["b", "a"])}
    )
    path = tmp_path / "a.parquet"
    datasets.Dataset.from_dict({"text": ["fox", "the"], "label": [0, 1]}, features=features).to_parquet(path)
    assert labels_in_files(str(path)).names == ("b", "a")
    files = clean_pair("bert")
    labelled("", names=("a", "b"))(files)
    findings = check(files.write(tmp_path / "model"), quick=True, data=str(path)).findings
    [finding] = [each for each in findings if each.code == "TB708"]
    assert (finding.severity, "b, a; id2label: a, b" in finding.evidence) == ("error", True)


@pytest.mark.parametrize(
    ("table", "choices"),
    [
        ("text,label\nfox,b\nthe,a\n", {"names": ("a", "b")}),
        ("text,label\nfox,0\nthe,1\n", {}),
        ("text,label\nfox,B\nthe,A\n", {"names": ("a", "b")}),
        ("text,label\nfox,yes\nthe,no\n", {"names": ("LABEL_0", "LABEL_1")}),
        ("text,label\nfox,9\n", {"architecture": "BertForMaskedLM"}),
    ],
)
def test_labels_that_fit_raise_no_alarm(table, choices, tmp_path):
    files = clean_pair("bert")
    labelled(table, **choices)(files)
    checkup = check(files.write(tmp_path / "model"), quick=True, data=files.texts(tmp_path))
    assert "TB708" in checkup.checked
    assert not [each for each in checkup.findings if each.code == "TB708"]
