"""A tagger and a table as a user meets them: trained, asked, and asked wrongly, in one sentence each."""

import json
import resource
import signal
from contextlib import contextmanager
from pathlib import Path

import pytest

from tokbench.__main__ import main
from tokbench.finetuning.data.tagging import read_sentences

WORDS = "the\tO\nclock\tB-THING\n\nkeeper\tB-WHO\nvisited\tO\n\n"
FAST = ("--model", "bert-tiny", "--epochs", "20", "--batch-size", "8", "--device", "cpu", "--quiet")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder with a tokenizer, a run on tagged words `tags`, and a run on a table `rows`."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        Path("corpus.txt").write_text("the clock keeper visited\n" * 40)
        Path("train.conll").write_text(WORDS * 12)
        rows = [json.dumps({"t": f"the {word}", "y": word}) for word in ("clock", "keeper")]
        Path("rows.jsonl").write_text("\n".join(rows * 10))
        assert main(["train-wordpiece", "corpus.txt", "-v", "60", "-o", "tok", "--quiet"]) == 0
        own = ("--data", "rows.jsonl", "--text-column", "t", "--label-column", "y")
        for task, data in (("ner", ("--data", "train.conll")), ("own", own)):
            assert main(["finetune", "-t", task, *data, "--tokenizer", "tok", "-o", task, *FAST]) == 0
    return folder


def test_a_tagger_answers_a_file_whose_labels_are_hidden(tokbench, runs, tmp_path):
    (tmp_path / "asked.conll").write_text("keeper\nclock\n\nthe\n")
    told = tokbench("predict", runs / "ner", "--data", "asked.conll", "--quiet")
    assert (told.code, told.err) == (0, "")
    assert "2 rows of ner answered" in told.out
    found = read_sentences(tmp_path / "predictions" / "asked-predicted.conll").found
    assert [units for units, _ in found] == [["keeper", "clock"], ["the"]]
    assert "B-THING" in told.out


def test_what_was_predicted_is_one_json_object(tokbench, runs, tmp_path):
    (tmp_path / "test.conll").write_text(WORDS)
    told = tokbench("predict", runs / "ner", "--data", ".", "-o", "out", "--json", "--quiet")
    found = json.loads(told.out)
    assert found["task"] == "ner"
    assert found["rows"] == {"out/test-predicted.conll": 2}
    assert list(found["labels"]) == ["O", "B-THING", "I-THING", "B-WHO", "I-WHO"]
    assert sum(found["labels"].values()) == 4


def test_rows_are_cut_where_the_run_cut_them(tokbench, runs, tmp_path):
    (tmp_path / "long.csv").write_text(f"t\n{'clock ' * 130}\n")
    words = ("predict", runs / "own", "--data", "long.csv", "--text-column", "t", "--quiet")
    assert "long-predicted.tsv: 1 row cut to 128 tokens" in tokbench(*words).out
    assert "cut to 8 tokens" in tokbench(*words, "--max-length", "8").out


