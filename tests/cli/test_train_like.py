"""Train like a tokenizer, count like it, sweep like it, and print what it amounts to as a recipe."""

import json
import tomllib

import pytest


@pytest.fixture
def bare(tokbench, corpus, tmp_path):
    """A tokenizer.json that nothing is beside, with a token that was added."""
    assert tokbench("train-wordpiece", corpus, "-v", 90, "-o", "tok", "-q").code == 0
    assert tokbench("add-tokens", "tok", "--token", "COVID", "-o", "grown").code == 0
    file = tmp_path / "bare.json"
    file.write_bytes((tmp_path / "grown" / "tokenizer.json").read_bytes())
    return file


def test_the_command_says_what_was_kept_and_what_was_guessed(tokbench, corpus, bare, tmp_path):
    said = tokbench("train-like", bare, corpus, "-v", 100, "-o", "new", "--json", "-q")
    assert said.code == 0, said.err
    told = json.loads(said.out)
    assert told["special_tokens"] == {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4}
    assert (told["like"]["name"], told["like"]["added"]) == (str(bare), "keep")
    assert told["like"]["guessed"][0] == "trainer.min_frequency 0"
    assert 'added_tokens = [\n    "COVID",\n]' in (tmp_path / "new" / "tokbench.toml").read_text()
    shown = tokbench("train-like", bare, corpus, "-v", 100, "--added", "special", "-o", "special")
    assert "1 token of it: --added special" in shown.out
    assert "COVID" not in (tmp_path / "special" / "tokenizer.json").read_text()


def test_words_counted_like_a_tokenizer_train_one_like_it(tokbench, corpus, bare, tmp_path):
    pytest.importorskip("pyarrow")
    counted = tokbench("count", corpus, "-o", "counts.parquet", "--like", bare)
    assert counted.code == 0, counted.err
    for source, output in (([corpus], "texts"), (["--counts", "counts.parquet"], "counts")):
        assert tokbench("train-like", bare, *source, "-v", 100, "-o", output, "-q").code == 0
    one, two = (tmp_path / name / "tokenizer.json" for name in ("texts", "counts"))
    assert one.read_bytes() == two.read_bytes()


def test_a_recipe_is_printed_of_a_tokenizer_and_builds_it(tokbench, corpus, bare, tmp_path):
    printed = tokbench("presets", "--of", bare)
    assert tomllib.loads(printed.out)["added_tokens"] == ["COVID"]
    assert "added_tokens" not in tomllib.loads(tokbench("presets", "--of", bare, "--added", "drop").out)
    (tmp_path / "recipe.toml").write_text(printed.out, encoding="utf-8")
    assert tokbench("build", "recipe.toml", corpus, "-o", "built", "-q").code == 0
    assert tokbench("train-like", bare, corpus, "-o", "like", "-q").code == 0
    one, two = (tmp_path / name / "tokenizer.json" for name in ("built", "like"))
    assert one.read_bytes() == two.read_bytes()
    both = tokbench("presets", "bert", "--of", bare)
    assert (both.code, "not both" in both.err) == (2, True)


def test_sizes_are_swept_like_a_tokenizer(tokbench, corpus, bare):
    swept = tokbench("sweep", corpus, "--recipe", bare, "--sizes", "80,100", "--json", "-q")
    assert swept.code == 0, swept.err
    assert json.loads(swept.out)["algorithm"] == "wordpiece"
