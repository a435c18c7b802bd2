"""Count once, train often: the same tokenizer as from the texts, and a clear answer where that cannot be."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("pyarrow")

RECIPES = {
    "bpe": (["train-bpe"], []),
    "gpt2": (["train-bpe", "--preset", "gpt2"], ["--like", "gpt2"]),
    "llama3": (["train-bpe", "--preset", "llama3"], ["--preset", "llama3"]),
    "wordpiece": (["train-wordpiece"], ["--like", "wordpiece"]),
    "cased": (["train-wordpiece", "--cased"], ["--like", "wordpiece", "--cased"]),
    "korean": (["train-wordpiece", "--preset", "korean"], ["--like", "korean"]),
}


def counted(tokbench, corpus, *words):
    said = tokbench("count", corpus, "-o", "counts.parquet", "-q", "--json", *words)
    assert said.code == 0, said.err
    return json.loads(said.out)


@pytest.mark.parametrize("name", RECIPES)
def test_counts_train_the_same_tokenizer_as_the_corpus_in_every_size(name, tokbench, corpus, tmp_path):
    train, like = RECIPES[name]
    counts = counted(tokbench, corpus, *like)
    for size in (300, 400):
        options = ["--vocab-size", size, "--min-frequency", 1, "--special", "<x>", "-q", "--force"]
        assert tokbench(*train, corpus, "-o", "texts", *options).code == 0
        said = tokbench(*train, "--counts", "counts.parquet", "-o", "counts", *options, "--json")
        assert said.code == 0, said.err
        for file in ("tokenizer.json", "tokenizer_config.json", "tokbench.toml"):
            one, two = (tmp_path / folder / file for folder in ("texts", "counts"))
            assert one.read_bytes() == two.read_bytes(), file
    told = json.loads(said.out)["counts"]
    assert told == {"fingerprint": counts["fingerprint"], "words": counts["words"], "min_count": 1}
    records = [
        json.loads((tmp_path / folder / "tokbench.json").read_text()) for folder in ("texts", "counts")
    ]
    assert records[1].pop("counts") == told
    assert records[0]["corpus"].pop("sha256")
    assert records[0] == records[1]


def test_a_recipe_in_a_file_is_counted_for_and_built_from_counts(tokbench, corpus, tmp_path):
    (tmp_path / "recipe.toml").write_text(tokbench("presets", "bert").out, encoding="utf-8")
    counted(tokbench, corpus, "--like", "recipe.toml")
    options = ("--set", "vocab_size=200", "-q")
    assert tokbench("build", "recipe.toml", corpus, "-o", "texts", *options).code == 0
    assert tokbench("build", "recipe.toml", "--counts", "counts.parquet", "-o", "counts", *options).code == 0
    one, two = (tmp_path / folder / "tokenizer.json" for folder in ("texts", "counts"))
    assert one.read_bytes() == two.read_bytes()


def test_the_learner_in_python_learns_the_same_from_counts(tokbench, corpus, tmp_path):
    counted(tokbench, corpus)
    options = ["--counts", "counts.parquet", "--vocab-size", 400, "-q", "--json"]
    assert json.loads(tokbench("train-bpe", *options, "-o", "one").out)["engine"] in ("compiled", "python")
    library = json.loads(tokbench("train-bpe", *options, "-o", "two", "--engine", "library").out)
    assert (library["engine"], library["why"]) == ("python", "it was asked for")
    one, two = (tmp_path / folder / "tokenizer.json" for folder in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()


def test_the_folder_is_named_after_the_counts(tokbench, corpus, tmp_path):
    counted(tokbench, corpus)
    assert tokbench("train-bpe", "--counts", "counts.parquet", "-v", 300, "-q").code == 0
    assert (tmp_path / "counts-bpe" / "tokenizer.json").is_file()


def test_words_left_out_are_said_when_counting_and_when_training(tokbench, corpus):
    counts = counted(tokbench, corpus, "--min-count", 25)
    assert counts["min_count"] == 25
    said = tokbench("count", corpus, "-o", "counts.parquet", "-q", "--force", "--min-count", 25)
    assert "fewer than 25 times" in said.out
    said = tokbench("train-bpe", "--counts", "counts.parquet", "-v", 300, "-q")
    assert said.code == 0, said.err
    assert "fewer than 25 times" in said.out
    assert json.loads(Path("counts-bpe/tokbench.json").read_text())["counts"]["min_count"] == 25


def test_counts_without_a_word_train_nothing(tokbench, corpus):
    assert counted(tokbench, corpus, "--min-count", 10_000)["words"] == 0
    said = tokbench("train-bpe", "--counts", "counts.parquet", "-q")
    assert said.code == 2
    assert "--min-count" in said.err


def test_counts_of_other_words_are_refused_with_the_command_that_counts_these(tokbench, corpus):
    counted(tokbench, corpus)
    said = tokbench("train-wordpiece", "--cased", "--counts", "counts.parquet", "-q")
    assert said.code == 2
    assert "normalizer null" in said.err
    assert "--like wordpiece --cased" in said.err
    words = said.err.partition("Hint:")[2].split()[1:]
    assert words[:2] == ["count", "CORPUS"]
    again = [str(corpus) if word == "CORPUS" else word for word in words]
    assert tokbench(*again, "--force", "-q").code == 0
    said = tokbench("train-wordpiece", "--cased", "--counts", "counts.parquet", "-q", "-v", 200)
    assert said.code == 0, said.err


WRONG = {
    "nothing to train on": (["train-bpe"], "--counts"),
    "a corpus and counts": (
        ["train-bpe", "corpus.txt", "--counts", "counts.parquet"],
        "give either a corpus or --counts, not both",
    ),
    "a column of counts": (["train-bpe", "--counts", "counts.parquet", "-c", "text"], "--column"),
    "counts that are texts": (["train-bpe", "--counts", "corpus.txt"], "not parquet"),
    "counts that are not there": (["train-bpe", "--counts", "count.parquet"], "count.parquet"),
    "an algorithm that reads texts": (["build", "unigram.toml", "--counts", "counts.parquet"], "unigram"),
    "an output that is taken": (
        ["train-bpe", "--counts", "counts.parquet", "-o", "corpus.txt"],
        "corpus.txt",
    ),
    "an unknown recipe": (["count", "corpus.txt", "-o", "x.parquet", "--like", "gpt"], "gpt2"),
    "an unknown engine": (["count", "corpus.txt", "-o", "x.parquet", "--engine", "dusk"], "dask"),
    "a scheduler without dask": (
        ["count", "corpus.txt", "-o", "x.parquet", "--scheduler", "tcp://h:1"],
        "dask",
    ),
    "workers of a scheduler": (
        ["count", "corpus.txt", "-o", "x", "--engine", "dask", "--scheduler", "tcp://h:1", "--workers", "2"],
        "--workers",
    ),
    "no workers": (["count", "corpus.txt", "-o", "x.parquet", "--workers", "0"], "workers"),
    "a size that is none": (["count", "corpus.txt", "-o", "x.parquet", "--memory", "much"], "512MB"),
    "too little memory": (["count", "corpus.txt", "-o", "x.parquet", "--memory", "1MB"], "16,777,216"),
    "counts that are there": (["count", "corpus.txt", "-o", "counts.parquet"], "--force"),
    "counts in the place of a text": (["count", "corpus.txt", "-o", "corpus.txt", "--force"], "corpus.txt"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_asked_wrongly_is_answered_and_nothing_is_written(case, tokbench, corpus, tmp_path):
    counted(tokbench, corpus)
    (tmp_path / "unigram.toml").write_text('algorithm = "unigram"\n')
    before = sorted(tmp_path.iterdir())
    words, wanted = WRONG[case]
    said = tokbench(*words, "-q")
    assert said.code == 2
    assert wanted in said.err
    assert sorted(tmp_path.iterdir()) == before


def test_every_engine_counts_to_the_same_bytes(tokbench, corpus, tmp_path):
    pytest.importorskip("numba")
    for engine in ("compiled", "library"):
        said = tokbench("count", corpus, "-o", f"{engine}.parquet", "--engine", engine, "-q", "--json")
        assert json.loads(said.out)["engine"] == engine
    one, two = (tmp_path / f"{engine}.parquet" for engine in ("compiled", "library"))
    assert one.read_bytes() == two.read_bytes()


@pytest.mark.slow
def test_dask_counts_to_the_same_bytes(tokbench, corpus, tmp_path):
    pytest.importorskip("distributed")
    counted(tokbench, corpus)
    run = [
        sys.executable,
        "-m",
        "tokbench",
        "count",
        corpus,
        "-o",
        "dask.parquet",
        "--engine",
        "dask",
        "--json",
    ]
    done = subprocess.run(run, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["engine"] == "dask"
    assert (tmp_path / "dask.parquet").read_bytes() == (tmp_path / "counts.parquet").read_bytes()
