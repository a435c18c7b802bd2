"""Bad input: one sentence, the right exit code, nothing written, no traceback."""

import json
import os
import subprocess
import sys

import pytest

from tokbench.__main__ import main

TEXT = "a few plain words that are long enough to train on, twice over\n" * 50


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.txt").write_text(TEXT)
    (tmp_path / "empty.txt").write_bytes(b"")
    (tmp_path / "blank.txt").write_bytes(b"\n \n\n")
    (tmp_path / "utf16.txt").write_bytes(TEXT.encode("utf-16"))
    (tmp_path / "utf16be.txt").write_bytes(TEXT.encode("utf-16-be"))
    (tmp_path / "latin1.txt").write_bytes("ein schöner Tag\n".encode("latin-1") * 20)
    (tmp_path / "nul.txt").write_bytes(b"one\0two\n" * 20)
    (tmp_path / "table.csv").write_text("body,stars\nfine words,5\n")
    (tmp_path / "nothing").mkdir()
    (tmp_path / "broken.json").write_text('{"model": {"type": "BPE", ')
    (tmp_path / "typo.toml").write_text('algorithm = "bpe"\nnormalizers = [{type = "Lowecase"}]\n')
    (tmp_path / "option.toml").write_text(
        'algorithm = "bpe"\npre_tokenizers = [{type = "ByteLevel", pefix = 1}]\n'
    )
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "precious.txt").write_text("do not lose me")
    return tmp_path


CASES = {
    "an empty file": (["train-bpe", "empty.txt"], "empty.txt"),
    "blank lines only": (["train-bpe", "blank.txt"], "blank.txt"),
    "an empty folder": (["train-bpe", "nothing"], "nothing"),
    "a missing file": (["train-bpe", "god.txt"], "good.txt"),
    "a glob without a match": (["train-bpe", "*.parquet"], "*.parquet"),
    "UTF-16": (["train-bpe", "utf16.txt"], "UTF-16"),
    "UTF-16 without a mark": (["train-bpe", "utf16be.txt"], "utf16be.txt"),
    "Latin-1": (["train-bpe", "latin1.txt"], "latin1.txt"),
    "NUL bytes": (["train-bpe", "nul.txt"], "NUL"),
    "a wrong column": (["train-bpe", "table.csv", "--column", "text"], "body"),
    "a vocabulary below the alphabet": (["train-bpe", "good.txt", "--vocab-size", "100"], "258"),
    "a vocabulary of nothing": (["train-bpe", "good.txt", "--vocab-size", "0"], "vocab"),
    "an unknown block": (["build", "typo.toml", "good.txt"], "Lowercase"),
    "an unknown option": (["build", "option.toml", "good.txt"], "add_prefix_space"),
    "an unknown preset": (["train-wordpiece", "good.txt", "--preset", "brt"], "bert"),
    "another algorithm's preset": (["train-bpe", "good.txt", "--preset", "bert"], "train-wordpiece"),
    "a setting without a value": (["train-bpe", "good.txt", "--set", "vocab_size"], "key=value"),
    "a setting that no recipe has": (["train-bpe", "good.txt", "--set", "vocab_sise=9"], "vocab_size"),
    "an existing output": (["train-bpe", "good.txt", "-o", "taken"], "taken"),
    "an existing output of strangers, forced": (["train-bpe", "good.txt", "-o", "taken", "--force"], "taken"),
    "an output that is a file": (["train-bpe", "good.txt", "-o", "empty.txt"], "empty.txt"),
    "a corrupt tokenizer.json": (["info", "broken.json"], "broken.json"),
    "a folder without a tokenizer": (["check", "nothing"], "nothing"),
    "a tokenizer that is not there": (["encode", "./nowhere", "text"], "nowhere"),
    "an unknown command": (["trian-bpe", "good.txt"], "train-bpe"),
    "an unknown rule": (["check", "--explain", "TB1"], "check --list"),
    "no tokenizer to check": (["check"], "tokenizer"),
    "a trainer nobody has": (["finetune", "--trainer", "kears"], "loop, hf, lightning"),
    "a former name of a trainer nobody has": (["finetune", "--engine", "kears"], "loop, hf, lightning"),
    "a setting of another kind": (["finetune", "--set", "patience=two"], "give patience a whole number"),
    "a setting nobody knows": (["finetune", "--set", "patients=3"], "patience"),
    "a setting of a run without a value": (["finetune", "--set", "patience"], "key=value"),
    "nothing to resume": (["finetune", "--resume"], "without --resume"),
    "an interval of one seed": (["prove", "one", "other", "--seeds", "1"], "seeds"),
    "an unknown task": (["finetune", "--task", "sst"], "sst2"),
    "a fresh model without a tokenizer": (["finetune", "--task", "sst2", "--data", "sample"], "tokenizer"),
    "an unknown role": (["wrap", "good", "-o", "made", "--role", "pda=[PAD]"], "good"),
}


def everything(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_answered_in_a_sentence(case, folder, capfd):
    words, wanted = CASES[case]
    before = everything(folder)
    assert main([*words, "-q"] if words[0] in ("train-bpe", "build") else words) == 2
    said = capfd.readouterr()
    assert wanted in said.err
    assert "Error:" in said.err
    assert "Traceback" not in said.err
    assert said.out == ""
    assert everything(folder) == before
    assert sorted(path.name for path in folder.iterdir() if path.is_dir()) == ["nothing", "taken"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_output_is_named(folder, capfd):
    (folder / "nothing").chmod(0o500)
    assert main(["train-bpe", "good.txt", "-o", "nothing/made", "-q"]) == 2
    assert "nothing" in capfd.readouterr().err


def test_errors_are_json_when_json_is_asked_for(folder, capfd):
    assert main(["info", "broken.json", "--json"]) == 2
    said = json.loads(capfd.readouterr().err)
    assert said["schema"] == "tokbench/error/1"
    assert "broken.json" in said["error"]


def test_a_reader_that_leaves_early_ends_the_command_quietly():
    done = subprocess.run(
        f"{sys.executable} -m tokbench blocks | head -n 1", shell=True, capture_output=True, text=True
    )
    assert done.returncode == 0
    assert "Traceback" not in done.stderr


def test_our_own_bugs_have_an_exit_code_of_their_own_and_no_traceback(monkeypatch, capfd):
    monkeypatch.delenv("TOKBENCH_DEBUG", raising=False)
    monkeypatch.setattr("tokbench.pretrained.info.load", lambda name: 1 / 0)
    assert main(["info", "anything"]) == 3
    said = capfd.readouterr().err
    assert "ZeroDivisionError" in said
    assert "TOKBENCH_DEBUG=1" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("words", [["--help"], ["check", "--list"], ["check", "--list", "--json"]])
def test_a_reader_who_leaves_a_pipe_is_no_error(words):
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "tokbench", *words], stdout=writer, stderr=subprocess.PIPE, text=True
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


def test_windows_is_told_at_once_where_tokbench_runs(monkeypatch, capsys, folder):
    monkeypatch.setattr(sys, "platform", "win32")
    before = sorted(folder.iterdir())
    assert main(["train-bpe", "good.txt"]) == 2
    assert capsys.readouterr() == (
        "",
        "Error: tokbench runs on Linux and macOS only\nHint:  on Windows, run it in WSL\n",
    )
    assert sorted(folder.iterdir()) == before
