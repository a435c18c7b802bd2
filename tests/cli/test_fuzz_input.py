"""Bad words in every place of every command: an answer in a sentence, never our bug, and nothing written.

FUZZ_SECONDS=600 tries for that long, FUZZ_SEED begins elsewhere; the default run takes some seconds.
"""

import inspect
import os
import pickle
import random
import time
from importlib import import_module
from pathlib import Path
from typing import get_args

import pytest

from tests.cli.conftest import ENGLISH
from tokbench.__main__ import main
from tokbench.cli.commands import COMMANDS

SECONDS = float(os.environ.get("FUZZ_SECONDS", "4"))
SEED = int(os.environ.get("FUZZ_SEED", "0"))
LEFT_OUT = {"playground": "it serves until it is stopped", "demo": "it trains for a minute"}
BAD = (
    "", " ", "-", "--", "nowhere", "./nowhere/x", "/dev/null", "/proc/self/mem", "x" * 10_000, "\udcff",
    "-1", "0", "1", "2", "1e999", "NaN", "9" * 40, "한", "\x1b[31m", "\u202e", "a=b", "=", "==", "[", "*",
    "**", "{", '{"a":', "tok", "corpus.txt", "binary.bin", "empty.txt", "folder", "p.pkl", "table.csv",
    "broken.json", "deep.json", "list.json", "dangling", "loop", "broken-tok", "a" * 300 + ".txt", "bert",
    "tiktoken:", "true", "null", "0:1", "5:2",
)  # fmt: skip


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("corpus.txt").write_text("\n".join(ENGLISH))
    assert main(["train-bpe", "corpus.txt", "-v", "300", "-o", "tok", "-q"]) == 0
    chance = random.Random(1)
    Path("binary.bin").write_bytes(chance.randbytes(4_000))
    Path("empty.txt").touch()
    Path("folder").mkdir()
    Path("p.pkl").write_bytes(pickle.dumps(["text"] * 90))
    Path("table.csv").write_text("body,stars\nfine,5\n")
    Path("broken.json").write_text('{"model": {"type": "BPE", ')
    Path("deep.json").write_text("[" * 100_000)
    Path("list.json").write_text("[1, 2]")
    Path("dangling").symlink_to("gone")
    Path("loop").symlink_to("loop")
    Path("broken-tok").mkdir()
    Path("broken-tok/tokenizer.json").write_text(
        '{"model": {"type": "BPE", "vocab": {"a": -1}, "merges": [1]}}'
    )
    return tmp_path


def sentences(chance):
    """Command lines without end: a command, and some of its arguments and options, with bad values."""
    while True:
        name = chance.choice([each for each in COMMANDS if each not in LEFT_OUT])
        module, called = COMMANDS[name].place.split(":")
        function = getattr(import_module(f"tokbench.cli.{module}"), called)
        words = [name]
        for each in inspect.signature(function, eval_str=True).parameters.values():
            kind, *said = get_args(each.annotation) or (str, None)
            option = next((one for one in said if hasattr(one, "param_decls")), None)
            is_option = type(option).__name__ == "OptionInfo"
            if chance.random() > (0.2 if is_option else 0.9):
                continue
            if is_option:
                declared = [one for one in option.param_decls or () if one.startswith("--")]
                words.append((declared or [f"--{each.name.replace('_', '-')}"])[0].partition("/")[0])
            if kind is not bool:
                words.append(chance.choice(BAD))
        yield words


def everything(place):
    return {
        path: path.is_symlink() or path.is_dir() or path.read_bytes() for path in sorted(place.rglob("*"))
    }


def test_bad_words_in_any_place_are_answered_and_nothing_is_written(place, monkeypatch, capfd):
    before, until, tried = everything(place), time.monotonic() + SECONDS, 0
    for words in sentences(random.Random(SEED)):
        if time.monotonic() > until and tried >= 20:
            break
        tried += 1
        with open(os.devnull) as nothing:  # noqa: PTH123
            monkeypatch.setattr("sys.stdin", nothing)
            code = main(words)
        said = capfd.readouterr()
        shown = [word[:60] for word in words]
        assert code in (0, 1, 2), f"{shown}: {code}\n{said.err[-1500:]}"
        assert "Traceback" not in said.err, shown
        assert "\x1b" not in said.err, shown
        if code:
            assert len(said.err) < 6_000, f"{shown}: {len(said.err)} characters"
            assert everything(place) == before, shown
        elif everything(place) != before:
            for path in sorted(set(place.rglob("*")) - set(before), reverse=True):
                path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
            before = everything(place)
    assert tried >= 20
