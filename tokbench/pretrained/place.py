"""Where a folder may be written: everything that speaks against it is said before any work starts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from tokbench.errors import FileProblem

SIGNS = ("tokenizer.json", "tokenizer_config.json", "config.json", "model.safetensors", "metrics.json")
# What tokenizer, model and run folders hold. Anything else makes a folder somebody's own.
SUFFIXES = frozenset(
    {
        ".json",
        ".jsonl",
        ".toml",
        ".txt",
        ".md",
        ".html",
        ".csv",
        ".tsv",
        ".png",
        ".svg",
        ".jinja",
        ".safetensors",
        ".bin",
        ".model",
        ".pt",
        ".onnx",
    }
)
NAMES = frozenset({".gitattributes", ".gitignore", "LICENSE", ".cache"})
ELSEWHERE = "choose another place with -o"


def ensure_free(out: Path, *, force: bool = False) -> Path:
    """The place, as an absolute path, that a new folder may take; a FileProblem when it may not.

    An existing folder may be taken with `force`, and only if all in it belongs to a tokenizer or a model.
    """
    try:
        place = _absolute(Path(out))
        _refuse_what_is_no_folder(place, out)
        if place.is_dir():
            _refuse_what_is_lived_in(place, out)
            _refuse_unless_replaceable(place, out, force=force)
        _refuse_without_rights(place, out)
    except OSError as error:
        raise FileProblem(f"nothing can be written at {out}: {error.strerror}", fix=ELSEWHERE) from error
    return place


def _absolute(out: Path) -> Path:
    """Links on the way are followed, the last name is not: a link there shall be seen."""
    if out.name in ("", ".."):
        return out.resolve()
    return out.parent.resolve() / out.name


def _refuse_what_is_no_folder(place: Path, out: Path) -> None:
    if place.is_symlink():
        raise FileProblem(f"{out} is a link; links are not written through", fix=f"-o {place.resolve()}")
    if place.exists() and not place.is_dir():
        raise FileProblem(f"{out} is a file, and the output is a folder", fix=ELSEWHERE)


def _refuse_what_is_lived_in(place: Path, out: Path) -> None:
    here, home = Path.cwd().resolve(), Path.home().resolve()
    if here.is_relative_to(place):  # the file system's root is above it as well
        raise FileProblem(f"{out} is the folder you are in, or above it", fix=ELSEWHERE)
    if home.is_relative_to(place):
        raise FileProblem(f"{out} is your home folder, or above it", fix=ELSEWHERE)


def _refuse_unless_replaceable(place: Path, out: Path, *, force: bool) -> None:
    if not force:
        raise FileProblem(
            f"{out} exists already", fix="add --force to replace it, or choose another place with -o"
        )
    if any(place.iterdir()) and not any(_is_sign(entry) for entry in place.iterdir()):
        raise FileProblem(f"{out} is not replaced: nothing in it says tokenizer or model", fix=ELSEWHERE)
    for entry in _foreign(place):
        raise FileProblem(
            f"{out} is not replaced: it holds {entry.relative_to(place)}, no part of a tokenizer or model",
            fix=ELSEWHERE,
        )


def _refuse_without_rights(place: Path, out: Path) -> None:
    above = next(folder for folder in place.parents if folder.exists() or folder.is_symlink())
    if not above.is_dir():
        raise FileProblem(f"{out} cannot be made: {above} is a file", fix=ELSEWHERE)
    if not os.access(above, os.W_OK | os.X_OK):
        raise FileProblem(f"{out} cannot be made: {above} is read-only for you", fix=ELSEWHERE)


def _is_sign(entry: Path) -> bool:
    return entry.name in SIGNS or entry.name.startswith("tokbench.")


def _foreign(folder: Path) -> Iterator[Path]:
    """What is in a folder, or in folders inside it, and belongs to no tokenizer, model or run."""
    for path, folders, files in os.walk(folder):
        yield from (Path(path, name) for name in folders if name in (".git", ".venv"))
        yield from (Path(path, name) for name in files if not _belongs(name))


def _belongs(name: str) -> bool:
    return name in NAMES or Path(name).suffix in SUFFIXES or name.startswith(("events.out.", "tokbench."))
