import json
from dataclasses import replace
from pathlib import Path

import pytest

from tokbench.finetuning.config import FinetuneConfig
from tokbench.finetuning.multi import Glue, PoolingComparison, finetune
from tokbench.finetuning.run_record import run_in
from tokbench.reporting.elements import plain
from tokbench.reporting.views.finetune import done

FAST = ("--model", "bert-tiny", "--epochs", "20", "--batch-size", "8", "--device", "cpu", "--quiet")


@pytest.fixture
def tokenizer(tokbench, corpus):
    assert tokbench("train-wordpiece", corpus, "-v", "120", "-o", "tok", "--quiet").code == 0
    return "tok"


@pytest.fixture
def table(tmp_path):
    rows = [{"t": f"the clock {word} {number}", "y": word} for number in range(10) for word in ("on", "off")]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return "rows.jsonl"


def test_a_table_of_ones_own_is_learned_and_predicted(tokbench, tokenizer, table):
    columns = ("--text-column", "t", "--label-column", "y")
    learned = tokbench(
        "finetune", "--task", "own", "--data", table, *columns, "--tokenizer", tokenizer, *FAST
    )
    assert learned.code == 0, learned.err
    assert "classes\toff 50.0%, on 50.0%" in learned.out or "classes\ton 50.0%, off 50.0%" in learned.out
    answered = tokbench("predict", "run", "--data", table, "--text-column", "t", "--json", "--quiet")
    assert answered.code == 0, answered.err
    [(path, rows)] = json.loads(answered.out)["rows"].items()
    assert (path, rows) == ("predictions/rows-predicted.tsv", 20)
    assert "20 rows of own answered" in tokbench("predict", "run", "--data", table, "--text-column", "t").out


def test_poolings_are_tabled(tokbench, tokenizer, table):
    columns = ("--text-column", "t", "--label-column", "y")
    words = ("finetune", "--task", "own", "--data", table, *columns, "--tokenizer", tokenizer, *FAST)
    told = tokbench(*words, "--compare-pooling")
    assert told.code == 0, told.err
    lines = [line.split("\t") for line in told.out.splitlines()]
    assert ["pooling", "accuracy", "f1", "tokens a row", "seconds", "learned", "proved"] in lines
    assert {line[0] for line in lines if line[-1] == "yes"} == {"own", "cls", "mean", "max", "last"}


def test_progress_of_several_runs_names_each(tokbench, tokenizer, table):
    columns = ("--text-column", "t", "--label-column", "y")
    words = ("finetune", "--task", "own", "--data", table, *columns, "--tokenizer", tokenizer, *FAST[:-1])
    told = tokbench(*words, "--epochs", "1", "--compare-pooling")
    evaluated = [line.partition(": epoch ")[0] for line in told.err.splitlines() if ": epoch 1 of 1" in line]
    assert evaluated == ["own", "cls", "mean", "max", "last"]
    assert told.err.count("read: text from t, label from y: 2 classes") == 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--text-column", "x", "--label-column", "y"), "no column 'x'"),
        (("--text-column", "t"), "--label-column is needed"),
        (("--pair-column", "t"), "--pair-column without --text-column"),
        ((), "--text-column is needed"),
        (("--text-column", "t", "--label-column", "y", "--pooling", "sum"), "pooling cannot be 'sum'"),
        (("--text-column", "t", "--label-column", "y", "--predict"), "nothing was trained"),
    ],
)
def test_what_is_asked_wrongly_of_a_table_is_one_sentence(words, sentence, tokbench, tokenizer, table):
    told = tokbench("finetune", "--task", "own", "--data", table, "--tokenizer", tokenizer, *FAST, *words)
    assert told.code == 2
    assert sentence in told.err
    assert "Hint:" in told.err


def test_a_folder_without_a_model_does_not_predict(tokbench):
    told = tokbench("predict", "nowhere", "--task", "ax")
    assert (told.code, "no fine-tuned model in nowhere" in told.err) == (2, True)


def test_missing_tasks_are_shown_with_their_reason(tokenizer, table):
    run = finetune(
        FinetuneConfig(
            task="own",
            data=table,
            tokenizer=tokenizer,
            model="bert-tiny",
            epochs=1,
            text_column="t",
            label_column="y",
        )
    )
    found = Glue(
        runs={"cola": run}, missing={"qqp": "no train.tsv"}, scores={"cola": 50.0}, average=50.0, output="o"
    )
    shown = "\n".join(plain(part) for part in done(found))
    assert "average 50.0, 1 of 2 tasks missing; nothing was learned with cola" in shown
    assert not found.held
    assert "qqp\tno train.tsv" in shown


def test_a_comparison_says_with_which_nothing_was_learned_and_ends_in_1(tokbench, tokenizer, table):
    columns = ("--text-column", "t", "--label-column", "y")
    words = ("finetune", "--task", "own", "--data", table, *columns, "--tokenizer", tokenizer, *FAST)
    told = tokbench(*words, "--epochs", "1", "--learning-rate", "1e-9", "--compare-pooling")
    assert told.code == 1
    assert told.out.startswith("no pooling is best, nothing was learned with any of them: accuracy 0.5000")
    found = run_in(Path("run/cls"))
    runs = {"a": replace(found, why=""), "b": replace(found, why="nothing was learned, really")}
    one = PoolingComparison(differs="tokenizer", runs=runs)
    shown = "\n".join(map(plain, done(one)))
    assert "best tokenizer: a" in shown
    assert "(one seed each: see prove for more); nothing was learned with b" in shown
    assert "b\tnothing was learned, really" in shown
    assert not one.held
