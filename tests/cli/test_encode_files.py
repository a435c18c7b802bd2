"""encode --file: the library's own ids, in every format, on a pipe or in a file."""

import json
import subprocess
import sys

import numpy as np
import pytest
from tokenizers import Tokenizer


@pytest.fixture
def made(tokbench, corpus, tmp_path):
    said = tokbench("train-wordpiece", corpus, "-o", "made", "-v", 200, "-q")
    assert said.code == 0, said.err
    return Tokenizer.from_file(str(tmp_path / "made" / "tokenizer.json"))


def wanted(tokenizer, corpus, **how):
    return [each.ids for each in tokenizer.encode_batch(corpus.read_text().splitlines(), **how)]


def test_ids_go_to_stdout_as_json_lines(tokbench, corpus, made):
    said = tokbench("encode", "made", "--file", corpus, "-q")
    assert said.code == 0, said.err
    assert [json.loads(line)["ids"] for line in said.out.splitlines()] == wanted(made, corpus)
    plain = tokbench("encode", "made", "--file", corpus, "--no-special-tokens", "-q")
    expected = wanted(made, corpus, add_special_tokens=False)
    assert [json.loads(line)["ids"] for line in plain.out.splitlines()] == expected


@pytest.mark.parametrize("suffix", ["jsonl", "bin", "npy", "arrow"])
def test_ids_go_to_a_file_of_the_kind_its_suffix_names(tokbench, corpus, made, tmp_path, suffix):
    if suffix == "arrow":
        pytest.importorskip("pyarrow")
    said = tokbench("encode", "made", "--file", corpus, "-o", f"ids.{suffix}", "--json", "-q")
    assert said.code == 0, said.err
    told = json.loads(said.out)
    expected = wanted(made, corpus)
    assert (told["schema"], told["format"]) == ("tokbench/encoded-corpus/1", suffix)
    assert (told["texts"], told["tokens"]) == (len(expected), sum(map(len, expected)))
    assert read(tmp_path / f"ids.{suffix}") == expected


def read(path):
    if path.suffix == ".jsonl":
        return [json.loads(line)["ids"] for line in path.read_text().splitlines()]
    if path.suffix == ".arrow":
        import pyarrow

        return pyarrow.ipc.open_stream(path.read_bytes()).read_all()["ids"].to_pylist()
    if path.suffix == ".npy":
        ids, starts = np.load(path), np.load(path.with_suffix(".starts.npy"))
    else:
        ids = np.fromfile(path, "<u2")
        starts = np.fromfile(path.with_suffix(".starts.bin"), "<i8")
    return [part.tolist() for part in np.split(ids, starts[1:-1])]


def test_words_after_file_are_files_too_as_a_shell_writes_a_glob(tokbench, corpus, made, tmp_path):
    (tmp_path / "more.txt").write_text("the clock\n")
    said = tokbench("encode", "made", "--file", corpus, "more.txt", "-o", "ids.jsonl", "-q", "--json")
    assert json.loads(said.out)["texts"] == len(wanted(made, corpus)) + 1


def test_the_engines_write_the_same_bytes(tokbench, corpus, made, tmp_path):
    pytest.importorskip("numba")
    for engine in ("compiled", "library"):
        said = tokbench(
            "encode", "made", "--file", corpus, "-o", f"{engine}.npy", "--engine", engine, "-q", "--json"
        )
        assert json.loads(said.out)["engine"] == engine
    assert (tmp_path / "compiled.npy").read_bytes() == (tmp_path / "library.npy").read_bytes()


def test_a_reader_that_leaves_early_is_no_error(tokbench, corpus, made, tmp_path):
    (tmp_path / "long.txt").write_text(corpus.read_text() * 2000)
    writer = subprocess.Popen(
        [sys.executable, "-m", "tokbench", "encode", "made", "--file", "long.txt", "-q"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert json.loads(writer.stdout.readline())["ids"]
    writer.stdout.close()
    assert writer.wait(60) == 0
    assert writer.stderr.read() == b""
    writer.stderr.close()


WRONG = {
    "nothing to encode": ([], "--file"),
    "a text and an output": (["one", "-o", "ids.npy"], "--file"),
    "a pair of files": (["--file", "corpus.txt", "--pair", "two"], "no file two"),
    "a file that is not there": (["--file", "corpse.txt"], "corpus.txt"),
    "an output without a suffix": (["--file", "corpus.txt", "-o", "ids"], ".jsonl"),
    "a suffix of no format": (["--file", "corpus.txt", "-o", "ids.npz"], "npy"),
    "a format that needs a file": (["--file", "corpus.txt", "--format", "npy"], "-o"),
    "an unknown engine": (["--file", "corpus.txt", "--engine", "compield"], "compiled"),
    "an output that is there": (["--file", "corpus.txt", "-o", "there.jsonl"], "--force"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_asked_wrongly_is_answered_and_nothing_is_written(case, tokbench, made, tmp_path):
    (tmp_path / "there.jsonl").write_text("mine")
    before = sorted(tmp_path.iterdir())
    words, wanted = WRONG[case]
    said = tokbench("encode", "made", *words, "-q")
    assert said.code == 2
    assert wanted in said.err
    assert said.out == ""
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "there.jsonl").read_text() == "mine"


def test_ids_that_the_loops_get_wrong_are_the_librarys_and_stderr_says_so(
    tokbench, corpus, made, tmp_path, monkeypatch
):
    pytest.importorskip("numba")
    from tokbench.native import scanner

    wrong = scanner.WordSplit(scanner.count_abi.RUNS, scanner._whitespace_split_flags)
    monkeypatch.setitem(scanner.PRE_TOKENIZERS, ("BertPreTokenizer",), lambda _: wrong)
    said = tokbench("encode", "made", "--file", corpus, "--engine", "compiled")
    assert [json.loads(line)["ids"] for line in said.out.splitlines()] == wanted(made, corpus)
    assert "the library did this: the compiled loops and the library do not agree on" in said.err
    told = tokbench("encode", "made", "--file", corpus, "-o", "i.npy", "--engine", "compiled", "--json")
    assert json.loads(told.out)["engine"] == "library"
    assert "do not agree" in json.loads(told.out)["why"]
    assert "do not agree" in told.err
