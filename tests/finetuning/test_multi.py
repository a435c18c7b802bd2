import json
import os
import shutil
import signal
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tokbench.errors import FileError, RunInterruptedError, UsageError
from tokbench.finetuning.multi import finetune, result_line, score_of
from tokbench.finetuning.predict import predict
from tokbench.finetuning.run_record import run_in
from tokbench.finetuning.tasks import TASKS

SUBMISSIONS = {
    "cola": "CoLA.tsv",
    "sst2": "SST-2.tsv",
    "mrpc": "MRPC.tsv",
    "qqp": "QQP.tsv",
    "stsb": "STS-B.tsv",
    "qnli": "QNLI.tsv",
    "rte": "RTE.tsv",
    "wnli": "WNLI.tsv",
    "ax": "AX.tsv",
}
TESTS = {
    "cola": "index\tsentence\n0\tThe sun rose.\n1\tRose sun.\n",
    "stsb": 'index\tgenre\tsentence1\tsentence2\n0\tnews\tA man.\tA " man.\n1\tnews\tRain.\tSnow.\n',
    "mnli": "index\tsentence1\tsentence2\n7\tIt is late.\tIt is dark.\n9\tHe ran.\tHe sat.\n",
    "ax": "index\tsentence1\tsentence2\n0\tA cat.\tNo cat.\n",
    "rte": "index\tsentence1\tsentence2\n0\tA cat.\tNo cat.\n",
}


@pytest.fixture
def archive(official, tmp_path):
    """A function: the archive's root with these tasks, their test files beside train and dev."""

    def write(*names: str, tests: bool = True):
        root = tmp_path / "glue"
        root.mkdir(exist_ok=True)
        for name in names:
            place = root / TASKS[name].folder
            if TASKS[name].trainable:
                official(name).rename(place)
            else:
                place.mkdir()
            for test in TASKS[name].tests if tests else ():
                (place / test.file).write_text(TESTS[name])
        return str(root)

    return write


def test_every_task_names_the_files_that_the_leaderboard_takes():
    found = {name: [each.submission for each in task.tests] for name, task in TASKS.items()}
    mnli = found.pop("mnli")
    assert mnli == ["MNLI-m.tsv", "MNLI-mm.tsv"]
    assert {name: files[0] for name, files in found.items()} == SUBMISSIONS


def test_all_runs_what_has_data_says_the_rest_and_writes_the_table(archive, plan, tmp_path):
    out = tmp_path / "all"
    found = finetune(plan(task="all", data=archive("cola", "stsb", "mnli"), output=str(out)))
    assert list(found.runs) == ["cola", "stsb", "mnli"]
    assert set(found.missing) == {"sst2", "mrpc", "qqp", "qnli", "rte", "wnli"}
    stsb, mnli = found.runs["stsb"].metrics, found.runs["mnli"].metrics
    assert found.scores["stsb"] == pytest.approx(50 * (stsb["pearson"] + stsb["spearman"]))
    assert found.scores["mnli"] == pytest.approx(50 * sum(mnli.values()))
    assert found.average == pytest.approx(sum(found.scores.values()) / 3)
    lines = [line.split("\t") for line in (out / "glue.tsv").read_text().splitlines()]
    assert lines[-1][0] == "average of 3"
    assert [line[0] for line in lines[1:4]] == ["cola", "stsb", "mnli"]
    assert found.proved
    assert "GLUE" in result_line(found)
    with pytest.raises(FileError):  # before anything is trained again
        finetune(plan(task="all", data=str(tmp_path / "glue"), output=str(out)))


def test_a_score_is_the_mean_of_a_tasks_metrics_in_percent(archive, plan):
    run = finetune(plan(task="stsb", data=archive("stsb")))
    assert score_of(run) == pytest.approx(50 * sum(run.metrics.values()))


def test_no_data_at_all_is_an_error(plan, tmp_path):
    with pytest.raises(UsageError, match="no task of GLUE has its data there"):
        finetune(plan(task="all", data=str(tmp_path)))


def test_predictions_are_submission_files(archive, plan, tmp_path):
    data = archive("mnli", "ax")
    run = finetune(plan(task="mnli", data=data), predict=True)
    folder = tmp_path / "run" / "predictions"
    assert sorted(each.name for each in folder.iterdir()) == ["AX.tsv", "MNLI-m.tsv", "MNLI-mm.tsv"]
    header, *rows = (folder / "MNLI-m.tsv").read_text().splitlines()
    assert header == "index\tprediction"
    assert [row.split("\t")[0] for row in rows] == ["7", "9"]
    assert {row.split("\t")[1] for row in rows} <= set(TASKS["mnli"].labels)
    assert any("the answers to 2 rows are in" in note for note in run.notes)


