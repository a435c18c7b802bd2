"""The README's consoles and tree: run what they say, compare with what they show, or write it anew.

`python tests/readme.py` writes the README; test_readme.py compares.
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
    words = STYLE.sub("", done.stdout if done.returncode == 0 else done.stderr)
    return "".join(f"{line.rstrip()}\n" for line in words.splitlines())


def consoles():
    """(whether figures vary, command, output shown) of every console, in order."""
    return [
        (bool(match[1]), match[2], match[3]) for match in CONSOLE.finditer(README.read_text(encoding="utf-8"))
    ]


def tree():
    """The files of the package with the first line of what each says it is for."""
    lines = ["tokbench/"]
    for path in sorted((ROOT / "tokbench").rglob("*.py"), key=_reading_order):
        where = path.relative_to(ROOT / "tokbench")
        purpose = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").splitlines()[0]
        door = path.name == "__init__.py"
        name = f"{where.parent.name}/" if door and where.parts[1:] else where.name
        depth = len(where.parts) - (1 if door and where.parts[1:] else 0)
        lines.append(f"{'  ' * depth}{name:<{26 - 2 * depth}} {purpose}".rstrip())
    return "<!-- tree -->\n```text\n" + "\n".join(lines) + "\n```\n"


ROOMS = (
    "io",
    "corpus",
    "native",
    "training",
    "recipes",
    "tracing",
    "pretrained",
    "model",
    "analysis",
    "checks",
    "adapt",
    "finetuning",
    "reporting",
    "cli",
)


def _reading_order(path):
    """Rooms along the data flow, each behind its door, files by name."""
    *rooms, name = path.relative_to(ROOT / "tokbench").parts
    place = ROOMS.index(rooms[0]) + 1 if rooms else 0
    return (place, rooms[1:], name != "__init__.py", name)


def write(folder):
    """The README with what its commands say today."""
    (folder / "corpora").symlink_to(ROOT / "corpora")
    text = README.read_text(encoding="utf-8")
    text = CONSOLE.sub(lambda m: f"{m[1] or ''}```console\n$ {m[2]}\n{said(m[2], folder)}```", text)
    README.write_text(TREE.sub(lambda _: tree(), text), encoding="utf-8")


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as place:
        write(Path(place))
