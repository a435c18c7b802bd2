import subprocess
import sys

import pytest

from tokbench.errors import UsageError
from tokbench.finetuning.config import FinetuneConfig
from tokbench.finetuning.data.rows import label_of
from tokbench.finetuning.metrics import METRICS
from tokbench.finetuning.tasks import TASKS, must_be_trainable

TRAINABLE = [task for task in TASKS.values() if task.trainable]


def test_there_are_nine_tasks_to_train_and_one_to_predict():
    assert [task.name for task in TRAINABLE] == [
        "cola",
        "sst2",
        "mrpc",
        "qqp",
        "stsb",
        "mnli",
        "qnli",
        "rte",
        "wnli",
    ]
    assert [task.name for task in TASKS.values() if not task.trainable] == ["ax"]


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_every_row_of_the_table_is_whole(task):
    assert len(task.texts) == len(task.tsv_texts) in (1, 2)
    assert bool(task.labels) != task.regression
    assert set(task.metrics) <= set(METRICS)
    assert len(task.example) == len(task.texts) + 1
    assert label_of(task.example[-1], task) is not None
    assert bool(task.evaluation) == task.trainable
    assert len(task.tsv_labels) in (0, len(task.labels))


def test_entailment_is_0_in_rte_and_1_in_wnli_as_on_the_hub():
    assert label_of("entailment", TASKS["rte"]) == 0
    assert label_of("entailment", TASKS["wnli"]) == 1
    assert label_of("1", TASKS["wnli"]) == 1


def test_mnli_is_scored_on_two_splits_by_name():
    mnli = TASKS["mnli"]
    assert [mnli.key(split, "accuracy") for split in mnli.evaluation] == [
        "matched_accuracy",
        "mismatched_accuracy",
    ]


def test_an_unknown_task_names_the_nearest():
    with pytest.raises(UsageError) as caught:
        must_be_trainable("sst-2")
    assert caught.value.fix == "did you mean sst2?"


@pytest.mark.parametrize(
    "choices",
    [
        {"task": "ax"},
        {"device": "tpu"},
        {"precision": "fp8"},
        {"epochs": 0},
        {"batch_size": 0},
        {"max_length": 3},
        {"seed": -1},
        {"pooling": "sum"},
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"trainer": "keras"},
        {"warmup": 1.0},
        {"weight_decay": -0.1},
        {"patience": "two"},
        {"patience": "2"},
        {"patience": 2.5},
        {"patience": True},
        {"skip_incomplete": 1},
        {"dev_share": 1.0},
        {"task": None},
        {"pair_column": "b"},
        {"trainer_options": {"patients": "2"}},
        {"mode": "up"},
    ],
    ids=str,
)
def test_a_plan_that_cannot_be_carried_out_is_refused_when_it_is_made(choices):
    with pytest.raises(UsageError) as caught:
        FinetuneConfig(**choices)
    assert caught.value.fix


def test_tasks_and_plan_and_run_load_nothing_heavy():
    code = (
        "import sys, tokbench.finetuning.tasks, tokbench.finetuning.config, tokbench.finetuning.result,"
        "tokbench.finetuning.runner;"
        "sys.exit(bool({'numpy', 'torch', 'transformers', 'datasets', 'sklearn'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
