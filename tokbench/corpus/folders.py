"""Paths to look through: folders, globs, and what is near a path that does not exist."""

from __future__ import annotations

import glob
import os
import shlex
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path

from tokbench.errors import FileProblem, did_you_mean

NEIGHBOURS = 1000  # names in a folder among which a like one is looked for


def visible_files(folder: Path) -> Iterator[Path]:
    """All files below a folder but hidden ones; linked folders are entered once, so links may go round."""
    entered: set[str] = set()
    for here, folders, files in os.walk(folder, followlinks=True, onerror=_cannot_list):
        real = os.path.realpath(here)
        if real in entered:
            folders.clear()
            continue
        entered.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(here, name) for name in files if not name.startswith("."))


def _cannot_list(error: OSError) -> None:
    folder = shlex.quote(error.filename)
    raise FileProblem(
        f"cannot look into folder {folder}: {error.strerror}", fix=f"ls -ld {folder}"
    ) from error


def matches(pattern: str) -> list[Path]:
    """The files and folders that a glob means, sorted; with `**` the files only, however deep."""
    parts = Path(pattern).parts
    plain = next((i for i, part in enumerate(parts) if glob.has_magic(part)), len(parts))
    root, rest = Path(*parts[:plain]), parts[plain:]
    if "**" in rest:
        inside = visible_files(root) if root.is_dir() else ()
        paths = [path for path in inside if _fits(path.relative_to(root).parts, rest)]
    else:
        paths = [Path(path) for path in glob.glob(pattern)]  # noqa: PTH207  (Path would take hidden files)
    if not paths:
        raise FileProblem(
            f"no file matches {pattern}", fix=f"look what is there: ls {shlex.quote(str(root))}"
        )
    return sorted(paths)


def _fits(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether a path fits a pattern in which `**` stands for any number of folders.

    >>> _fits(("a", "b", "c.txt"), ("**", "*.txt")), _fits(("a", "b", "c.txt"), ("a", "*.txt"))
    (True, False)
    """
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_fits(parts[i:], pattern[1:]) for i in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and _fits(parts[1:], pattern[1:])


def missing(path: Path) -> FileProblem:
    """What to say of a path that does not exist: where it ends, and what has a like name there."""
    if path.is_symlink():
        remedy = f"ls -l {shlex.quote(str(path))}"
        return FileProblem(f"{path} is a link to {path.readlink()}, which does not exist", fix=remedy)
    ends = next(each for each in [path, *path.parents] if each.parent.exists())
    where = "" if ends == path else f": {ends.parent} has no folder {ends.name}"
    if not ends.parent.is_dir():
        where = f": {ends.parent} is a file, not a folder"
    hint = did_you_mean(ends.name, _neighbours(ends.parent))
    if not hint.startswith("did you mean"):
        hint = f"look what is there: ls {shlex.quote(str(ends.parent))}"
    return FileProblem(f"there is no file {path}{where}", fix=hint)


def _neighbours(folder: Path) -> list[str]:
    try:
        return sorted(path.name for path in islice(folder.iterdir(), NEIGHBOURS))
    except OSError:  # a folder that may be entered but not listed has no hint to give
        return []
