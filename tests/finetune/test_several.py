import json
import shutil
from pathlib import Path

import pytest

from tokbench.errors import AskedWrongly, FileProblem
from tokbench.finetune.beside import Beside, carry, in_words
from tokbench.finetune.predicting import predict_with
from tokbench.finetune.reading import Reading
from tokbench.finetune.several import score_of
from tokbench.finetune.tasks import TASKS

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
    found = carry(plan(task="all", data=archive("cola", "stsb", "mnli"), output=str(out)), Beside())
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
    assert "GLUE" in in_words(found)
    with pytest.raises(FileProblem):  # before anything is trained again
        carry(plan(task="all", data=str(tmp_path / "glue"), output=str(out)), Beside())


def test_a_score_is_the_mean_of_a_tasks_metrics_in_percent(archive, plan):
    run = carry(plan(task="stsb", data=archive("stsb")), Beside())
    assert score_of(run) == pytest.approx(50 * sum(run.metrics.values()))


def test_no_data_at_all_is_an_error(plan, tmp_path):
    with pytest.raises(AskedWrongly, match="no task of GLUE has its data there"):
        carry(plan(task="all", data=str(tmp_path)), Beside())


def test_predictions_are_submission_files(archive, plan, tmp_path):
    data = archive("mnli", "ax")
    run = carry(plan(task="mnli", data=data), Beside(predict=True))
    folder = tmp_path / "run" / "predictions"
    assert sorted(each.name for each in folder.iterdir()) == ["AX.tsv", "MNLI-m.tsv", "MNLI-mm.tsv"]
    header, *rows = (folder / "MNLI-m.tsv").read_text().splitlines()
    assert header == "index\tprediction"
    assert [row.split("\t")[0] for row in rows] == ["7", "9"]
    assert {row.split("\t")[1] for row in rows} <= set(TASKS["mnli"].labels)
    assert any("2 answers are in" in note for note in run.notes)


@pytest.mark.parametrize("name", ["cola", "stsb"])
def test_labels_are_spelled_as_the_task_does(name, archive, plan, tmp_path):
    data = archive(name)
    carry(plan(task=name, data=data), Beside())
    written = predict_with(tmp_path / "run", plan(task=name, data=data), "", into=tmp_path / "answers")
    [(path, rows)] = written.rows.items()
    answers = [line.split("\t")[1] for line in Path(path).read_text().splitlines()[1:]]
    assert rows == len(answers) == 2
    if name == "cola":
        assert set(answers) <= {"0", "1"}
    else:
        assert all(0 <= float(answer) <= 5 and len(answer.split(".")[1]) == 3 for answer in answers)


def test_missing_test_rows_are_said_before_training(archive, plan, tmp_path):
    with pytest.raises(AskedWrongly, match=r"nothing was trained.*no test\.tsv"):
        carry(plan(task="cola", data=archive("cola", tests=False)), Beside(predict=True))
    assert not (tmp_path / "run").exists()


def test_a_model_for_other_labels_does_not_predict(archive, plan, tmp_path):
    data = archive("cola", "rte")
    carry(plan(task="cola", data=data), Beside())
    with pytest.raises(AskedWrongly, match="tells unacceptable, acceptable apart"):
        predict_with(tmp_path / "run", plan(data=data), "rte", into=tmp_path / "answers")
    assert not (tmp_path / "answers").exists()


def test_hidden_labels_in_ones_own_table_are_predicted(plan, tmp_path):
    rows = [{"t": f"{word} x", "y": word} for word in ("good", "bad")] * 6
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    reading = Reading(text_column="t", label_column="y", dev=str(path))
    carry(plan(task="own", data=str(path), reading=reading), Beside())
    hidden = tmp_path / "hidden.csv"
    hidden.write_text("t,y\ngood,-1\nbad,-1\nfine,-1\n")
    asked = plan(data=str(hidden), reading=Reading(text_column="t"))
    written = predict_with(tmp_path / "run", asked, "", into=tmp_path / "answers")
    assert sum(written.labels.values()) == 3
    assert set(written.labels) == {"bad", "good"}


def test_every_pooling_is_compared_on_the_same_budget(archive, plan):
    found = carry(plan(task="cola", data=archive("cola")), Beside(compare_pooling=True))
    assert list(found.runs) == ["own", "cls", "mean", "max", "last"]
    assert {run.steps for run in found.runs.values()} == {3}
    assert found.proved


def test_a_baseline_is_another_tokenizer_on_the_same_rows(archive, plan, tokenizer_folder, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(tokenizer_folder, other)
    data = archive("cola")
    found = carry(plan(task="cola", data=data, model="bert-tiny"), Beside(baseline=str(other)))
    one, two = found.runs.values()
    assert (one.steps, one.train_rows, one.metrics) == (two.steps, two.train_rows, two.metrics)
    with pytest.raises(AskedWrongly, match="holds no model of its own"):
        carry(plan(task="cola", data=data, output="x"), Beside(baseline=str(other)))


def test_two_comparisons_at_once_are_refused():
    with pytest.raises(AskedWrongly, match="two comparisons"):
        Beside(compare_pooling=True, baseline="x")
