"""encode and decode of several texts, of what is piped in, and of a tagged sentence."""

import json
import subprocess
import sys

import numpy as np
import pytest


@pytest.fixture
def made(tokbench, corpus):
    assert tokbench("train-wordpiece", corpus, "-o", "made", "-v", 200, "-q").code == 0
    return "made"


def test_several_texts_are_rows_with_their_pairs_and_padding(tokbench, made):
    said = tokbench(
        "encode", made, "the clock", "the", "--pair", "a", "--pair", "b c", "--padding", "longest", "--json"
    )
    told = json.loads(said.out)
    assert told["schema"] == "tokbench/encoded-batch/1"
    assert told["texts"] == [0, 1]
    first, second = told["rows"]
    assert len(first["ids"]) == len(second["ids"])
    assert first["type_ids"].count(1) == 2
    assert "the" in tokbench("encode", made, "the clock", "the").out


def test_windows_of_a_text_are_numbered(tokbench, made):
    said = tokbench("encode", made, "the clock told the truth", "--max-length", 5, "--stride", 1)
    assert "text 1, window 1 of " in said.out


def test_ids_tokens_and_arrays_are_returned(tokbench, made, tmp_path):
    ids = tokbench("encode", made, "the clock", "the", "--return", "ids").out
    assert len(ids.splitlines()) == 2
    back = tokbench("decode", made, *ids.splitlines()[0].split(), "--skip-special-tokens")
    assert back.out == "the clock\n"
    tokens = tokbench("encode", made, "the clock", "--return", "tokens").out
    assert json.loads(tokens)[0] == "[CLS]"
    assert tokbench("encode", made, "the clock", "--return", "json").out == (
        tokbench("encode", made, "the clock", "--json").out
    )
    said = tokbench(
        "encode", made, "the clock", "the", "--return", "npy", "-o", "ids.npy", "--padding", "longest"
    )
    assert said.code == 0, said.err
    assert np.load(tmp_path / "ids.npy").shape[0] == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["a", "--return", "pickle"], "there is no --return 'pickle'"),
        (["a", "--return", "npy"], "an array needs a file"),
        (["the clock told", "the", "--return", "npy", "-o", "x.npy"], "make no array"),
        (["a", "--return", "ids", "--json"], "is returned alone"),
        (["a", "-o", "x.npy"], "are for files"),
        (["a", "--threads", "2"], "are for files"),
        (["--file", "corpus.txt", "--stride", "2", "--max-length", "9"], "without --overflow"),
        (["--file", "corpus.txt", "--pair", "a", "--pair", "b"], "files have one --pair"),
        (["--labels", "a.conll", "--file", "corpus.txt"], "without --file"),
        (["--labels", "no.conll"], "look what is there: ls ."),
        (["--labels", "a.conll", "--padding", "longest"], "without --padding"),
        (["-", "-"], "stdin can be read once"),
        (["-", "--pair", "-"], "stdin can be read once"),
        (["--file", "-", "--pair", "-"], "stdin can be read once"),
        (["a", "b", "--pair", "c"], "2 texts and 1 second text"),
        ([], "there is no text to read"),
    ],
)
def test_what_is_not_asked_together_is_said_in_one_sentence(tokbench, made, words, said):
    found = tokbench("encode", made, *words)
    assert found.code == 2
    assert said in found.err


def piped(text, *words, cwd):
    command = [sys.executable, "-m", "tokbench", *words]
    return subprocess.run(
        command,
        input=text,
        capture_output=True,
        text=True,
        cwd=cwd,
        check=False,
    )


def test_what_is_piped_in_is_read(tokbench, made, tmp_path):
    there = piped("the clock", "encode", "made", "--return", "ids", cwd=tmp_path)
    assert there.returncode == 0, there.stderr
    back = piped(there.stdout, "decode", "made", "--skip-special-tokens", cwd=tmp_path)
    assert back.stdout == "the clock\n"
    rows = piped("[4, 5]\n6\n", "decode", "made", cwd=tmp_path)
    assert len([json.loads(line)["text"] for line in rows.stdout.splitlines()]) == 2
    second = piped("told", "encode", "made", "the clock", "--pair", "-", "--return", "ids", cwd=tmp_path)
    assert second.stdout == tokbench("encode", made, "the clock", "--pair", "told", "--return", "ids").out
    wrong = piped("no ids", "decode", "made", cwd=tmp_path)
    assert (wrong.returncode, "stdin, line 1 holds no ids" in wrong.stderr) == (2, True)


def test_files_are_encoded_and_decoded_again(tokbench, corpus, made, tmp_path):
    said = tokbench(
        "encode", made, "--file", corpus, "-o", "ids.npy", "--max-length", 8, "--threads", 2, "-q", "--json"
    )
    assert json.loads(said.out)["engine"] == "library"
    read = ["--file", "ids.npy", "-o", "texts.jsonl"]
    back = tokbench("decode", made, *read, "--skip-special-tokens", "--json")
    assert json.loads(back.out)["texts"] == 80
    assert len((tmp_path / "texts.jsonl").read_text().splitlines()) == 80
    assert tokbench("decode", made, *read).code == 2
    assert tokbench("decode", made, 5, "--file", "ids.npy").code == 2


def test_a_row_of_a_tagged_file_is_shown_with_its_labels(tokbench, made, tmp_path):
    (tmp_path / "a.conll").write_text("the\tO\n\nDew\tB-X\nclockkeeper\tI-X\nfalls\tO\n")
    said = tokbench("encode", made, "--labels", "a.conll", "--row", 2, "--json")
    told = json.loads(said.out)
    spoken = [(unit, label) for unit, label in zip(told["units"], told["labels"], strict=True) if unit]
    assert spoken == [("Dew", "B-X"), ("clockkeeper", "I-X"), ("falls", "O")]
    assert told["label_ids"][0] == -100
    assert told["label_ids"].count(-100) == len(told["ids"]) - 3
    assert "-100" in tokbench("encode", made, "--labels", "a.conll").out
    cut = tokbench("encode", made, "--labels", "a.conll", "--row", 2, "--max-length", 3, "--json")
    assert json.loads(cut.out)["lost"][-1] == "falls"
    assert "no row 3" in tokbench("encode", made, "--labels", "a.conll", "--row", 3).err
