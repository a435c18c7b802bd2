"""A finding's command, carried out as it is printed, makes the finding go away."""

import shlex

import pytest

from tokbench.__main__ import main
from tokbench.checks.run import check

from .cases import CASES

COMMANDS = ("tokbench wrap ", "tokbench add-tokens ")
MENDED = [
    case for case in CASES if case.code in ("TB201", "TB202", "TB203", "TB205", "TB206", "TB601", "TB602")
]


def found(folder, code):
    return [finding for finding in check(folder, quick=True).findings if finding.code == code]


@pytest.mark.parametrize("case", MENDED, ids=lambda case: f"{case.code} {case.kind} {case.label}".strip())
def test_the_command_mends_what_was_found(case, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    case.files.write(tmp_path / "a folder")
    fix = found("a folder", case.code)[0].fix
    commands = fix[fix.index("tokbench ") :].split(" && ")
    for command in commands:
        assert command.startswith(COMMANDS)
        assert main(shlex.split(command)[1:]) == 0, capfd.readouterr().err
    result = shlex.split(commands[-1])[shlex.split(commands[-1]).index("-o") + 1]
    assert found(result, case.code) == []
