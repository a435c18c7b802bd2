"""Which files a person means: paths, folders, globs and "-" become a tuple of sources."""

from __future__ import annotations

import glob
import os
import shlex
import stat
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path

from tokbench.corpus.saved_datasets import is_saved, saved_files, saved_split
from tokbench.corpus.signatures import recognized
from tokbench.corpus.source import COMPRESSIONS, FORMATS, HUB, STDIN, Source, format_of_name, printable_path
from tokbench.errors import FileError, did_you_mean

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
    raise FileError(f"cannot look into folder {folder}: {error.strerror}", fix=f"ls -ld {folder}") from error


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
        raise FileError(f"no file matches {pattern}", fix=f"look what is there: ls {shlex.quote(str(root))}")
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


def missing(path: Path) -> FileError:
    """What to say of a path that does not exist: where it ends, and what has a like name there."""
    if path.is_symlink():
        remedy = f"ls -l {shlex.quote(str(path))}"
        return FileError(f"{path} is a link to {path.readlink()}, which does not exist", fix=remedy)
    ends = next(each for each in [path, *path.parents] if each.parent.exists())
    where = "" if ends == path else f": {ends.parent} has no folder {ends.name}"
    if not ends.parent.is_dir():
        where = f": {ends.parent} is a file, not a folder"
    inside = "" if str(ends.parent) == "." else f"{ends.parent}/"
    hint = did_you_mean(ends.name, _neighbours(ends.parent), before=inside)
    if not hint.startswith("did you mean"):
        hint = f"look what is there: ls {shlex.quote(str(ends.parent))}"
    return FileError(f"there is no file {path}{where}", fix=hint)


def _neighbours(folder: Path) -> list[str]:
    try:
        return sorted(path.name for path in islice(folder.iterdir(), NEIGHBOURS))
    except OSError:  # a folder that may be entered but not listed has no hint to give
        return []


def find_sources(paths: Sequence[str | os.PathLike[str]]) -> tuple[Source, ...]:
    """Every file that the paths mean, each once, in the order given and sorted within folders and globs.

    A file that is named is read whatever its suffix (an unknown one as plain text); in a folder only known
    suffixes count, and hidden files and folders are passed over. "-" is standard input, one text a line.
    """
    if isinstance(paths, str | os.PathLike):
        paths = [paths]
    found: dict[str, Source] = {}
    for path in paths:
        for source in _meant(os.fspath(path)):
            found.setdefault(_identity(source), source)
    if not found:
        raise FileError("no corpus was named", fix="name files, folders, quoted globs, or - for stdin")
    return tuple(found.values())


def _identity(source: Source) -> str:
    """What two sources that are the same have in common."""
    if source.place:
        return source.place.url
    return os.path.realpath(source.path) if source.path else "-"


def _meant(path: str) -> list[Source]:
    """The sources behind one path: stdin, a file, a folder's files, or a glob's matches."""
    if path == "-":
        return [STDIN]
    if not path:
        raise FileError("the path of a corpus is empty", fix="name a file, a folder, or - for stdin")
    if path.startswith(HUB) or "://" in path:
        return _elsewhere(path)
    expanded = os.path.expanduser(path)  # noqa: PTH111  (Path raises where there is no such home)
    is_glob = glob.has_magic(expanded) and not os.path.lexists(expanded)
    paths = matches(expanded) if is_glob else [Path(expanded)]
    sources = [source for each in paths for source in _expand(each)]
    if not sources:
        raise FileError(
            f"{path} holds no file to read ({' '.join(FORMATS)}, also with {' '.join(COMPRESSIONS)})",
            fix="name a file itself to read it as text whatever its suffix",
        )
    return sources


def _elsewhere(path: str) -> list[Source]:
    """The sources that are on no disk of this machine."""
    if path.startswith(HUB):
        from tokbench.corpus.hub_datasets import hub_source

        return [hub_source(path)]
    from tokbench.corpus.remote import remote_sources

    return remote_sources(path)


def _expand(path: Path) -> list[Source]:
    """The file itself, the dataset that a folder is, or all files with a known suffix in the folder."""
    status = _status(path)
    if not stat.S_ISDIR(status.st_mode):
        return [_source(path, status)]
    if is_saved(path):
        return [_saved(path)]
    known = sorted(each for each in visible_files(path) if format_of_name(each.name)[0] in FORMATS.values())
    inside = {each.parent: is_saved(each.parent) for each in known if each.suffix == ".arrow"}
    found = {each.parent if inside.get(each.parent) else each: each for each in known}
    return [_saved(each) if inside.get(each) else _source(each, _status(each)) for each in found]


def _saved(folder: Path) -> Source:
    """The dataset in a folder of `save_to_disk`; of several splits the one to train on, which is said."""
    chosen, said = saved_split(folder)
    size = sum(each.stat().st_size for each in saved_files(chosen))
    source = Source(name=printable_path(chosen), path=chosen, format="saved", compression="", size=size)
    if said:
        source.note(said)
    return source


def _source(path: Path, status: os.stat_result) -> Source:
    if not stat.S_ISREG(status.st_mode):
        raise FileError(
            f"{path} is not a regular file (a pipe, a socket or a device)",
            fix=f"send it through stdin: cat {shlex.quote(str(path))} | tokbench … -",
        )
    kind, compression = format_of_name(path.name)
    named = Source(printable_path(path), path, kind or "txt", compression, status.st_size)
    return recognized(named, suffix=kind)


def _status(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise missing(path) from error
    except OSError as error:
        remedy = f"ls -l {shlex.quote(str(path))}"
        raise FileError(f"cannot read {path}: {error.strerror}", fix=remedy) from error
