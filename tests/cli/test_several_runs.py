import json

import pytest

from tokbench.finetuning.config import FinetuneConfig
from tokbench.finetuning.multi import Glue, PoolingComparison, finetune
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
    assert "average 50.0, 1 of 2 tasks missing" in shown
    assert "qqp\tno train.tsv" in shown
    assert "best tokenizer: a" in "\n".join(
        map(plain, done(PoolingComparison(differs="tokenizer", runs={"a": run})))
    )