@pytest.mark.parametrize("name", ["cola", "stsb"])
def test_labels_are_spelled_as_the_task_does(name, archive, plan, tmp_path):
    data = archive(name)
    finetune(plan(task=name, data=data))
    written = predict(tmp_path / "run", data=data, output=tmp_path / "answers", precision="fp32")
    [(path, rows)] = written.rows.items()
    answers = [line.split("\t")[1] for line in Path(path).read_text().splitlines()[1:]]
    assert rows == len(answers) == 2
    if name == "cola":
        assert set(answers) <= {"0", "1"}
    else:
        assert all(0 <= float(answer) <= 5 and answer == repr(float(answer)) for answer in answers)


def test_missing_test_rows_are_said_before_training(archive, plan, tmp_path):
    with pytest.raises(UsageError, match=r"nothing was trained.*no test\.tsv"):
        finetune(plan(task="cola", data=archive("cola", tests=False)), predict=True)
    assert not (tmp_path / "run").exists()


def test_a_model_for_other_labels_does_not_predict(archive, plan, tmp_path):
    data = archive("cola", "rte")
    finetune(plan(task="cola", data=data))
    with pytest.raises(UsageError, match="tells unacceptable, acceptable apart"):
        predict(tmp_path / "run", task="rte", data=data, output=tmp_path / "answers")
    assert not (tmp_path / "answers").exists()


def test_hidden_labels_in_ones_own_table_are_predicted(plan, tmp_path):
    rows = [{"t": f"{word} x", "y": word} for word in ("good", "bad")] * 6
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    finetune(plan(task="own", data=str(path), text_column="t", label_column="y", dev=str(path)))
    hidden = tmp_path / "hidden.csv"
    hidden.write_text("t,y\ngood,-1\nbad,-1\nfine,-1\n")
    written = predict(tmp_path / "run", data=hidden, text_column="t", output=tmp_path / "answers")
    assert sum(written.labels.values()) == 3
    assert set(written.labels) == {"bad", "good"}


def test_every_pooling_is_compared_on_the_same_budget(archive, plan):
    found = finetune(plan(task="cola", data=archive("cola")), compare_pooling=True)
    assert list(found.runs) == ["own", "cls", "mean", "max", "last"]
    assert {run.steps for run in found.runs.values()} == {3}
    assert found.proved


