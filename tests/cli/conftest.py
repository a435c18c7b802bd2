"""A person at a terminal: words in, exit code and what was said out."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from tokbench.__main__ import main

ENGLISH = [
    "The lighthouse keeper had two clocks, and only one of them told the truth.",
    "Dew does not fall; it forms where the night has cooled a leaf.",
    "Nobody visited often, and the boat came once in a month.",
    "She set the slow clock back again, twelve minutes instead of eleven.",
] * 20


@dataclass(frozen=True)
class Said:
    """What one command gave."""

    code: int
    out: str
    err: str


@pytest.fixture
def tokbench(tmp_path, monkeypatch, capfd):
    """Run a sentence in an empty folder: tokbench("train-bpe", "corpus.txt")."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        capfd.readouterr()
        code = main([str(word) for word in words])
        said = capfd.readouterr()
        return Said(code, said.out, said.err)

    return run


@pytest.fixture
def corpus(tmp_path):
    """A small corpus file in the current folder."""
    path = tmp_path / "corpus.txt"
    path.write_text("\n".join(ENGLISH) + "\n", encoding="utf-8")
    return Path("corpus.txt")
