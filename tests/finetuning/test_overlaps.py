"""Dev rows that were trained on and texts with two labels are counted and noted."""

import json

import pytest

from tokbench.finetuning.config import FinetuneConfig
from tokbench.finetuning.data.load import read_data


@pytest.fixture
def notes(tmp_path):
    """A function: the notes of a run on these rows (text, label)."""

    def make(train, dev):
        for name, rows in (("train", train), ("dev", dev)):
            made = [{"text": text, "label": label} for text, label in rows]
            (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, made)))
        return read_data(FinetuneConfig(task="own", data=str(tmp_path))).notes

    return make


TRAIN = [("A good film", "pos"), ("a bad film", "neg"), ("so so", "pos")]


def test_dev_rows_that_train_has_are_counted_and_those_nearly_alike_too(notes):
    found = notes(TRAIN, [("A good film", "pos"), ("A BAD  film ", "neg"), ("new", "pos")])
    assert "1 of 3 dev rows stand word for word in train" in found
    assert "1 of 3 dev rows differ from a train row by case or spaces alone" in found


def test_a_text_with_two_labels_in_train_is_counted(notes):
    found = notes([*TRAIN, ("a BAD film", "pos"), ("so so", "neg")], [("new", "pos")])
    assert "2 texts stand in train with different labels" in found


def test_a_text_with_another_label_in_dev_is_counted(notes):
    found = notes(TRAIN, [("a bad film", "pos"), ("new", "neg")])
    assert "1 text has another label in dev than in train" in found


def test_rows_that_share_nothing_are_not_spoken_of(notes):
    assert not [note for note in notes(TRAIN, [("new", "pos")]) if "train" in note and "fewer" not in note]


def test_sentences_of_tagged_words_are_compared_too(tmp_path):
    (tmp_path / "train.conll").write_text("Paris\tB-LOC\n\nfine\tO\n")
    (tmp_path / "dev.conll").write_text("paris\tO\n\n")
    found = read_data(FinetuneConfig(task="ner", data=str(tmp_path))).notes
    assert "1 of 1 dev rows differ from a train row by case or spaces alone" in found
    assert "1 text has another label in dev than in train" in found


def test_official_rows_are_looked_through_as_ones_own_are(official):
    rows = [["a fine film", "1"], ["a dull film", "0"]]
    folder = official("sst2", rows=rows, times=1)
    (folder / "train.tsv").write_text("sentence\tlabel\na fine film\t1\na fine  film\t0\n")
    notes = read_data(FinetuneConfig(data=str(folder))).notes
    assert "3 of 6 dev rows stand word for word in train" in notes
    assert "1 text stands in train with different labels" in notes
