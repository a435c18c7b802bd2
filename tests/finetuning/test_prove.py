"""Base against new: the same seeds for both, and an interval that covers as often as it says."""

import json
import os
import shutil
import signal

import numpy as np
import pytest
from scipy.stats import ttest_rel

import tokbench as tb
from tokbench.__main__ import main
from tokbench.errors import RunInterruptedError, UsageError
from tokbench.finetuning.data.load import read_data
from tokbench.finetuning.prove import Pair, Proof, TokenizerRuns, interval, prove
from tokbench.finetuning.read_record import lines_of_record
from tokbench.reporting.elements import plain
from tokbench.reporting.views.finetune import proof

ROWS = [
    [f"{word} {'x ' * number}", label] for number in range(3) for word, label in (("good", "1"), ("bad", "0"))
]


def test_the_interval_is_that_of_scipys_paired_t_test():
    random = np.random.default_rng(0)
    before, after = random.normal(size=7), random.normal(size=7)
    wanted = ttest_rel(after, before).confidence_interval(0.95)
    assert interval((after - before).tolist()) == pytest.approx((wanted.low, wanted.high))


def test_the_interval_covers_the_truth_as_often_as_it_says():
    draws = np.random.default_rng(1).normal(0.3, 1.0, (400, 5))
    covered = sum(low < 0.3 < high for low, high in (interval(row.tolist()) for row in draws))
    assert 0.92 < covered / 400 < 0.98


def test_a_tokenizer_against_itself_shows_no_difference(official, plan, tokenizer_folder):
    data = str(official("sst2", rows=ROWS, times=2))
    name = str(tokenizer_folder)
    chosen = plan(data=data, model="bert-tiny", epochs=8, learning_rate=3e-3)
    found = prove(name, name, chosen, task="sst2", seeds=2)
    [pair] = found.pairs
    assert pair.base.why == pair.new.why == ("", "")
    assert pair.seeds == (42, 43)
    assert (pair.difference, pair.low, pair.high) == (0, 0, 0)
    assert pair.verdict == "no difference shown"
    assert found.held
    assert pair.base.tokens_per_row > 3
    assert found.model == "bert-tiny"


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.1, 0.2, "better"),
        (-0.2, -0.1, "worse"),
        (-0.1, 0.1, "no difference shown"),
        (0, 0, "no difference shown"),
    ],
)
def test_the_verdict_is_what_the_interval_lets_one_say(low, high, verdict):
    side = TokenizerRuns(name="a", values=(0.5,), tokens_per_row=9, seconds=1)
    pair = Pair(
        task="sst2", metric="accuracy", seeds=(1,), base=side, new=side, difference=0, low=low, high=high
    )
    assert pair.verdict == verdict


NOT = "nothing was learned, accuracy is not above a constant answer's 0.5000"


@pytest.mark.parametrize(
    ("base", "new", "words"),
    [
        ((NOT, NOT), (NOT, NOT), "nothing was learned, neither with old nor with fresh"),
        ((NOT, NOT), (NOT, "f1 is not above"), "too little was learned, neither with old nor with fresh"),
        (("", NOT), (NOT, NOT), "nothing was learned with fresh, so that it does not compare with old"),
        ((NOT, NOT), ("", ""), "nothing was learned with old, so that it does not compare with fresh"),
        (("", NOT), ("", ""), "fresh is better than old"),
    ],
)
def test_a_tokenizer_with_which_nothing_was_learned_is_not_compared(base, new, words):
    sides = [
        TokenizerRuns(name=name, values=(0.5, 0.5), tokens_per_row=9, seconds=1, why=why)
        for name, why in (("old", base), ("fresh", new))
    ]
    pair = Pair(
        task="sst2",
        metric="accuracy",
        seeds=(1, 2),
        base=sides[0],
        new=sides[1],
        difference=0.1,
        low=0.1,
        high=0.2,
    )
    found = Proof(model="bert-tiny", pairs=(pair,))
    assert plain(next(proof(found))).startswith(f"sst2: {words}: ")
    assert found.held == ("is better" in words)


