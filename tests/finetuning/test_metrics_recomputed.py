"""A run's metrics are what scikit-learn and scipy compute from the prediction files of its dev rows."""

import csv
import json
import random

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

from tokbench.finetuning.multi import finetune
from tokbench.finetuning.predict import predict

RANDOM = random.Random(7)
WORDS = ["good", "bad", "film", "rain", "sun", "dog"]


def rows_of(labels, count):
    """Rows whose first word tells the label most of the time; ids are words, not numbers."""
    found = []
    for number in range(count):
        label = RANDOM.choice(labels)
        told = label if RANDOM.random() < 0.8 else RANDOM.choice(labels)
        text = f"{WORDS[labels.index(told) % len(WORDS)]} {RANDOM.choice(WORDS)}"
        found.append({"id": f"row {number}", "t": text, "u": RANDOM.choice(WORDS), "y": label})
    return found


def write(path, rows):
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n")
    return path


def answers_in(path):
    """Id and answer of every line, as a spreadsheet reads them."""
    with path.open(encoding="utf-8", newline="") as lines:
        return {line[0]: line[-1] for line in list(csv.reader(lines, delimiter="\t"))[1:]}


SKLEARN = {
    "accuracy": metrics.accuracy_score,
    "f1": metrics.f1_score,
    "macro_f1": lambda truth, answers: metrics.f1_score(truth, answers, average="macro", zero_division=0.0),
    "pearson": lambda truth, answers: stats.pearsonr(truth, answers).statistic,
    "spearman": lambda truth, answers: stats.spearmanr(truth, answers).statistic,
}


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (["no", "yes"], {"accuracy", "f1"}),
        (["a\tb", 'say "x"', "line\nbreak"], {"accuracy", "macro_f1"}),
        ([0.1, 1.75, 3.3333333333333335, 4.9], {"pearson", "spearman"}),
    ],
    ids=["two classes", "classes with tabs, quotes and line breaks", "scores"],
)
@pytest.mark.parametrize("pair", [None, "u"])
def test_metrics_are_those_of_the_prediction_file_of_the_dev_rows(labels, names, pair, plan, tmp_path):
    train, dev = rows_of(labels, 60), rows_of(labels, 40)
    columns = {"text_column": "t", "pair_column": pair}
    held = write(tmp_path / "held.jsonl", dev)
    asked = plan(
        task="own",
        data=str(write(tmp_path / "train.jsonl", train)),
        dev=str(held),
        label_column="y",
        epochs=12,
        learning_rate=1e-2,
        **columns,
    )
    run = finetune(asked)
    assert set(run.metrics) == names
    hidden = write(tmp_path / "asked.jsonl", [{k: v for k, v in row.items() if k != "y"} for row in dev])
    written = predict(run, data=hidden, output=tmp_path / "answers", **columns)
    answers = answers_in(next(iter((tmp_path / "answers").iterdir())))
    assert len(written.rows) == 1
    assert list(answers) == [row["id"] for row in dev]
    if isinstance(labels[0], float):
        truth, given = [row["y"] for row in dev], [float(each) for each in answers.values()]
        truth = np.asarray(truth)
    else:
        order = sorted(labels)
        truth = [order.index(row["y"]) for row in dev]
        given = [order.index(each) for each in answers.values()]
    # batches of other rows round the logits otherwise, in the last bits of a float32
    near = 1e-6 if isinstance(labels[0], float) else 1e-12
    for name, value in run.metrics.items():
        assert value == pytest.approx(float(SKLEARN[name](truth, given)), abs=near), name
