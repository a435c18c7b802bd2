"""Which evaluation counts as the best, and when early stopping ends a run."""

import pytest
import torch

from tokbench.finetuning.config import FinetuneConfig
from tokbench.finetuning.engines.monitor import EvalMonitor


def monitored(values, *, metric="loss", **choices):
    """A monitor after these evaluations; the model's one weight is the evaluation's number."""
    config = FinetuneConfig(metric=metric, **choices)
    model = torch.nn.Linear(1, 1, bias=False)
    found = iter(values)
    monitor = EvalMonitor(lambda: {"loss": 0.0, metric: next(found)}, config, metric, 1)
    enough = []
    for step, _ in enumerate(values, 1):
        model.weight.data.fill_(step)
        monitor.look(model, step, 0.0)
        enough.append(monitor.enough)
    return monitor, model, enough


@pytest.mark.parametrize("metric", ["loss", "accuracy"])
def test_of_equally_good_evaluations_the_first_is_the_best_and_its_weights_are_saved(metric):
    worse = 0.9 if metric == "loss" else 0.1
    monitor, model, _ = monitored([worse, 0.5, 0.5, 0.5, worse], metric=metric)
    assert (monitor.best, monitor.kept.step) == (1, 2)
    monitor.finish(model)
    assert model.weight.item() == 2


@pytest.mark.parametrize("metric", ["loss", "accuracy"])
def test_an_equally_good_evaluation_does_not_renew_the_patience(metric):
    _, _, enough = monitored([0.5, 0.5, 0.5, 0.5], metric=metric, patience=2)
    assert enough == [False, False, True, True]


def test_a_better_evaluation_renews_the_patience():
    monitor, _, enough = monitored([0.5, 0.5, 0.4, 0.4, 0.4], patience=2)
    assert enough == [False, False, False, False, True]
    assert monitor.kept.step == 3


def test_the_last_weights_are_saved_where_they_are_asked_for():
    monitor, model, _ = monitored([0.4, 0.5], keep="last")
    assert monitor.kept.step == 2
    monitor.finish(model)
    assert model.weight.item() == 2
