"""What was read is told before training, in the result's JSON, in metrics.json and on the card."""

import json
import re

import pytest

from tokbench.finetuning.multi import finetune
from tokbench.finetuning.read_record import ReadRecord, SplitRecord, lines_of_record, shown_counts
from tokbench.finetuning.run_record import run_in
from tokbench.reporting.elements import plain
from tokbench.reporting.views.finetune import done


@pytest.fixture
def own(plan, tmp_path):
    """A plan on a table with one incomplete row and one long one."""
    words = ("good", "bad")
    rows = [{"id": at, "text": f"{words[at % 2]} {'x ' * at}", "label": words[at % 2]} for at in range(20)]
    rows[3]["text"] = ""
    path = tmp_path / "own.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    return plan(task="own", data=str(path), skip_incomplete=True, max_length=16, dev_share=0.2)


def test_what_was_read_is_told_before_training_and_kept_in_every_file(own, tmp_path):
    told = []
    run = finetune(own, log=told.append)
    assert told[0] == "read: text from text, label from label, id from id: 2 classes, f1 is of good"
    assert told[1] == "  train, own.jsonl: 15 rows (bad 7, good 8), 1 left out (no text)"
    assert told[2] == "  dev, 20% of own.jsonl, drawn by the seed: 4 rows (bad 2, good 2)"
    assert told[3].startswith("  cut to 16 tokens: ")
    saved = json.loads((tmp_path / "run" / "metrics.json").read_text())["read"]
    assert saved == json.loads(run.to_json())["read"]
    assert saved["columns"] == {"text": "text", "label": "label", "id": "id"}
    assert saved["splits"]["train"]["left_out"] == {"no text": 1}
    assert (saved["kind"], saved["positive"], saved["max_length"]) == ("classes", "good", 16)
    assert run_in(tmp_path / "run").read == run.read
    card = (tmp_path / "run" / "README.md").read_text()
    assert "## What was read" in card
    assert "| text | text |" in card
    assert "| train | own.jsonl: 15 rows (bad 7, good 8), 1 left out (no text) |" in card
    assert "| f1 of good |" in card


def test_f1_says_of_which_class_on_the_screen(own):
    from tokbench.reporting.views.finetune import run as view

    words = repr(list(view(finetune(own))))
    assert "f1 of good" in words


def test_the_positive_class_changes_f1_and_says_so(own):
    from dataclasses import replace

    run = finetune(replace(own, positive="bad"))
    assert run.metric_words("f1") == "f1 of bad"
    assert run.metric_words("accuracy") == "accuracy"


def test_the_thread_count_is_recorded_and_makes_no_other_run(own, tmp_path):
    import torch

    from tokbench.finetuning.card import command

    finetune(own)
    made = json.loads((tmp_path / "run" / "hyperparameters.json").read_text())
    assert made["threads"] == torch.get_num_threads()
    assert "threads" not in command(made)
    (tmp_path / "run" / "hyperparameters.json").write_text(json.dumps({**made, "threads": 77}))
    from tokbench.finetuning.multi import _otherwise
    from tokbench.progress import silent

    assert _otherwise(tmp_path / "run", own, silent) == ""


def test_lines_fit_a_terminal_with_the_usual_names():
    split = SplitRecord(source="train.tsv", rows=100_000, classes={"0": 50_042, "1": 49_958})
    record = ReadRecord(
        kind="classes",
        columns={"text": "document", "label": "label", "id": "id"},
        splits={"train": split, "dev": split},
        positive="1",
        inferred=("label holds whole numbers, and few: classes (--set task_kind=scores)",),
    )
    assert max(map(len, lines_of_record(record))) <= 80


def test_long_lines_are_wrapped_and_set_in():
    classes = {f"I-LABEL{number}": 18_000 for number in range(9)}
    split = SplitRecord(source="train.tsv", rows=400, classes=classes)
    record = ReadRecord(kind="tags", columns={"text": "1", "tags": "2"}, splits={"train": split}, unit="word")
    lines = lines_of_record(record)
    assert max(map(len, lines)) <= 80
    assert lines[2].startswith("    18,000, I-LABEL")


def test_scores_are_told_with_their_range(plan, tmp_path):
    from tokbench.finetuning.data.load import read_data

    rows = [{"text": f"t{at}", "label": at / 4} for at in range(9)]
    (tmp_path / "train.jsonl").write_text("\n".join(map(json.dumps, rows)))
    found = read_data(plan(task="own", data=str(tmp_path / "train.jsonl"), dev=str(tmp_path / "train.jsonl")))
    assert found.read.splits["train"].scores == (0.0, 2.0, 1.0)
    assert "  train, train.jsonl: 9 rows (0 to 2, mean 1.00)" in lines_of_record(found.read)


def test_of_many_classes_the_most_frequent_are_shown():
    assert shown_counts({str(number): number for number in range(20)}).endswith("18 18, 19 19 and 12 more")


@pytest.mark.parametrize(
    ("scale", "words"),
    [
        (1e6, "spread by 1.7e+06, and a model learns those that spread by about 1: divide them by 1e+06"),
        (1e-9, "spread by 1.7e-09, and a model learns those that spread by about 1: multiply them by 1e+09"),
        (1, ""),
    ],
)
def test_scores_of_extreme_spread_are_told_to_be_rescaled_before_and_after(scale, words, plan, tmp_path):
    path = tmp_path / "train.jsonl"
    rows = [{"text": f"a text {at}", "score": (at % 7) * 0.85 * scale + scale} for at in range(28)]
    path.write_text("\n".join(map(json.dumps, rows)))
    told = []
    run = finetune(
        plan(task="own", data=str(path), dev=str(path), learning_rate=1e-9, task_kind="scores"),
        log=told.append,
    )
    shown = [plain(part) for part in done(run)]
    for said in (run.why, *shown):  # a loss has digits that say something
        assert not re.search(r"\b(loss|answer's is) 0\.0+(?![0-9e])", said)
    if not words:
        assert not any("spread" in line for line in (*told, run.remedy))
        return
    assert words in " ".join(" ".join(told).split())
    assert run.remedy == f"the scores {words}"
    assert shown[1] == run.remedy
