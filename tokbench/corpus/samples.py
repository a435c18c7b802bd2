"""Where the texts are that tokbench brings along."""

from __future__ import annotations

from pathlib import Path

from tokbench.errors import FileError, did_you_mean

PACKAGE = Path(__file__).resolve().parents[1]


def shipped(name: str = "") -> Path:
    """A file or folder among the shipped corpora, or the folder of all of them."""
    folder = _folder()
    names = sorted(each.relative_to(folder).as_posix() for each in folder.rglob("*"))
    if name and name not in names:
        raise FileError(f"tokbench ships no corpus {name!r}", fix=did_you_mean(name, names))
    return folder / name


def _folder() -> Path:
    """Inside the package where it was installed, beside it in a checkout."""
    for folder in (PACKAGE / "corpora", PACKAGE.parent / "corpora"):
        if (folder / "LICENSE.md").is_file():
            return folder
    raise FileError(
        "the corpora that tokbench ships are not installed", fix="pip install --force-reinstall tokbench"
    )
