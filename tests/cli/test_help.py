"""What help says arrives whole: at 80 columns and at 120, angle brackets, Korean and all."""

import inspect
import re
import subprocess
import sys
from importlib import import_module
from typing import get_args

import pytest

from tokbench.cli.commands import COMMANDS

FRAME = re.compile("[─│╭╮╰╯]")
MARKS = str.maketrans("", "", "`*")


def function(name):
    module, called = COMMANDS[name].place.split(":")
    return getattr(import_module(f"tokbench.cli.{module}"), called)


def helps(name):
    """The help of every option and argument, as it is written."""
    for each in inspect.signature(function(name), eval_str=True).parameters.values():
        for said in get_args(each.annotation)[1:]:
            if not getattr(said, "hidden", False):
                yield said.help or ""


@pytest.mark.parametrize("columns", [80, 120])
def test_every_word_of_every_help_is_shown(columns):
    code = (
        "import sys\n"
        "from tokbench.__main__ import main\n"
        "for name in sys.argv[1:]:\n"
        "    print('\\f', end='')\n"
        "    main([name, '-h'])\n"
    )
    run = [sys.executable, "-c", code, *COMMANDS]
    done = subprocess.run(
        run, capture_output=True, text=True, env={"COLUMNS": str(columns), "PATH": "/bin"}, check=True
    )
    pages = done.stdout.split("\f")[1:]
    assert len(pages) == len(COMMANDS)
    lost = {}
    for name, page in zip(COMMANDS, pages, strict=True):
        shown = set(FRAME.sub(" ", page).split())
        whole = " ".join([inspect.getdoc(function(name)) or "", *helps(name)]).translate(MARKS)
        missing = [word for word in whole.split() if word not in shown and not _is_split(word, page)]
        if missing:
            lost[name] = missing
        assert "…" not in page or "…" in whole, name
        assert max(map(_width, page.splitlines())) <= columns, name
    assert lost == {}


def _is_split(word, page):
    """Whether a long word stands on two lines."""
    return any(word[:at] in page and word[at:] in page for at in range(4, len(word) - 1)) and len(word) > 20


def _width(line):
    from rich.cells import cell_len

    return cell_len(line)