def test_a_baseline_is_another_tokenizer_on_the_same_rows(archive, plan, tokenizer_folder, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(tokenizer_folder, other)
    data = archive("cola")
    found = finetune(plan(task="cola", data=data, model="bert-tiny"), baseline=str(other))
    one, two = found.runs.values()
    assert (one.steps, one.train_rows, one.metrics) == (two.steps, two.train_rows, two.metrics)
    with pytest.raises(UsageError, match="holds no model of its own"):
        finetune(plan(task="cola", data=data, output="x"), baseline=str(other))


def test_two_comparisons_at_once_are_refused():
    with pytest.raises(UsageError, match="two comparisons"):
        finetune(task="sst2", compare_pooling=True, baseline="x")


class StopsIn:
    """A progress that presses Ctrl-C at a training step of the run of this number."""

    def __init__(self, number, step):
        self.number, self.step, self.begun = number, step, 0

    def __call__(self, stage, done, total=None):
        self.begun += (stage, done) == ("train", 1)
        if (stage, done, self.begun) == ("train", self.step, self.number):
            os.kill(os.getpid(), signal.SIGINT)


def same_weights(one, other):
    mine, theirs = load_file(one / "model.safetensors"), load_file(other / "model.safetensors")
    return mine.keys() == theirs.keys() and all(torch.equal(mine[name], theirs[name]) for name in mine)


def left(folder):
    return sorted(each.name for each in folder.iterdir())


def test_a_stopped_sweep_goes_on_and_ends_in_the_same_table_and_weights(archive, plan, tmp_path):
    data, names = archive("cola", "stsb", "rte"), ("cola", "stsb", "rte")

    def asked(place):
        return plan(task="all", data=data, output=str(tmp_path / place))

    finetune(asked("whole"), predict=True)
    with pytest.raises(RunInterruptedError):
        finetune(asked("cut"), predict=True, progress=StopsIn(2, 2))
    assert left(tmp_path / "cut") == ["cola", "stsb.unfinished"]
    before = (tmp_path / "cut" / "cola" / "model.safetensors").stat().st_mtime_ns
    with pytest.raises(FileError, match="cola exists already") as caught:
        finetune(asked("cut"))
    assert "--resume takes finished runs over" in caught.value.fix
    told = []
    found = finetune(asked("cut"), predict=True, resume=True, log=told.append)
    assert told[:3] == ["taken over, finished: cola", "goes on: stsb", "still to do: rte"]
    assert (tmp_path / "cut" / "cola" / "model.safetensors").stat().st_mtime_ns == before
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert (cut / "glue.tsv").read_bytes() == (whole / "glue.tsv").read_bytes()
    assert all(same_weights(cut / name, whole / name) for name in names)
    assert left(cut) == left(whole)
    assert any("are in" in note for note in found.runs["cola"].notes)


def test_a_finished_run_is_read_back_as_it_was(archive, plan, tmp_path):
    run = finetune(plan(task="mnli", data=archive("mnli")))
    assert run_in(tmp_path / "run") == run
    (tmp_path / "run" / "metrics.json").write_text('{"task": "mnli"}')
    with pytest.raises(FileError, match="does not tell of a run"):
        run_in(tmp_path / "run")


def test_a_finished_run_with_other_choices_or_rows_is_not_taken(archive, plan, tmp_path):
    data, out = archive("cola", "rte"), tmp_path / "all"
    with pytest.raises(RunInterruptedError):
        finetune(plan(task="all", data=data, output=str(out)), progress=StopsIn(2, 2))
    other = plan(task="all", data=data, output=str(out), seed=7, patience=3)
    with pytest.raises(
        UsageError, match=r"cola is finished, and was made otherwise: seed 42, not 7"
    ) as caught:
        finetune(other, resume=True)
    assert "patience 0, not 3" in caught.value.message
    assert "--force" in caught.value.fix
    dev = tmp_path / "glue" / TASKS["cola"].folder / "dev.tsv"
    dev.write_text(dev.read_text().replace("The sun", "A sun"))
    asked = plan(task="all", data=data, output=str(out))
    with pytest.raises(UsageError, match="was made otherwise: other rows"):
        finetune(asked, resume=True)
    told = []
    found = finetune(asked, resume=True, force=True, log=told.append)
    assert told[:2] == ["goes on: rte", "still to do: cola"]
    assert list(found.runs) == ["cola", "rte"]


def test_a_model_trained_on_meanwhile_is_another_model(archive, plan, make_model, tmp_path):
    model = make_model()
    asked = plan(task="all", data=archive("cola"), model=str(model), output=str(tmp_path / "all"))
    finetune(asked)
    shutil.copyfile(make_model(initializer_range=0.1) / "model.safetensors", model / "model.safetensors")
    with pytest.raises(UsageError, match="was made otherwise: other rows, weights or tokenizer"):
        finetune(asked, resume=True)


def test_a_comparison_goes_on(archive, plan, tokenizer_folder, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(tokenizer_folder, other)
    asked = plan(task="cola", data=archive("cola"), model="bert-tiny")
    with pytest.raises(RunInterruptedError):
        finetune(asked, baseline=str(other), progress=StopsIn(2, 2))
    told = []
    found = finetune(asked, baseline=str(other), resume=True, log=told.append)
    assert told[:2] == [f"taken over, finished: {tokenizer_folder}", f"goes on: {other}"]
    again = finetune(asked, baseline=str(other), resume=True)  # all is there: nothing is trained
    assert list(again.runs) == list(found.runs)
    assert [each.losses for each in again.runs.values()] == [each.losses for each in found.runs.values()]


def test_a_sweep_without_anything_to_resume_says_so(archive, plan, tmp_path):
    asked = plan(task="cola", data=archive("cola"))
    with pytest.raises(FileError, match="nothing to resume: of 5 runs none is finished or was stopped"):
        finetune(asked, compare_pooling=True, resume=True)
    assert not (tmp_path / "run").exists()


def test_a_brief_run_of_all_tasks_leaves_nothing(archive, plan, tmp_path):
    asked = plan(task="all", data=archive("cola", "rte"), fast_dev_run=1, output=str(tmp_path / "all"))
    found = finetune(asked, predict=True)
    assert (list(found.runs), found.output) == (["cola", "rte"], "")
    assert not (tmp_path / "all").exists()
