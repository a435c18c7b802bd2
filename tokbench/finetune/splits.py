"""The train, dev and test files of someone's own folder, found by their names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tokbench.errors import AskedWrongly, FileProblem

TRAIN, DEV, TEST = "train", "dev", "test"
NAMES = {TRAIN: ("train",), DEV: ("dev", "validation", "valid", "val"), TEST: ("test",)}


@dataclass(frozen=True)
class Kind:
    """Files of one kind: the endings that count, the most usual first, and those packing may add."""

    endings: tuple[str, ...]
    packed: tuple[str, ...] = ()

    @property
    def example(self) -> str:
        """A name such as an option takes."""
        return f"FILE{self.endings[0]}"

    def has(self, path: Path, words: Sequence[str]) -> bool:
        """Whether the file's name is one of these words with an ending of this kind."""
        name, dot, ending = path.name.lower().partition(".")
        known = {each + more for each in self.endings for more in ("", *self.packed)}
        return name in words and dot + ending in known


def files_in(folder: Path, kind: Kind, *, dev: str | None = None) -> dict[str, Path]:
    """The file to train on and, if there is one, that of dev rows; `dev` names another one.

    `folder` may be the train file itself.
    """
    if folder.is_file():
        found = {TRAIN: folder}
    else:
        every = {name: _only(folder, name, kind) for name in (TRAIN, DEV) if name == TRAIN or dev is None}
        found = {name: path for name, path in every.items() if path is not None}
        if TRAIN not in found:
            raise _none(folder, TRAIN, kind, fix=f"--data {kind.example} --dev {kind.example}")
    return found if dev is None else {**found, DEV: Path(dev).expanduser()}


def questions_in(folder: Path, kind: Kind) -> Path:
    """The file of rows to predict: the one in the folder, or `folder` where it is a file itself."""
    if folder.is_file():
        return folder
    found = _only(folder, TEST, kind)
    if found is None:
        raise _none(folder, TEST, kind, fix=f"--data {kind.example}")
    return found


def _only(folder: Path, name: str, kind: Kind) -> Path | None:
    if not folder.is_dir():
        raise FileProblem(
            f"there is no {folder}", fix=f"--data {kind.example}, or a folder with train and dev files"
        )
    fitting = [each for each in sorted(folder.iterdir()) if kind.has(each, NAMES[name])]
    if len(fitting) > 1:
        both = " and ".join(each.name for each in fitting[:2])
        named = {TRAIN: "--data FILE --dev FILE", DEV: "--dev FILE", TEST: "--data FILE"}
        raise AskedWrongly(f"{folder} has {both}: which is {name}?", fix=named[name])
    return fitting[0] if fitting else None


def _none(folder: Path, name: str, kind: Kind, *, fix: str) -> FileProblem:
    return FileProblem(f"no {name} file in {folder} ({name}{', '.join(kind.endings)})", fix=fix)