WRONG = {
    "no such file": (("ner", "--data", "nowhere.conll"), "there is no nowhere.conll"),
    "no data": (("ner",), "rows of your own are in a file"),
    "a folder without a test file": (("ner", "--data", "empty"), "no test file in empty (test.conll"),
    "an empty file": (("ner", "--data", "empty.conll"), "empty.conll has no sentences"),
    "latin-1": (("ner", "--data", "latin.conll"), "latin.conll line 1 is not UTF-8"),
    "a text": (("ner", "--data", "text.txt"), "line 2 has 2 fields and those before it 3"),
    "a table for a tagger": (("ner", "-t", "own", "--data", "a.csv", "--text-column", "t"), "ForTokenCl"),
    "words for a classifier": (("own", "-t", "ner", "--data", "text.txt"), "of whole rows: it tags no words"),
    "an unknown task": (("own", "-t", "nre", "--data", "a.csv"), "no task is called 'nre'"),
    "no such column": (("own", "--data", "other.csv"), "other.csv has no column 't'"),
    "a wrong column": (("own", "--data", "a.csv", "--text-column", "tt"), "a.csv has no column 'tt'"),
    "a column twice": (("own", "--data", "twice.csv", "--text-column", "t"), "twice.csv has 2 columns 't'"),
    "semicolons": (("own", "--data", "semi.csv", "--text-column", "t"), "it seems to be parted by ';'"),
    "no rows": (("own", "--data", "zero.csv", "--text-column", "t"), "zero.csv has no rows"),
    "an output that is a file": (
        ("own", "--data", "a.csv", "--text-column", "t", "-o", "a.csv"),
        "a.csv is a file, and the output is a folder",
    ),
    "an output below a file": (
        ("own", "--data", "a.csv", "--text-column", "t", "-o", "a.csv/b"),
        "cannot be written: Not a directory",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_asked_wrongly_is_one_sentence_with_a_remedy(name, tokbench, runs, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty.conll").touch()
    (tmp_path / "latin.conll").write_bytes("café\tO\n".encode("latin-1"))
    (tmp_path / "text.txt").write_text("the clock keeper\nvisited often\n")
    (tmp_path / "a.csv").write_text("t\nclock\n")
    (tmp_path / "other.csv").write_text("u\nclock\n")
    (tmp_path / "twice.csv").write_text("t,t\nclock,keeper\n")
    (tmp_path / "semi.csv").write_text("t;y\nclock;1\n")
    (tmp_path / "zero.csv").write_text("t,y\n")
    before = sorted(tmp_path.rglob("*"))
    (run, *words), sentence = WRONG[name]
    told = tokbench("predict", runs / run, *words, "--quiet")
    error, hint = told.err.splitlines()
    assert (told.code, told.out) == (2, "")
    assert error.startswith("Error: ")
    assert sentence in error
    assert len(hint) > len("Hint:  ")
    assert sorted(tmp_path.rglob("*")) == before


@contextmanager
def files_of_at_most(size):
    """The system refuses every byte beyond `size`, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_leaves_nothing_half_written(tokbench, runs, tmp_path):
    (tmp_path / "many.csv").write_text("t\n" + "clock\n" * 400)
    with files_of_at_most(1_000):
        told = tokbench("predict", runs / "own", "--data", "many.csv", "--text-column", "t", "--quiet")
    assert (told.code, told.out) == (1, "")
    assert "the disk is full: predictions/many-predicted.tsv was not written" in told.err
    assert not (tmp_path / "predictions").exists()


TRAINED_WRONG = {
    "a wrong column": ("ok.csv", ("--text-column", "txt"), 2, "ok.csv has no column 'txt'"),
    "one class": ("one.csv", (), 2, "every row's 'y' is '1': there is nothing to learn"),
    "no rows": ("zero.csv", (), 2, "zero.csv has no rows"),
    "an empty file": ("empty.jsonl", (), 2, "empty.jsonl has no rows"),
    "a hidden label": ("hidden.csv", (), 2, "hidden.csv line 3: 'y' is -1, which hides a label"),
    "no text or no label": ("gaps.csv", (), 2, "2 rows have no text or no label: gaps.csv line 2, line 3"),
    "an unknown label": (
        "ok.csv",
        ("--dev", "other.csv"),
        2,
        "other.csv line 2: '7' is no label that a train",
    ),
    "a missing dev file": ("ok.csv", ("--dev", "no.csv"), 2, "there is no file no.csv"),
    "semicolons": ("semi.csv", (), 2, "it seems to be parted by ';'"),
    "a column twice": ("twice.csv", (), 2, "twice.csv has 2 columns 'y'"),
    "latin-1": ("latin.csv", (), 2, "latin.csv is not UTF-8: byte 0xe9"),
    "an open quote": ("quote.csv", (), 2, "the row that begins in line 2 is not CSV"),
    "a GPU that is not there": ("ok.csv", ("--device", "cuda"), 2, "torch sees no GPU here"),
    "a rate that overflows": (
        "ok.csv",
        ("--learning-rate", "1e30", "--epochs", "2"),
        1,
        "the loss is nan at",
    ),
    "ids beyond the rows": ("ok.csv", ("--model", "SMALL"), 1, "beyond the 3 rows of the model's embedding"),
}


@pytest.mark.parametrize("name", TRAINED_WRONG)
def test_rows_that_cannot_be_trained_on_end_in_one_sentence(name, tokbench, runs, tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    rows = [f"the clock {number},{number % 2}" for number in range(12)]
    files = {
        "ok.csv": rows,
        "one.csv": [row[:-1] + "1" for row in rows],
        "zero.csv": [],
        "hidden.csv": [*rows[:1], "the clock,-1", *rows[1:]],
        "gaps.csv": [",1", "the clock,", *rows],
        "other.csv": ["the clock,7"],
        "quote.csv": ['"the clock,1', *rows],
    }
    for file, lines in files.items():
        (tmp_path / file).write_text("\n".join(["t,y", *lines]) + "\n")
    (tmp_path / "empty.jsonl").touch()
    (tmp_path / "semi.csv").write_text("t;y\nthe clock;1\n")
    (tmp_path / "twice.csv").write_text("t,y,y\nthe clock,1,0\n")
    (tmp_path / "latin.csv").write_bytes("t,y\ncafé,1\n".encode("latin-1"))
    small(tmp_path / "SMALL")
    before = sorted(tmp_path.rglob("*"))
    data, words, code, sentence = TRAINED_WRONG[name]
    own = ("-t", "own", "--data", data, "--text-column", "t", "--label-column", "y")
    told = tokbench("finetune", *own, "--tokenizer", runs / "tok", *FAST, *words)
    error, hint = told.err.splitlines()
    assert (told.code, told.out) == (code, "")
    assert error.startswith("Error: ")
    assert sentence in error
    assert len(hint) > len("Hint:  ")
    assert sorted(tmp_path.rglob("*")) == before


def small(folder):
    """A model with three rows."""
    from transformers import BertConfig, BertForSequenceClassification

    from tokbench.io.quiet import quiet

    config = BertConfig(
        vocab_size=3, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8
    )
    with quiet():
        BertForSequenceClassification(config).save_pretrained(folder)


def test_a_disk_that_fills_while_a_run_is_saved_keeps_nothing_of_it(tokbench, runs, tmp_path):
    own = ("-t", "own", "--data", runs / "rows.jsonl", "--text-column", "t", "--label-column", "y")
    with files_of_at_most(100_000):  # the weights take more than a megabyte
        told = tokbench("finetune", *own, "--tokenizer", runs / "tok", *FAST)
    assert (told.code, told.out) == (1, "")
    assert "the disk is full: run was not written, and what was there before is untouched" in told.err
    assert list(tmp_path.iterdir()) == []
