"""Answers are written so that they read back as the same, with the ids that someone gave."""

import csv
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tokbench.errors import DataError
from tokbench.finetuning.data.answer_files import write_answers, write_tagged
from tokbench.finetuning.data.tagging import Tagged
from tokbench.finetuning.multi import finetune
from tokbench.finetuning.predict import predict
from tokbench.finetuning.tag_scheme import TagScheme

ODD = ["plain", "with\ttab", "two\nlines", 'a "quote"', '"', "cr\rlf\r\n", " spaces ", "", "ends\\", "한국"]
WORDS = some.text(some.sampled_from('ab\t\n\r" \\,한'), max_size=6)


def rows_of(path):
    with Path(path).open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file, delimiter="\t"))


@given(some.lists(some.tuples(WORDS, WORDS), max_size=6))
def test_whatever_ids_and_labels_hold_reads_back(tmp_path_factory, pairs):
    path = tmp_path_factory.mktemp("answers") / "a.tsv"
    write_answers(path, pairs, id_column="id")
    assert rows_of(path) == [["id", "prediction"], *map(list, pairs)]


def test_pandas_reads_what_was_written(tmp_path):
    pandas = pytest.importorskip("pandas")
    write_answers(tmp_path / "a.tsv", [(each, each) for each in ODD], id_column="id")
    found = pandas.read_csv(
        tmp_path / "a.tsv", sep="\t", keep_default_na=False, dtype=str, lineterminator="\n"
    )
    assert found["prediction"].tolist()[:5] == ODD[:5]


def test_tagged_words_that_would_not_read_back_are_refused(tmp_path):
    for word in ("a\tb", "two\nlines", "-DOCSTART-"):
        with pytest.raises(DataError, match="does not read back as it was written"):
            write_tagged(tmp_path / "a.conll", Tagged([[word, "x"]], [], False), [["O", "O"]], TagScheme())
    write_tagged(
        tmp_path / "a.conll", Tagged([["#", "x"], ["y"]], [], False), [["O", "B-X"], ["O"]], TagScheme()
    )


@pytest.fixture
def own_run(plan, tmp_path):
    """A run on a table whose labels hold tabs, line ends and quotes."""
    labels = {"good": 'yes "quite"', "bad": "no\tand\nno"}
    rows = [{"key": f"k-{at}", "text": f"{word} film", "label": label}
            for at in range(8) for word, label in labels.items()]  # fmt: skip
    (tmp_path / "train.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return finetune(plan(task="own", data=str(tmp_path / "train.jsonl"), epochs=8, learning_rate=5e-3))


def asked(path, *rows):
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def test_labels_and_ids_with_line_ends_tabs_and_quotes_come_back_from_the_file(own_run, tmp_path):
    path = asked(tmp_path / "asked.jsonl", {"id": "a\n1", "text": "good"}, {"id": 'b"2', "text": "bad"})
    [written] = predict(own_run, data=path, output=tmp_path / "out").rows
    answers = predict(own_run, ["good", "bad"]).answers
    assert {*answers} <= {'yes "quite"', "no\tand\nno"}
    assert rows_of(written) == [["id", "prediction"], ["a\n1", answers[0]], ['b"2', answers[1]]]


def test_ones_own_id_column_is_kept_and_may_be_named(own_run, tmp_path):
    path = asked(
        tmp_path / "asked.jsonl", {"id": 7, "key": "x", "text": "good"}, {"id": 9, "key": "y", "text": "bad"}
    )
    [written] = predict(own_run, data=path, output=tmp_path / "out").rows
    assert [row[0] for row in rows_of(written)] == ["id", "7", "9"]
    [written] = predict(own_run, data=path, id_column="key", output=tmp_path / "other").rows
    assert [row[0] for row in rows_of(written)] == ["key", "x", "y"]
    [written] = predict(own_run, data=asked(path, {"text": "good"}), output=tmp_path / "third").rows
    assert [row[0] for row in rows_of(written)] == ["index", "0"]


def test_the_columns_that_were_trained_on_need_not_be_named_again(own_run, tmp_path):
    path = asked(tmp_path / "asked.jsonl", {"text": "good", "review": "bad"})
    assert predict(own_run, data=path).answers == predict(own_run, ["good"]).answers


def test_blank_rows_are_named_with_their_lines_before_a_model_is_loaded(own_run, tmp_path):
    (Path(own_run.output) / "model.safetensors").unlink()
    path = asked(tmp_path / "asked.jsonl", {"text": "good"}, {"text": "  "})
    with pytest.raises(DataError, match=r"asked\.jsonl line 2: the row has no text"):
        predict(own_run, data=path)
    path = asked(tmp_path / "asked.jsonl", {"text": ""}, {"text": "good"}, {"text": None})
    with pytest.raises(DataError, match=r"2 rows have no text: .*asked\.jsonl line 1, line 3"):
        predict(own_run, data=path)
    with pytest.raises(DataError, match="text 2: the row has no text"):
        predict(own_run, ["good", " "])


def test_half_a_surrogate_in_a_row_to_answer_is_one_sentence(own_run, tmp_path):
    path = tmp_path / "asked.jsonl"
    path.write_text('{"text": "good \\ud83d"}\n')
    with pytest.raises(DataError, match=r"line 1: 'text' holds half a surrogate pair"):
        predict(own_run, data=path)