def test_one_seed_gives_no_interval_and_is_refused(plan):
    with pytest.raises(UsageError, match="at least 2 seeds"):
        prove("a", "b", plan(), task="sst2", seeds=1)


def test_a_model_against_a_bare_tokenizer_needs_a_preset(plan, tokenizer_folder, model_folder):
    with pytest.raises(UsageError, match="one of the two holds a model") as caught:
        prove(str(model_folder), str(tokenizer_folder), plan(), task="sst2", seeds=2)
    assert "--model bert-tiny" in caught.value.fix


def test_a_stopped_comparison_goes_on_to_the_same_interval_and_keeps_no_weights(
    official, plan, tokenizer_folder, tmp_path
):
    other = tmp_path / "other"
    shutil.copytree(tokenizer_folder, other)
    chosen = plan(data=str(official("sst2", rows=ROWS, times=2)), model="bert-tiny")
    begun = []

    def stop(stage, done, total=None):
        begun.extend([done] if (stage, done) == ("train", 1) else [])
        if (stage, done, len(begun)) == ("train", 2, 3):
            os.kill(os.getpid(), signal.SIGINT)

    def held(**named):
        return prove(str(tokenizer_folder), str(other), chosen, task="sst2", seeds=2, **named)

    out, told = tmp_path / "proof", []
    with pytest.raises(RunInterruptedError, match="stopped after step 2"):
        held(output=out, progress=stop)
    found = held(output=out, resume=True, log=told.append)
    assert told == [
        "taken over, finished: sst2/seed-42/base, sst2/seed-42/new",
        "goes on: sst2/seed-43/base",
        "still to do: sst2/seed-43/new",
    ]
    whole = held()
    assert [pair.difference for pair in found.pairs] == [pair.difference for pair in whole.pairs]
    assert [pair.base.values for pair in found.pairs] == [pair.base.values for pair in whole.pairs]
    assert not [*out.rglob("model.safetensors")]
    assert len([*out.rglob("metrics.json")]) == 4


def test_without_a_folder_nothing_is_kept_and_a_stop_says_so(official, plan, tokenizer_folder):
    chosen = plan(data=str(official("sst2", rows=ROWS)), model="bert-tiny")

    def stop(stage, done, total=None):
        if (stage, done) == ("train", 1):
            os.kill(os.getpid(), signal.SIGINT)

    name = str(tokenizer_folder)
    with pytest.raises(RunInterruptedError, match="nothing was kept") as caught:
        prove(name, name, chosen, task="sst2", seeds=2, progress=stop)
    assert "-o FOLDER" in caught.value.fix
    with pytest.raises(UsageError, match="nothing to resume without a folder"):
        prove(name, name, chosen, task="sst2", seeds=2, resume=True)


@pytest.fixture
def own_tables(tmp_path):
    """Train and dev files of one's own, as TSV and as CoNLL."""
    words = ["rain", "snow", "sun", "wind"]
    rows = [f"{one} {two} {'good' if one < two else 'bad'}" for one in words for two in words]
    labels = ["pos" if row.endswith("good") else "neg" for row in rows]
    for name, step in (("train", 1), ("dev", 3)):
        table = "".join(f"{row}\t{label}\n" for row, label in [*zip(rows, labels, strict=True)][::step])
        (tmp_path / f"{name}.tsv").write_text("text\tlabel\n" + table)
        tags = (
            "".join(f"{word} {'B-W' if word == 'rain' else 'O'}\n" for word in row.split())
            for row in rows[::step]
        )
        (tmp_path / f"{name}.conll").write_text("\n".join(tags))
    return tmp_path


