"""One look for a chip wherever it is drawn, one stop of Tab for a strip; lengths saved in a tokenizer."""

import json
import re

import pytest
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

from tokbench.encoding.encode import encode, trace
from tokbench.pretrained.folder import load
from tokbench.pretrained.info import info
from tokbench.reporting.elements import MOST_POINTS, Chips, Curve, plain
from tokbench.reporting.html import Section, page
from tokbench.reporting.playground import _answer
from tokbench.reporting.views import look

REGEX = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


@pytest.fixture
def folder(tmp_path):
    words = {"[UNK]": 0, "[PAD]": 1, "see": 2, "now": 3}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens([AddedToken("[E1]", special=True), AddedToken("[UNK]", special=True)])
    tokenizer.enable_padding(length=128, pad_id=1, pad_token="[PAD]")
    tokenizer.enable_truncation(64)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    return load(tmp_path)


def test_what_is_special_and_what_is_unknown_looks_so_in_every_strip(folder):
    kinds = ["", "special", "unknown", ""]
    [strip] = [part for part in look.encoded(encode(folder, "see [E1] blue now")) if isinstance(part, Chips)]
    assert [kind for _, kind in strip.tokens] == kinds
    told = _answer({"mine": folder}, "mine", "see [E1] blue now")
    assert [each["kind"] for each in told["tokens"]] == kinds
    drawn = page("chips", [Section("chips", [strip])])
    assert re.findall(r'class="chip (\w*)"', drawn) == kinds


def test_a_strip_of_chips_is_one_stop_of_tab(folder):
    [strip] = [part for part in look.encoded(encode(folder, "see now " * 64)) if isinstance(part, Chips)]
    drawn = page("chips", [Section("chips", [strip, strip])])
    stops = re.findall(r'tabindex="(-?\d)" class="chip', drawn)
    assert len(stops) == 256
    assert stops.count("0") == 2


def test_saved_lengths_are_left_out_by_all_and_said_by_all(folder, tokbench_words):
    said = (
        "padding to 128 tokens with [PAD] and truncation to 64 tokens, left to the call as transformers does"
    )
    assert info(folder).saved_lengths == said
    assert ("saved", said) in next(iter(look.info(info(folder)))).rows
    text = "see now " * 50
    traced = trace(folder, text)
    assert traced.ids == encode(folder, text).ids
    assert len(traced.ids) == 100
    assert f"saved in it: {said}" in traced.notes
    assert f"saved in it: {said}" in trace(folder, "see", pair="now").notes
    assert said in tokbench_words("encode", str(folder.path), "see")


@pytest.fixture
def tokbench_words(capfd):
    from tokbench.__main__ import main

    def run(*words):
        assert main(list(words)) == 0
        return capfd.readouterr().err

    return run


def test_a_regex_is_shown_whole(folder, tmp_path):
    raw = json.loads((folder.path / "tokenizer.json").read_text())
    raw["pre_tokenizer"] = {
        "type": "Split",
        "pattern": {"Regex": REGEX},
        "behavior": "Isolated",
        "invert": False,
    }
    (tmp_path / "other.json").write_text(json.dumps(raw))
    assert repr({"Regex": REGEX}) in info(tmp_path / "other.json").pre_tokenizers[0]


def test_a_pipe_gets_few_points_and_of_many_their_number():
    few = Curve("use", "x", "y", [("a", [(x, x) for x in range(MOST_POINTS)])])
    many = Curve("use", "x", "y", [("a", [(x, x) for x in range(MOST_POINTS)]), ("b", [(1, 1)])])
    assert len(plain(few).splitlines()) == MOST_POINTS + 1
    assert plain(many) == f"use: a {MOST_POINTS}, b 1 points; --json has them"
