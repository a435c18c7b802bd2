"""The 95 % intervals of metrics: from sums that are the metrics themselves, as wide as they have to be."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tokbench.finetuning.data.tokenize import BETWEEN
from tokbench.finetuning.intervals import (
    FROM_SUMS,
    _of_sentences,
    confusion,
    correlation,
    intervals,
    proportion,
)
from tokbench.finetuning.metrics import METRICS, TAG_METRICS, score
from tokbench.finetuning.tag_scheme import entities
from tokbench.finetuning.tasks import TASKS

LABELS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
CLASSES = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=40)
SENTENCES = st.lists(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=8), min_size=1, max_size=8
)


def columns(pairs):
    truth, answers = np.array(pairs).T
    return truth, answers


def separated(sentences):
    return columns([pair for sentence in sentences for pair in (*sentence, (BETWEEN, BETWEEN))])


@pytest.mark.parametrize("name", ["matthews", "macro_f1"])
@settings(deadline=None)  # the first call loads scikit-learn
@given(pairs=CLASSES)
def test_what_is_drawn_of_classes_is_the_metric(name, pairs):
    truth, answers = columns(pairs)
    found = FROM_SUMS[name](confusion(truth, answers, 3)[None].astype(float))
    assert found == pytest.approx([METRICS[name](truth, answers)], abs=1e-12)


@settings(deadline=None)  # the first call loads scikit-learn
@given(pairs=CLASSES)
def test_what_is_drawn_of_two_classes_is_the_f1_of_the_second(pairs):
    truth, answers = (side % 2 for side in columns(pairs))
    found = FROM_SUMS["f1"](confusion(truth, answers, 2)[None].astype(float))
    assert found == pytest.approx([METRICS["f1"](truth, answers)], abs=1e-12)


@pytest.mark.parametrize("name", TAG_METRICS)
@settings(deadline=None)  # the first call loads scikit-learn
@given(sentences=SENTENCES)
def test_what_is_drawn_of_tags_is_the_metric(name, sentences):
    truth, answers = separated(sentences)
    found = FROM_SUMS[name](_of_sentences(name, LABELS, truth, answers).sum(axis=0)[None])
    assert found == pytest.approx([TAG_METRICS[name](truth, answers, LABELS)], abs=1e-12)


def test_every_metric_of_every_task_has_its_interval_around_it():
    random = np.random.default_rng(0)
    for task in TASKS.values():
        if not task.evaluation:
            continue
        truth, answers = {}, {}
        for split in task.evaluation:
            there = random.normal(size=300) if task.regression else random.integers(0, len(task.labels), 300)
            other = random.normal(size=300) if task.regression else random.integers(0, len(task.labels), 300)
            truth[split.name] = there
            answers[split.name] = there + other if task.regression else np.where(other > 0, there, other)
        for name, value in score(task, truth, answers).items():
            low, high = intervals(task, truth, answers)[name]
            assert low < value < high
            assert intervals(task, truth, answers)[name] == (low, high)


@pytest.mark.parametrize("name", ["f1", "matthews"])
def test_it_holds_the_true_value_in_about_95_of_100_samples(name):
    random = np.random.default_rng(0)
    task = TASKS["mrpc"] if name == "f1" else TASKS["cola"]
    many = random.integers(0, 2, 200_000)
    true = METRICS[name](many, np.where(random.random(len(many)) < 0.8, many, 1 - many))
    held = 0
    for _ in range(200):
        truth = random.integers(0, 2, 300)
        answers = np.where(random.random(300) < 0.8, truth, 1 - truth)
        low, high = intervals(task, {"dev": truth}, {"dev": answers})[name]
        held += low <= true <= high
    assert 180 <= held <= 199  # of 200; 190 expected, with a deviation of 3


def test_more_rows_make_it_narrower_and_no_share_makes_it_a_point():
    few, many = proportion(9, 10), proportion(900, 1000)
    assert few[0] < many[0] < 0.9 < many[1] < few[1]
    assert proportion(10, 10)[0] < 0.8
    assert proportion(10, 10)[1] == 1


def test_a_correlation_of_ranks_has_a_wider_one_than_that_of_numbers():
    random = np.random.default_rng(0)
    truth = random.normal(size=500)
    answers = truth + random.normal(size=500)
    assert correlation("pearson", truth, answers) == tuple(
        stats.pearsonr(truth, answers).confidence_interval(0.95)
    )
    widths = [np.diff(np.arctanh(correlation(name, truth, answers))) for name in ("pearson", "spearman")]
    assert widths[0] < widths[1] < 1.3 * widths[0]


@pytest.mark.parametrize("answers", [[1.0] * 9, list(range(9))])
def test_an_undefined_correlation_has_none(answers):
    truth = np.arange(9.0)
    assert correlation("spearman", truth, np.array(answers)) is None
    assert intervals(TASKS["stsb"], {"dev": truth}, {"dev": np.ones(9)}) == {}


def test_a_sentence_is_read_for_itself():
    sums = _of_sentences("entity_f1", LABELS, *separated([[(1, 1)], [(2, 2)], [(0, 3)]]))
    assert sums[:, 0].tolist() == [[1, 1, 1], [1, 1, 1], [0, 1, 0]]
    assert len(entities(["B-PER", "", "I-PER", "", "B-LOC"])) == 3
