"""Rows with several labels: read from lists and cells, measured as scikit-learn does, read back."""

import csv
import itertools
import json

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from tokbench.__main__ import main
from tokbench.errors import DataError, UsageError
from tokbench.finetuning.config import FinetuneConfig
from tokbench.finetuning.data.load import read_data
from tokbench.finetuning.data.tokenize import EncodedRows
from tokbench.finetuning.intervals import intervals
from tokbench.finetuning.metrics import answers_of, best_constant, constant_splits, score
from tokbench.finetuning.multi import finetune
from tokbench.finetuning.predict import predict
from tokbench.finetuning.tasks import Split, Task

SETS = [["a", "b"], [], ["c"], ["a"], ["b", "c", "a"]]
TEXTS = ["good bad", "nothing", "cup", "good", "bad cup good"]
COLUMNS = {"text_column": "text", "label_column": "labels"}


def task_of(size, threshold=0.5):
    return Task(
        name="own",
        folder="",
        texts=("text",),
        tsv_texts=(),
        labels=tuple(map(str, range(size))),
        threshold=threshold,
        metrics=("micro_f1", "macro_f1", "subset_accuracy"),
        evaluation=(Split("dev", "", "", 0),),
    )


def written(folder, ending, name="train", times=4):
    """The same sets in every format that holds them."""
    path = folder / f"{name}.{ending}"
    rows = [*zip(TEXTS, SETS, strict=True)] * times
    if ending == "parquet":
        from pyarrow import Table, parquet

        parquet.write_table(Table.from_pylist([{"text": text, "labels": some} for text, some in rows]), path)
    elif ending == "jsonl":
        path.write_text("".join(json.dumps({"text": text, "labels": some}) + "\n" for text, some in rows))
    else:
        path.write_text("text\tlabels\n" + "".join(f"{text}\t{json.dumps(some)}\n" for text, some in rows))
    return path


def plan_of(path, **changes):
    return FinetuneConfig(task="own", data=str(path), **{**COLUMNS, "multi_label": True, **changes})


@pytest.mark.parametrize("ending", ["jsonl", "tsv", "parquet"])
def test_lists_of_every_format_are_the_same_sets(ending, tmp_path):
    if ending == "parquet":
        pytest.importorskip("pyarrow")
    path = written(tmp_path, ending)
    found = read_data(plan_of(path, dev=str(written(tmp_path, "jsonl", name="held"))))
    assert (found.task.labels, found.task.threshold) == (("a", "b", "c"), 0.5)
    assert found.train.labels[:5] == [(0, 1), (), (2,), (0,), (0, 1, 2)]
    assert (found.read.kind, found.classes) == ("labels", {"a": 12, "b": 8, "c": 8})


def test_a_cell_is_parted_where_its_separator_is_named(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text("text\tlabels\none\ta| b\ntwo\tc\nthree\t[]\n")
    with pytest.raises(UsageError, match="one label, or several") as caught:
        read_data(plan_of(path, dev=str(path)))
    assert caught.value.fix == "--set label_separator='|'"
    found = read_data(plan_of(path, dev=str(path), label_separator="|"))
    assert found.train.labels == [(0, 1), (2,), ()]


def test_an_empty_cell_is_incomplete_and_an_empty_list_is_none_of_the_labels(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text("text\tlabels\none\ta\ntwo\t\nthree\t[]\n")
    with pytest.raises(DataError, match="line 3: the row has no text or no label"):
        read_data(plan_of(path, dev=str(path)))
    found = read_data(plan_of(path, dev=str(path), skip_incomplete=True))
    assert found.train.labels == [(0,), ()]


def test_numbers_in_lists_are_the_classes_that_a_parquet_file_names(tmp_path):
    pytest.importorskip("pyarrow")
    datasets = pytest.importorskip("datasets")
    names = datasets.Features(
        {
            "text": datasets.Value("string"),
            "labels": datasets.Sequence(datasets.ClassLabel(names=["joy", "fear", "calm"])),
        }
    )
    rows = {"text": TEXTS, "labels": [[0, 1], [], [1], [0], [1, 0]]}
    datasets.Dataset.from_dict(rows, features=names).to_parquet(tmp_path / "train.parquet")
    found = read_data(plan_of(tmp_path / "train.parquet", dev=str(tmp_path / "train.parquet")))
    assert found.task.labels == ("joy", "fear", "calm")
    assert found.train.labels == [(0, 1), (), (1,), (0,), (0, 1)]


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ('[["a"]]', "'labels' is a list of 1, not a text"),
        ('["a", null]', "has a label without a name"),
        ('["a", ""]', "has a label without a name"),
        ('["d", "e"]', "is no label that a train row has"),
    ],
)
def test_a_list_that_is_none_of_labels_is_named_by_its_row(cell, words, tmp_path):
    path = written(tmp_path, "tsv")
    dev = tmp_path / "dev.tsv"
    dev.write_text(f"text\tlabels\none\t{cell}\n")
    with pytest.raises(DataError, match=words):
        read_data(plan_of(path, dev=str(dev)))


@pytest.mark.parametrize("ending", ["jsonl", "tsv"])
def test_lists_without_the_option_are_refused_with_the_option(ending, tmp_path):
    with pytest.raises(DataError, match="is a list: a row has several labels") as caught:
        read_data(plan_of(written(tmp_path, ending), multi_label=False))
    assert caught.value.fix == "--multi-label"


