"""What is installed elsewhere works there: texts, templates and types travel in the wheel."""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder with the wheel and the sdist that this tree makes."""
    pytest.importorskip("hatchling")
    place = tmp_path_factory.mktemp("dist")
    run = [sys.executable, "-m", "hatchling", "build", "-d", str(place)]
    subprocess.run(run, cwd=ROOT, check=True, capture_output=True)
    return place


@pytest.fixture(scope="module")
def elsewhere(built, tmp_path_factory):
    """A function that runs the installed tokbench in a folder far from this tree."""
    place = tmp_path_factory.mktemp("installed")
    [wheel] = built.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(place / "site")
    environment = {**os.environ, "PYTHONPATH": str(place / "site"), "TERM": "dumb"}

    def run(*words):
        code = (
            "import sys, tokbench; from tokbench.__main__ import main;"
            f"assert tokbench.__file__.startswith({str(place)!r}), tokbench.__file__;"
            "sys.exit(main(sys.argv[1:]))"
        )
        done = subprocess.run(
            [sys.executable, "-P", "-c", code, *words],
            cwd=place,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return place

    return run


def test_an_installed_tokbench_does_the_whole_job(elsewhere):
    place = elsewhere("demo", "--quiet")
    assert any(place.glob("tokbench-demo/*"))


def test_an_installed_tokbench_writes_a_page(elsewhere):
    corpus = str(ROOT / "corpora" / "english.txt")
    elsewhere("train-bpe", corpus, "-o", "tok", "-v", "500", "--quiet")
    place = elsewhere("compare", "tok", "--corpus", corpus, "--html", "page.html", "--quiet")
    assert "<html" in (place / "page.html").read_text(encoding="utf-8")


def test_the_wheel_is_typed_and_the_sdist_holds_what_its_tests_need(built):
    [wheel], [sdist] = built.glob("*.whl"), built.glob("*.tar.gz")
    inside = set(zipfile.ZipFile(wheel).namelist())
    assert {"tokbench/py.typed", "tokbench/__init__.pyi", "tokbench/corpora/english.txt"} <= inside
    assert any(name.endswith(".j2") or "templates/" in name for name in inside)
    with tarfile.open(sdist) as packed:
        kept = {name.partition("/")[2] for name in packed.getnames()}
    assert {"README.md", "docs/tour.md", "benchmarks/README.md", "tests/conftest.py", "Makefile"} <= kept
