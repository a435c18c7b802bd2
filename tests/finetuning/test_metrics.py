import math

import numpy as np
import pytest

from tokbench.finetuning.data.tokenize import EncodedRows
from tokbench.finetuning.metrics import METRICS, answers_of, best_constant, constant_splits, score
from tokbench.finetuning.tasks import TASKS

NONE = np.zeros(0, np.int64)
ROWS = EncodedRows(NONE, NONE, NONE, NONE, 0)  # rows with one label each


@pytest.mark.parametrize(
    ("name", "truth", "answers", "value"),
    [
        ("accuracy", [1, 1, 0, 1], [1, 0, 0, 1], 3 / 4),
        ("f1", [1, 1, 0, 1], [1, 0, 0, 1], 2 * 1 * (2 / 3) / (1 + 2 / 3)),
        ("f1", [1, 0], [0, 0], 0),
        ("matthews", [1, 1, 0, 1], [1, 0, 0, 1], 2 / math.sqrt(2 * 3 * 1 * 2)),
        ("matthews", [1, 1, 0, 1], [1, 1, 1, 1], 0),
        ("pearson", [1, 2, 3], [1, 2, 4], 3 / math.sqrt(2 * 14 / 3)),
        ("pearson", [1, 2, 3], [2, 2, 2], 0),
        ("pearson", [2, 2, 2], [1, 2, 3], 0),
        ("pearson", [2], [1], 0),
        ("spearman", [1, 2, 3], [1, 2, 40], 1),
        ("spearman", [1, 2, 3], [3, 1, 2], -0.5),
        ("spearman", [1, 2, 3], [2, 2, 2], 0),
    ],
)
def test_a_metric_is_what_it_is_by_hand(name, truth, answers, value):
    assert METRICS[name](np.array(truth), np.array(answers)) == pytest.approx(value, abs=1e-12)


def test_the_best_constant_answer_is_each_metrics_own():
    truth = {"dev": np.array([1, 1, 0, 1])}
    assert best_constant(TASKS["mrpc"], truth) == {"accuracy": 0.75, "f1": pytest.approx(6 / 7)}
    assert best_constant(TASKS["cola"], truth) == {"matthews": 0.0}
    assert best_constant(TASKS["stsb"], {"dev": np.array([0.5, 4.0])}) == {"pearson": 0.0, "spearman": 0.0}
    rare = {"dev": np.array([0, 0, 0, 1])}  # F1 of always 1, accuracy of always 0
    assert best_constant(TASKS["mrpc"], rare) == {"accuracy": 0.75, "f1": pytest.approx(2 / 5)}


def test_mnli_has_a_score_for_each_split():
    truth = {"matched": np.array([0, 1]), "mismatched": np.array([2, 2])}
    answers = {"matched": np.array([0, 2]), "mismatched": np.array([2, 2])}
    assert score(TASKS["mnli"], truth, answers) == {"matched_accuracy": 0.5, "mismatched_accuracy": 1.0}
    assert constant_splits(answers) == ("mismatched",)


def test_logits_become_classes_or_scores():
    assert answers_of(np.array([[0.1, 0.9], [2.0, -1.0]]), ROWS, TASKS["sst2"]).tolist() == [1, 0]
    assert answers_of(np.array([[3.5], [0.5]]), ROWS, TASKS["stsb"]).tolist() == [3.5, 0.5]
