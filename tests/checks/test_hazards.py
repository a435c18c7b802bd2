"""Files on which the library hangs, aborts or eats all memory are findings, and cost honest ones nothing."""

import base64
import subprocess

import pytest

from tokbench.checks.rules import saved_files
from tokbench.checks.run import RULES, check

from .folders import KINDS, clean


def long_replace(files):
    files.raw["normalizer"] = {"type": "Replace", "pattern": {"String": "e"}, "content": "x " * 500_000}


def chained(files):
    each = {"type": "Replace", "pattern": {"String": "e"}, "content": "e" * 10}
    files.raw["normalizer"] = {"type": "Sequence", "normalizers": [each] * 9}


def long_prepend(files):
    files.raw["normalizer"] = {"type": "Prepend", "prepend": "x" * 10_000_000}


def broken_charsmap(files):
    content = base64.b64encode(b"\xff\xff\xff\xff\x00\x00").decode()
    files.raw["normalizer"] = {"type": "Precompiled", "precompiled_charsmap": content}


@pytest.mark.parametrize("damage", [long_replace, chained, long_prepend, broken_charsmap])
def test_a_file_the_library_does_not_survive_is_a_finding(damage, tmp_path, monkeypatch):
    monkeypatch.setattr(saved_files, "SECONDS", 1)
    files = clean("bert")
    damage(files)
    checkup = check(files.write(tmp_path), quick=True)
    (finding,) = checkup.findings
    assert (finding.code, finding.severity) == ("TB500", "error")
    assert checkup.checked == ("TB500",)
    assert len(checkup.skipped) == len(RULES) - 1


@pytest.mark.parametrize("kind", KINDS)
def test_an_honest_file_starts_no_process(kind, tmp_path, monkeypatch):
    monkeypatch.setattr(subprocess, "run", lambda *words, **more: pytest.fail("a process was started"))
    assert saved_files.hazard(clean(kind).write(tmp_path)) == ""


def test_an_odd_file_that_does_no_harm_is_loaded(tmp_path):
    files = clean("bert")
    files.raw["normalizer"] = {"type": "Replace", "pattern": {"String": "ζ"}, "content": "z" * 40}
    checkup = check(files.write(tmp_path), quick=True)
    assert len(checkup.checked) > 20