@pytest.mark.parametrize(
    ("words", "task", "metric"),
    [
        (("-t", "own", "--data", "train.tsv", "--text-column", "text", "--label-column", "label"),
         "own", "accuracy"),
        (("-t", "ner", "--data", "train.conll", "--label-all-pieces"), "ner", "entity_f1"),
    ],
)  # fmt: skip
def test_the_command_compares_on_files_of_ones_own_as_finetune_trains_on_them(
    words, task, metric, own_tables, tokenizer_folder, monkeypatch, capsys
):
    monkeypatch.chdir(own_tables)
    name, dev = str(tokenizer_folder), f"dev.{words[3].rpartition('.')[2]}"
    given = [*words, "--dev", dev, "--model", "bert-tiny", "--epochs", "1", "--batch-size", "8"]
    alone = ["--device", "cpu", "--precision", "fp32", "--json", "-q"]
    code = main(["prove", name, name, *given, "--seed", "7", "--seeds", "2", *alone])
    [pair] = json.loads(capsys.readouterr().out)["pairs"]
    assert code == int(all(pair["base"]["why"]))  # the tokenizers are one
    assert (pair["task"], pair["metric"], pair["seeds"]) == (task, metric, [7, 8])
    assert main(["finetune", "--tokenizer", name, *given, "--seed", "8", *alone]) in (0, 1)
    assert json.loads(capsys.readouterr().out)["metrics"][metric] == pair["base"]["values"][1]


def test_what_was_read_is_told_once_and_recorded(own_tables, tokenizer_folder, monkeypatch):
    reads, told = [], []

    def counted(config, **named):
        reads.append(config.seed)
        return read_data(config, **named)

    monkeypatch.setattr("tokbench.finetuning.runner.read_data", counted)
    other = own_tables / "other"
    shutil.copytree(tokenizer_folder, other)
    small = {"model": "bert-tiny", "max_length": 4, "learning_rate": 1e-9, "device": "cpu"}
    files = {"data": own_tables / "train.tsv", "dev": str(own_tables / "dev.tsv")}
    found = prove(str(tokenizer_folder), str(other), task="own", seeds=2, log=told.append, **files, **small)
    [pair] = found.pairs
    assert told[:3] == list(lines_of_record(pair.read))
    assert told[3].startswith("batches of 8, 20 epochs: ")
    assert told[4:] == ["  cut to 4 tokens: 16 of 16 train rows, 6 of 6 dev rows"]
    assert reads == [42, 43]  # once for each seed
    assert not found.held
    assert pair.constant == pytest.approx(4 / 6)
    assert pair.base.remedy


def test_python_compares_on_a_table_of_ones_own(own_tables, tokenizer_folder):
    name, columns = str(tokenizer_folder), {"text_column": "text", "label_column": "label"}
    small = {"model": "bert-tiny", "epochs": 1, "device": "cpu"}
    found = prove(name, name, task="own", seeds=2, data=own_tables / "train.tsv", **columns, **small)
    assert [(pair.task, pair.metric) for pair in found.pairs] == [("own", "accuracy")]
    with pytest.raises(UsageError, match="all is no task") as caught:
        prove(name, name, task="all", seeds=2, data="sample", **small)
    assert caught.value.fix == "--task cola --task sst2"


def test_an_adapted_tokenizer_is_said_to_be_one_and_no_general_gain_is_claimed(official, plan, tmp_path):
    texts = ["good x x", "bad x"] * 9
    base, wider = tmp_path / "base", tmp_path / "wider"
    base.mkdir()
    tb.train(texts, "wordpiece", vocab_size=30).tokenizer.save(str(base / "tokenizer.json"))
    (base / "tokenizer_config.json").write_text(json.dumps({"pad_token": "[PAD]"}))
    tb.add_tokens(base, ["x x"], output=wider)
    data = str(official("sst2", rows=ROWS, times=2))
    found = prove(str(base), str(wider), plan(data=data, model="bert-tiny"), task="sst2", seeds=2)
    assert found.lineage.tokens == 1
    [pair] = found.pairs
    assert pair.new.rows_per_second > 0
    words = "\n".join(plain(part) for part in proof(found))
    saved = pair.new.tokens_per_row / pair.base.tokens_per_row - 1
    assert saved < 0
    assert f"{saved:+.1%} tokens a row" in words
    assert "No general gain is established" in words
