"""Growing as people type it: words in, a plan or a folder out."""

import json
import shutil
import sys

import pytest
import torch
import transformers

from tokbench.io.quiet import quiet
from tokbench.pretrained.folder import load


@pytest.fixture
def pair(tokbench, corpus, tmp_path):
    """A tokenizer `tok` and a random BERT `model` that fits it, with 10 spare rows."""
    torch.set_num_threads(1)
    made = tokbench("train-wordpiece", corpus, "-o", "tok", "--vocab-size", 200, "-q")
    assert made.code == 0, made.err
    rows = load(tmp_path / "tok").tokenizer.get_vocab_size() + 10
    torch.manual_seed(7)
    config = transformers.BertConfig(
        vocab_size=rows, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=512, pad_token_id=load(tmp_path / "tok").tokenizer.token_to_id("[PAD]"),
    )  # fmt: skip
    with quiet():
        transformers.BertForMaskedLM(config).save_pretrained(tmp_path / "model")
    return rows


def everything(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def told(said):
    assert said.code == 0, said.err
    return json.loads(said.out)


def test_a_dry_run_shows_the_plan_and_writes_nothing(tokbench, pair, tmp_path):
    before = everything(tmp_path)
    found = told(
        tokbench("add-tokens", "tok", "--special", "[E1]", "--model", "model", "--dry-run", "--json")
    )
    assert found["dry"] is True
    assert found["plan"]["size"] == found["plan"]["rows_before"] == pair
    assert found["memory"]["before"] == found["memory"]["after"] > 0
    said = tokbench("add-tokens", "tok", "--special", "[E1]", "--model", "model", "--dry-run")
    assert "no resize was needed" in said.out
    assert "1 used, 9 left" in said.out
    assert everything(tmp_path) == before


def test_what_a_dry_run_shows_is_what_the_act_does(tokbench, pair):
    words = ("add-tokens", "tok", "--token", "angioplasty", "--model", "model", "--pad-to-multiple-of", 64)
    dry = told(tokbench(*words, "--shrink", "--dry-run", "--json"))
    done = told(tokbench(*words, "--shrink", "-o", "grown", "--json"))
    assert (dry["plan"], dry["memory"]) == (done["plan"], done["memory"])
    assert done["proof"]["largest_difference"] == done["proof"]["old_columns"] == 0.0
    assert done["proof"]["as_old"] == done["proof"]["new_texts"] == 1
    assert done["proof"]["texts"] > 0
    assert tokbench("check", "grown").code == 0


def test_everything_at_once(tokbench, pair, tmp_path):
    (tmp_path / "tokens.json").write_text(
        json.dumps(
            [
                "angioplasty",
                {"content": "hot dog", "single_word": False},
                {"content": "[E1]", "special": True},
            ]
        )
    )
    (tmp_path / "sample.txt").write_text("the angioplasty\na hot dog\nthe clock\n")
    found = told(
        tokbench(
            "add-tokens", "tok", "--token-file", "tokens.json", "--token", "covid", "--role", "cls=[CLS2]",
            "--description", "covid=the slow truth", "--start", "normal", "--seed", 3, "--model", "model",
            "--sample", "sample.txt", "-o", "grown", "--json",
        )
    )  # fmt: skip
    assert set(found["added"]["special"]) == {"[E1]", "[CLS2]"}
    assert set(found["added"]["regular"]) == {"covid", "angioplasty", "hot dog"}
    assert [each["word"] for each in found["changed"]["words"]] == ["angioplasty", "hot dog"]
    assert found["resized"]["initializer"] == "normal"
    [move] = found["added"]["roles"]
    assert (move["role"], move["token"], move["template"]) == ("cls", "[CLS2]", True)
    tokens = told(tokbench("encode", "grown", "covid", "--json"))["tokens"]
    assert tokens[:2] == ["[CLS2]", "covid"]


def test_the_window_says_what_moved_and_what_changed(tokbench, pair, tmp_path):
    (tmp_path / "sample.txt").write_text("the angioplasty\n")
    said = tokbench(
        "add-tokens", "tok", "--token", "angioplasty", "--role", "cls=[CLS2]", "--token", "the",
        "--model", "model", "--sample", "sample.txt", "-o", "grown",
    )  # fmt: skip
    assert said.code == 0, said.err
    for words in (
        "role cls",
        "[CLS2]",
        "the template follows",
        "already there\tthe",
        "1 of 1 text",
        "weights",
    ):
        assert words in said.out


def test_a_model_is_fitted_to_a_tokenizer_that_is_already_right(tokbench, pair, tmp_path):
    assert tokbench("add-tokens", "tok", "--token", "covid", "--special", "[E1]", "-o", "more").code == 0
    found = told(tokbench("resize", "model", "--tokenizer", "more", "-o", "fitted", "--json"))
    assert found["plan"]["size"] == pair
    assert found["added"]["regular"] == {}  # the spare rows were enough, and nobody knows which are new
    assert load(tmp_path / "fitted").tokenizer.token_to_id("covid") is not None
    shrunk = told(tokbench("resize", "model", "--tokenizer", "more", "-o", "small", "--shrink", "--json"))
    assert shrunk["plan"]["size"] == load(tmp_path / "more").tokenizer.get_vocab_size()
    assert tokbench("check", "small").code == 0


def test_rows_beyond_the_old_ones_start_from_their_pieces(tokbench, pair, tmp_path):
    (tmp_path / "many.txt").write_text(
        "\n".join(f"{word}{end}" for word in ("keeper", "clock") for end in "abcdefghilmnors")
    )
    more = told(tokbench("add-tokens", "tok", "--token-file", "many.txt", "-o", "more", "--json"))
    found = told(tokbench("resize", "model", "--tokenizer", "more", "-o", "fitted", "--json"))
    assert len(found["added"]["regular"]) == len(more["added"]["regular"]) - 10  # ten had a spare row
    assert all(found["added"]["pieces"].values())
    assert found["proof"]["largest_difference"] == 0.0


def test_no_resize_is_a_result_too(tokbench, pair):
    said = tokbench("resize", "model", "--tokenizer", "tok", "-o", "same")
    assert said.code == 0
    assert "no resize was needed" in said.out


def test_a_config_is_shown_and_set(tokbench, pair, tmp_path):
    said = tokbench("config", "show", "model")
    assert said.code == 0
    assert "must not: the weights have this shape" in said.out
    found = told(tokbench("config", "set", "model", "hidden_dropout_prob=0.2", "-o", "copy", "--json"))
    assert found["changed"] == {"hidden_dropout_prob": [0.1, 0.2]}
    assert tokbench("config", "set", "copy", "hidden_dropout_prob=0.3", "--in-place").code == 0
    keys = told(tokbench("config", "show", "copy", "hidden_dropout_prob", "--json"))["keys"]
    assert [key["value"] for key in keys] == [0.3]


WRONG = {
    "no output": (["add-tokens", "tok", "--token", "x"], "--dry-run"),
    "nothing to add": (["add-tokens", "tok", "-o", "out"], "no tokens were given"),
    "an unknown role": (["add-tokens", "tok", "--role", "clz=[X]", "-o", "out"], "cls"),
    "a role without a token": (["add-tokens", "tok", "--role", "cls", "-o", "out"], "cls=[CLS2]"),
    "equal tokens": (
        ["add-tokens", "tok", "--token", "HIV", "--token", "hiv", "-o", "out"],
        "one token here",
    ),
    "an unknown start": (
        ["add-tokens", "tok", "--token", "x1", "--model", "model", "--start", "piece", "-o", "out"],
        "did you mean pieces?",
    ),
    "a stranger described": (
        ["add-tokens", "tok", "--token", "x1", "--description", "x2=y", "--model", "model", "--dry-run"],
        "x2 is described",
    ),
    "a sample that is not there": (
        ["add-tokens", "tok", "--token", "x1", "--sample", "nowhere.txt", "-o", "out"],
        "nowhere.txt",
    ),
    "a list that is none": (["add-tokens", "tok", "--token-file", "bad.json", "-o", "out"], "bad.json"),
    "a model without safetensors": (
        ["add-tokens", "tok", "--token", "x1", "--model", "pickled", "-o", "out"],
        "pytorch_model.bin",
    ),
    "resize without a tokenizer": (["resize", "model", "-o", "out"], "--tokenizer"),
    "resize to nowhere": (["resize", "model", "--tokenizer", "tok"], "--dry-run"),
    "an unknown word after config": (["config", "shwo", "model"], "show"),
    "config without a place": (["config", "set", "model", "use_cache=false"], "--in-place"),
    "config with two places": (
        ["config", "set", "model", "use_cache=false", "--in-place", "-o", "out"],
        "--in-place",
    ),
    "a key that must not change": (
        ["config", "set", "model", "num_hidden_layers=2", "-o", "out"],
        "must not change",
    ),
    "a key nearly right": (
        ["config", "set", "model", "hidden_droput_prob=0.2", "-o", "out"],
        "hidden_dropout_prob",
    ),
    "config of nothing": (["config", "show", "./nowhere"], "nowhere"),
}


def test_bad_input_is_one_sentence_and_nothing_is_written(tokbench, pair, tmp_path):
    (tmp_path / "bad.json").write_text('[{"content": 1}]')
    (tmp_path / "pickled").mkdir()
    (tmp_path / "pickled" / "config.json").write_text('{"model_type": "bert"}')
    (tmp_path / "pickled" / "pytorch_model.bin").write_bytes(b"x")
    before = everything(tmp_path)
    for case, (words, wanted) in WRONG.items():
        said = tokbench(*words)
        assert said.code == 2, (case, said)
        assert wanted in said.err, (case, said.err)
        assert "Traceback" not in said.err, case
        assert said.out == "", case
        assert everything(tmp_path) == before, case


def test_code_in_a_model_s_folder_runs_only_when_that_is_said(tokbench, pair, tmp_path, monkeypatch):
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "model" / "modeling_own.py").write_text(OWN)
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    config |= {"auto_map": {"AutoModelForMaskedLM": "modeling_own.OwnModel"}, "architectures": ["OwnModel"]}
    (tmp_path / "model" / "config.json").write_text(json.dumps(config))
    words = ("add-tokens", "tok", "--token", "covid", "--model", "model", "--json")
    assert tokbench(*words, "-o", "one").code == 0
    assert not (tmp_path / "ran").exists()
    said = tokbench(*words, "-o", "two", "--trust-remote-code")
    assert said.code == 0, said.err
    assert (tmp_path / "ran").exists()
    assert json.loads((tmp_path / "two" / "config.json").read_text())["architectures"] == ["OwnModel"]
    assert (tmp_path / "two" / "modeling_own.py").exists()


