"""What a user hears of a cache that cannot be used, and of a compiler that cannot be imported."""

import json
import os

import pytest

from tokbench.io import cache


@pytest.fixture
def no_cache(tmp_path, monkeypatch):
    """A file where the cache would be, for the tables of a split that no other test loads."""
    from tokbench.native import scanner
    from tokbench.native.compiler import load_kernels

    load_kernels(["count", "learn"])  # which take long to compile, and are not what is missed here
    (tmp_path / "cache").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "TROUBLES", {})
    remembered = [each for each in vars(scanner).values() if hasattr(each, "cache_clear")]
    for each in remembered:
        each.cache_clear()
    yield
    for each in remembered:
        each.cache_clear()


@pytest.mark.usefixtures("no_cache")
def test_a_cache_that_cannot_be_written_is_said_once_and_not_when_it_shall_be_quiet(tokbench, corpus):
    words = ("train-wordpiece", corpus, "-v", "200", "--engine", "compiled", "-o")
    said = tokbench(*words, "tok")
    assert said.code == 0
    assert said.err.count("every run makes anew what the cache could keep") == 1
    assert tokbench(*words, "other", "-q").err == ""


def test_env_says_of_a_compiler_that_cannot_be_imported_what_is_wrong(tokbench, tmp_path, monkeypatch):
    (tmp_path / "numba.py").write_text("raise ImportError('Numba needs NumPy 2.4 or less')\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    told = json.loads(tokbench("env", "--json").out)["packages"]["numba"]
    assert told.endswith("cannot be imported: ImportError: Numba needs NumPy 2.4 or less")
