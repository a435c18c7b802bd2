"""The README tells the truth: its commands give what it shows, its tree is the tree, its Python runs."""

import re

from tests import readme

CURVE = re.compile("^.*[\u2800-\u28ff].*$", re.MULTILINE)  # a line of a curve is a figure too
FIGURE = re.compile(r"\d[\d,.]*(?:e-?\d+)?|\b(?:bf16|fp32)\b")  # the precision is the machine's


def test_every_console_shows_what_its_command_says(tmp_path):
    (tmp_path / "corpora").symlink_to(readme.ROOT / "corpora")
    consoles = readme.consoles()
    assert len(consoles) >= 6
    for varies, command, shown in consoles:
        now = readme.said(command, tmp_path)
        if varies:
            now, shown = (" ".join(FIGURE.sub("0", CURVE.sub("", text)).split()) for text in (now, shown))
        assert now == shown, command


def test_the_tree_is_the_tree():
    assert readme.tree() in readme.README.read_text(encoding="utf-8")


def test_the_python_runs(tmp_path, monkeypatch):
    (tmp_path / "corpora").symlink_to(readme.ROOT / "corpora")
    monkeypatch.chdir(tmp_path)
    [code] = re.findall(r"```python\n(.*?)```", readme.README.read_text(encoding="utf-8"), re.DOTALL)
    exec(compile(code, "README.md", "exec"), {})