OWN = """
from pathlib import Path
from transformers import BertForMaskedLM
Path("ran").touch()


class OwnModel(BertForMaskedLM):
    pass
"""


def test_the_model_of_another_tokenizer_is_refused_with_what_helps(tokbench, pair, tmp_path):
    raw = json.loads((tmp_path / "tok" / "tokenizer.json").read_text())
    for path in (tmp_path / "tok").iterdir():
        shutil.copyfile(path, tmp_path / "model" / path.name)
    vocab = raw["model"]["vocab"]
    first, second = list(vocab)[-2:]
    vocab[first], vocab[second] = vocab[second], vocab[first]
    (tmp_path / "tok" / "tokenizer.json").write_text(json.dumps(raw))
    words = ("add-tokens", "tok", "--token", "zzq", "--model", "model", "-o", "grown")
    said = tokbench(*words)
    assert said.code == 2
    assert "TB452" in said.err
    assert "--force-ids" in said.err
    assert not (tmp_path / "grown").exists()
    assert tokbench(*words, "--force-ids").code == 0


def test_unused_tokens_are_taken_when_that_is_said(tokbench, pair, tmp_path):
    raw = json.loads((tmp_path / "tok" / "tokenizer.json").read_text())
    last = list(raw["model"]["vocab"])[-1]
    raw["model"]["vocab"]["[unused7]"] = raw["model"]["vocab"].pop(last)
    (tmp_path / "tok" / "tokenizer.json").write_text(json.dumps(raw))
    said = tokbench("add-tokens", "tok", "--token", "zzq", "--model", "model", "--use-unused", "-o", "grown")
    assert said.code == 0
    assert "zzq has that of [unused7]" in said.out
    assert "no resize was needed" in said.out


def test_the_proof_is_shown(tokbench, pair):
    said = tokbench("add-tokens", "tok", "--special", "[E1]", "--model", "model", "-o", "grown")
    assert "1 of 1 tried are read as old ids" in said.out
    assert "largest difference 0" in said.out


def test_a_vocabulary_that_a_class_has_not_names_those_it_has(tokbench, pair):
    said = tokbench(
        "add-tokens", "tok", "--token", "zzq", "--model", "model", "--vocabulary", "vocab_sise", "-o", "grown"
    )
    assert said.code == 2
    assert "did you mean vocab_size?" in said.err
