"""The consoles of README and docs, and the tree: run what they say, compare, or write them.

`python -m tests.readme` writes the pages; test_readme.py compares.
"""

import ast
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
PAGES = (*sorted((ROOT / "docs").glob("*.md")), CONTRIBUTING)
PACKAGES = (
    "io",
    "corpus",
    "corpus/cleaning",
    "native",
    "native/kernels",
    "training",
    "training/counting",
    "recipes",
    "tracing",
    "formats",
    "pretrained",
    "encoding",
    "model",
    "analysis",
    "checks",
    "checks/rules",
    "adapt",
    "adapt/continued",
    "adapt/reduced",
    "adapt/starts",
    "finetuning",
    "finetuning/data",
    "finetuning/engines",
    "finetuning/warming",
    "reporting",
    "reporting/views",
    "cli",
)
CONSOLE = re.compile(r"(<!-- figures vary -->\n)?```console\n\$ (tokbench [^\n]*)\n(.*?)```", re.DOTALL)
TREE = re.compile(r"<!-- tree -->\n(?:```text\n.*?```\n)?", re.DOTALL)
STYLE = re.compile(r"\x1b\[[0-9;]*m")
SEEN = {
    "TTY_COMPATIBLE": "1",
    "NO_COLOR": "1",
    "COLUMNS": "100",
    "HF_HUB_OFFLINE": "1",
    "TERM": "xterm",
    "CUDA_VISIBLE_DEVICES": "",
}


def said(command, folder):
    """What a person sees of a command: its result, or its error; without styles and trailing blanks."""
    words = [sys.executable, "-m", *shlex.split(command)]
    done = subprocess.run(words, cwd=folder, env={**os.environ, **SEEN}, capture_output=True, text=True)
    words = STYLE.sub("", done.stdout or done.stderr)
    return "".join(f"{line.rstrip()}\n" for line in words.splitlines())


def consoles(page):
    """(whether figures vary, command, output shown) of every console of a page, in order."""
    text = page.read_text(encoding="utf-8")
    return [(bool(match[1]), match[2], match[3]) for match in CONSOLE.finditer(text)]


def tree():
    """The packages along the data flow, each with what its __init__ says it is for."""
    lines = ["tokbench/"]
    for package in PACKAGES:
        init = ROOT / "tokbench" / package / "__init__.py"
        purpose = (ast.get_docstring(ast.parse(init.read_text(encoding="utf-8"))) or "").splitlines()[0]
        lines.append(f"  {package + '/':<22} {purpose}")
    return "<!-- tree -->\n```text\n" + "\n".join(lines) + "\n```\n"


def write(page, folder):
    """Write a page with what its commands say today."""
    text = page.read_text(encoding="utf-8")
    text = CONSOLE.sub(lambda m: f"{m[1] or ''}```console\n$ {m[2]}\n{said(m[2], folder)}```", text)
    page.write_text(TREE.sub(lambda _: tree(), text), encoding="utf-8")


if __name__ == "__main__":
    import tempfile

    for each in (README, *PAGES):
        with tempfile.TemporaryDirectory() as place:
            (Path(place) / "corpora").symlink_to(ROOT / "corpora")
            write(each, Path(place))
