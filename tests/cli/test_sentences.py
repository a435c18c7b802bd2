"""The main job as people type it."""

import json
import subprocess
import sys

import pytest

from tokbench.cli.commands import COMMANDS

TRAINERS = {
    "train-bpe": "bpe",
    "train-wordpiece": "wordpiece",
    "train-unigram": "unigram",
    "train-wordlevel": "wordlevel",
    "train-char": "character",
}
ROOMY = {"train-bpe": 400, "train-unigram": 120}


def train(tokbench, command, corpus, *words):
    size = ROOMY.get(command, 200)
    said = tokbench(command, corpus, "--vocab-size", size, "-q", *words)
    assert said.code == 0, said.err
    return said


@pytest.mark.parametrize("command", TRAINERS)
def test_every_trainer_makes_a_folder_that_encodes_decodes_and_passes_check(command, tokbench, corpus):
    train(tokbench, command, corpus, "-o", "made")
    encoded = json.loads(tokbench("encode", "made", "The slow clock.", "--json").out)
    assert encoded["schema"] == "tokbench/encoded/1"
    back = tokbench("decode", "made", *encoded["ids"], "--skip-special-tokens")
    assert back.code == 0
    if command != "train-wordlevel":
        assert back.out.strip().lower() == "the slow clock."
    checked = tokbench("check", "made", "--json")
    assert checked.code == 0, checked.out


@pytest.mark.parametrize("command", TRAINERS)
def test_training_twice_gives_the_same_bytes(command, tokbench, corpus, tmp_path):
    train(tokbench, command, corpus, "-o", "one")
    train(tokbench, command, corpus, "-o", "two")
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert {"tokenizer.json", "tokenizer_config.json", "tokbench.toml", "tokbench.json"} <= set(files)
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes(), file


def test_the_folder_is_named_after_the_corpus_and_the_algorithm(tokbench, corpus, tmp_path):
    train(tokbench, "train-bpe", corpus)
    assert (tmp_path / "corpus-bpe" / "tokenizer.json").is_file()


def test_a_preset_is_a_recipe_that_build_takes(tokbench, corpus, tmp_path):
    (tmp_path / "recipe.toml").write_text(tokbench("presets", "bert").out, encoding="utf-8")
    said = tokbench("build", "recipe.toml", corpus, "-o", "made", "--set", "vocab_size=200", "-q", "--json")
    assert said.code == 0, said.err
    assert json.loads(said.out)["algorithm"] == "wordpiece"


def test_the_recipe_beside_a_tokenizer_builds_the_same_tokenizer(tokbench, corpus, tmp_path):
    train(tokbench, "train-wordpiece", corpus, "-o", "one")
    assert tokbench("build", "one/tokbench.toml", corpus, "-o", "two", "-q").code == 0
    one, two = ((tmp_path / name / "tokenizer.json").read_bytes() for name in ("one", "two"))
    assert one == two


def test_stdin_is_a_corpus(corpus, tmp_path):
    with corpus_open(tmp_path) as stream:
        done = subprocess.run(
            [sys.executable, "-m", "tokbench", "train-char", "-", "-o", "made", "--json"],
            stdin=stream,
            capture_output=True,
            cwd=tmp_path,
            text=True,
        )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["corpus"]["sources"] == ["stdin"]


def corpus_open(tmp_path):
    return (tmp_path / "corpus.txt").open("rb")


def test_added_tokens_come_out_whole_and_only_as_whole_words(tokbench, corpus):
    train(tokbench, "train-wordpiece", corpus, "-o", "made")
    said = tokbench("add-tokens", "made", "--special", "[E1]", "--token", "covid", "-o", "grown", "--json")
    assert said.code == 0, said.err
    added = json.loads(said.out)["added"]
    assert set(added["special"]) == {"[E1]"}
    assert set(added["regular"]) == {"covid"}
    tokens = json.loads(tokbench("encode", "grown", "[E1] covid covids", "--json").out)["tokens"]
    assert tokens[1:3] == ["[E1]", "covid"]
    assert tokens.count("covid") == 1
    assert tokbench("check", "grown").code == 0


def test_a_bare_tokenizer_json_becomes_a_folder(tokbench, corpus):
    train(tokbench, "train-wordpiece", corpus, "-o", "made")
    said = tokbench("wrap", "made/tokenizer.json", "-o", "wrapped", "--model-max-length", 128, "--json")
    assert said.code == 0, said.err
    info = json.loads(said.out)
    assert info["model_max_length"] == 128
    assert info["special_tokens"]["pad"] == ["[PAD]", 0]
    assert tokbench("check", "wrapped").code == 0


def test_a_pair_has_type_ids(tokbench, corpus):
    train(tokbench, "train-wordpiece", corpus, "-o", "made")
    encoded = json.loads(tokbench("encode", "made", "the clock", "--pair", "a leaf", "--json").out)
    assert set(encoded["type_ids"]) == {0, 1}


@pytest.mark.parametrize(
    "words",
    [("presets",), ("presets", "t5"), ("blocks",), ("tasks",), ("env",), ("check", "--list")],
    ids=" ".join,
)
def test_json_is_one_object_with_its_schema_and_nothing_else_is_on_stdout(words, tokbench):
    said = tokbench(*words, "--json")
    assert said.code == 0
    assert json.loads(said.out)["schema"].startswith("tokbench/")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name, tokbench):
    said = tokbench(name, "--help")
    assert said.code == 0
    assert "Example" in said.out


def test_without_words_the_help_is_shown_and_the_code_is_2(tokbench):
    said = tokbench()
    assert said.code == 2
    assert "train-bpe" in said.out + said.err


def test_completion_offers_commands_and_their_options():
    def offered(words, place):
        done = subprocess.run(
            [sys.executable, "-m", "tokbench"],
            env={"_TOKBENCH_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(place)},
            capture_output=True,
            text=True,
        )
        return done.stdout.split()

    assert "train-bpe" in offered("tokbench tr", 1)
    assert "--vocab-size" in offered("tokbench train-bpe --vo", 2)
