"""The five train commands are rows of one table: each trains its recipe, and takes what does something."""

import json

import pytest

import tokbench as tb

TEXTS = ["the cat sat on the mat, 42 times!", "The cats sat", "a cat is not a mat"] * 9
COMMANDS = {
    "bpe": "bpe",
    "wordpiece": "wordpiece",
    "unigram": "unigram",
    "wordlevel": "wordlevel",
    "char": "character",
}
MORE = {
    "bpe": [(["--min-frequency", "3"], {"trainer": {"min_frequency": 3}}), (["--preset", "gpt2"], "gpt2")],
    "wordpiece": [(["--cased"], {"cased": True}), (["--preset", "bert", "--cased"], "bert")],
    "unigram": [(["--set", "trainer.max_piece_length=3"], {"trainer": {"max_piece_length": 3}})],
    "wordlevel": [(["--min-frequency", "5"], {"trainer": {"min_frequency": 5}})],
    "char": [(["--special", "[E1]", "--special", "[E2]"], {"special": ["[E1]", "[E2]"]})],
}


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "corpus.txt").write_text("\n".join(TEXTS) + "\n", encoding="utf-8")
    return "corpus.txt"


def run(*words):
    from tokbench.__main__ import main

    return main(list(words))


@pytest.mark.parametrize(("name", "at"), [(name, at) for name in COMMANDS for at in (None, 0, 1)])
def test_a_train_command_trains_its_recipe_with_its_choices(name, at, corpus, capsys):
    several = MORE[name]
    words, chosen = ([], {}) if at is None else several[min(at, len(several) - 1)]
    recipe, how = (
        (chosen, {"cased": "--cased" in words}) if isinstance(chosen, str) else (COMMANDS[name], chosen)
    )
    assert run(f"train-{name}", corpus, "-o", "tok", "-v", "300", "--json", *words) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["sha256"] == tb.train(TEXTS, recipe, vocab_size=300, **how).sha256
    assert told["path"] == "tok"


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("bpe", "--cased"),
        ("unigram", "--min-frequency=2"),
        ("unigram", "--counts=c.parquet"),
        ("wordlevel", "--preset=bert"),
        ("wordlevel", "--engine=library"),
        ("char", "--min-frequency=2"),
        ("char", "--counts=c.parquet"),
    ],
)
def test_an_option_that_would_do_nothing_is_not_there(name, option, corpus, capsys):
    assert run(f"train-{name}", corpus, option) == 2
    assert "has no option" in capsys.readouterr().err


def test_a_corpus_may_be_missing_only_where_counts_stand_in(corpus, capsys):
    pytest.importorskip("pyarrow")
    assert run("count", corpus, "-o", "c.parquet", "--like", "wordpiece") == 0
    assert run("train-wordpiece", "--counts", "c.parquet", "-v", "60", "-o", "tok") == 0
    capsys.readouterr()
    assert run("train-char") == 2
    assert "CORPUS" in capsys.readouterr().err.upper()
