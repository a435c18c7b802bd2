"""README and docs tell the truth: commands give what they show, the tree is the tree, the Python runs."""

import re

import pytest

from tests import readme
from tokbench.cli.commands import COMMANDS

CURVE = re.compile("^.*[\u2800-\u28ff].*$", re.MULTILINE)  # a line of a curve is a figure too
FIGURE = re.compile(r"\d[\d,.]*(?:e-?\d+)?|\b(?:bf16|fp32)\b")  # the precision is the machine's


PACKAGES = sorted((readme.ROOT / "tokbench").rglob("__init__.py"))
PAGES = [page for page in (readme.README, *readme.PAGES) if readme.consoles(page)]


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_every_console_shows_what_its_command_says(page, tmp_path):
    (tmp_path / "corpora").symlink_to(readme.ROOT / "corpora")
    for varies, command, shown in readme.consoles(page):
        now = readme.said(command, tmp_path)
        if varies:
            now, shown = (" ".join(FIGURE.sub("0", CURVE.sub("", text)).split()) for text in (now, shown))
        assert now == shown, command


def test_the_readme_is_a_screen_and_a_half_with_six_consoles():
    assert len(readme.README.read_bytes()) <= 8 * 1024
    assert len(readme.consoles(readme.README)) >= 6


def test_the_tree_is_the_tree():
    assert readme.tree() in readme.CONTRIBUTING.read_text(encoding="utf-8")
    packages = {path.parent.relative_to(readme.ROOT / "tokbench").as_posix() for path in PACKAGES}
    assert packages == {*readme.PACKAGES, "."}


def test_every_link_of_a_page_leads_somewhere():
    for page in (readme.README, *readme.PAGES):
        for link in re.findall(r"\]\(([^)#\s]+)\)", page.read_text(encoding="utf-8")):
            assert "://" in link or (page.parent / link).exists(), f"{page.name}: {link}"


def test_every_command_stands_in_the_readme():
    text = readme.README.read_text(encoding="utf-8")
    assert [name for name in COMMANDS if f"`{name}`" not in text] == []


def test_the_python_runs(tmp_path, monkeypatch):
    (tmp_path / "corpora").symlink_to(readme.ROOT / "corpora")
    monkeypatch.chdir(tmp_path)
    [code] = re.findall(r"```python\n(.*?)```", readme.README.read_text(encoding="utf-8"), re.DOTALL)
    exec(compile(code, "README.md", "exec"), {})