def test_choices_that_contradict_each_other_are_refused(tmp_path):
    with pytest.raises(UsageError, match="for a table of your own"):
        FinetuneConfig(task="sst2", multi_label=True)
    with pytest.raises(UsageError, match="for rows of several labels") as caught:
        FinetuneConfig(task="own", label_separator=",")
    assert caught.value.fix == "--multi-label"
    path = tmp_path / "same.tsv"
    path.write_text("text\tlabels\n" + 'one\t["a", "b"]\n' * 9)
    with pytest.raises(DataError, match="there is nothing to learn"):
        read_data(plan_of(path))


def test_every_label_stays_in_train_when_dev_rows_are_cut_off(tmp_path):
    path = tmp_path / "a.jsonl"
    rows = [["often"]] * 30 + [["often", "seldom"]] * 3 + [[]] * 10
    path.write_text(
        "".join(json.dumps({"text": f"t{at}", "labels": some}) + "\n" for at, some in enumerate(rows))
    )
    for seed in range(20):
        found = read_data(plan_of(path, seed=seed, dev_share=0.3))
        assert found.classes["seldom"] >= 2
        assert len(found.evaluation["dev"]) == 13


def test_metrics_are_scikit_learns_and_the_constant_is_the_best_there_is():
    random = np.random.default_rng(0)
    for number in range(300):
        rows, size = int(random.integers(1, 12)), int(random.integers(2, 5))
        truth, answers = (random.integers(0, 2, (rows, size)) for _ in range(2))
        task = task_of(size)
        found = score(task, {"dev": truth}, {"dev": answers})

        def theirs(given, truth=truth):
            micro, macro = (
                f1_score(truth, given, average=each, zero_division=0.0) for each in ("micro", "macro")
            )
            return {
                "micro_f1": micro,
                "macro_f1": macro,
                "subset_accuracy": accuracy_score(truth, given),
            }

        assert found == pytest.approx(theirs(answers))
        if number % 10:  # a constant is searched by the library's slow functions, all of them
            continue
        every = [theirs(np.tile(some, (rows, 1))) for some in itertools.product((0, 1), repeat=size)]
        wanted = {name: max(each[name] for each in every) for name in task.metrics}
        assert best_constant(task, {"dev": truth}) == pytest.approx(wanted)
        for name, (low, high) in intervals(task, {"dev": truth}, {"dev": answers}).items():
            assert 0 <= low <= high <= 1, name


def test_labels_above_the_threshold_are_given():
    logits = np.array([[0.0, 0.1, -0.1], [2.0, -2.0, 0.9]], np.float32)
    rows = EncodedRows(np.zeros(2, int), np.arange(3), np.zeros(2, int), np.zeros((2, 3), np.float32), 0)
    assert answers_of(logits, rows, task_of(3)).tolist() == [[0, 1, 0], [1, 0, 1]]
    assert answers_of(logits, rows, task_of(3, 0.8)).tolist() == [[0, 0, 0], [1, 0, 0]]
    assert constant_splits({"dev": np.array([[0, 1], [0, 1]])})
    assert not constant_splits({"dev": np.array([[0, 1], [1, 0]])})


@pytest.fixture
def trained(plan, tmp_path):
    path = written(tmp_path, "jsonl", times=6)
    return finetune(
        plan(
            task="own",
            data=str(path),
            dev=str(path),
            **COLUMNS,
            multi_label=True,
            epochs=25,
            threshold=0.4,
            learning_rate=1e-2,
        )
    )


def test_answers_are_written_and_read_back_as_labels(trained, tmp_path, monkeypatch, capsys):
    memory = predict(trained, TEXTS)
    for answer, shares in zip(memory.answers, memory.label_probabilities, strict=True):
        assert set(answer) == {label for label, share in shares.items() if share > 0.4}
    assert predict(trained, TEXTS, threshold=0.999).answers == ((),) * len(TEXTS)
    assert all(len(each) == 3 for each in predict(trained, TEXTS, threshold=0.001).answers)
    path = tmp_path / "asked.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    predict(trained, data=path, text_column="text", output=tmp_path / "answers")
    [file] = (tmp_path / "answers").iterdir()
    with file.open(newline="") as opened:
        cells = [row[-1] for row in csv.reader(opened, delimiter="\t")][1:]
    assert [tuple(json.loads(cell)) for cell in cells] == list(memory.answers)
    again = tmp_path / "again.jsonl"
    rows = zip(TEXTS, cells, strict=True)
    again.write_text("".join(json.dumps({"text": text, "labels": cell}) + "\n" for text, cell in rows))
    found = read_data(plan_of(written(tmp_path, "jsonl", name="first"), dev=str(again)))
    labels, sets = found.task.labels, found.evaluation["dev"].labels
    assert [tuple(labels[each] for each in some) for some in sets] == list(memory.answers)
    monkeypatch.chdir(tmp_path)
    assert main(["predict", "run", "good bad", "--set", "threshold=0.999", "-q"]) == 0
    assert "none (" in capsys.readouterr().out
    assert main(["predict", "run", "good bad", "--set", "treshold=0.9"]) == 2
    assert "did you mean threshold?" in capsys.readouterr().err
    with pytest.raises(UsageError, match="threshold is 1"):
        predict(trained, TEXTS, threshold=1.0)


def test_a_run_tells_of_its_labels_in_rows_and_learns_them(trained, tmp_path):
    assert trained.metrics["micro_f1"] > trained.majority["micro_f1"]
    assert (trained.read.kind, trained.classes) == ("labels", {"a": 18, "b": 12, "c": 12})
    saved = json.loads((tmp_path / "run" / "config.json").read_text())
    assert saved["problem_type"] == "multi_label_classification"
    assert "Any of the labels whose probability is above 0.4" in (tmp_path / "run" / "README.md").read_text()
