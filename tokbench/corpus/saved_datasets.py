"""Folders that `save_to_disk` of the datasets library wrote: which files they have, in which order."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Any

from tokbench.errors import FileError
from tokbench.io.json_files import read_object

SPLITS = "dataset_dict.json"  # of a DatasetDict: the names of its splits, each a folder
STATE = "state.json"  # of a Dataset: its files in order
INFO = "dataset_info.json"
TRAIN = "train"


def is_saved(folder: Path) -> bool:
    """Whether a folder is a Dataset or a DatasetDict on disk."""
    return _has(folder, SPLITS) or (_has(folder, STATE) and _has(folder, INFO))


def _has(folder: Path, name: str) -> bool:
    """Whether a file is in a folder; not in one that may not be entered, as its reader says."""
    return os.path.isfile(folder / name)  # noqa: PTH113  (Path raises)


def saved_split(folder: Path) -> tuple[Path, str]:
    """The folder of one Dataset, and what to say of the choice: of several splits it is `train`.

    FileError when there are several and none of that name.
    """
    if not (folder / SPLITS).is_file():
        return folder, ""
    splits = _listed(folder / SPLITS, "splits")
    if splits == [TRAIN] or len(splits) == 1:
        return folder / splits[0], ""
    if TRAIN not in splits:
        named = ", ".join(splits) or "none"
        first = shlex.quote(str(folder / splits[0])) if splits else "another folder"
        raise FileError(f"{folder} has these splits, and none is called train: {named}", fix=f"name {first}")
    others = ", ".join(name for name in splits if name != TRAIN)
    return folder / TRAIN, f"of the splits train is read; {folder}/NAME names another ({others})"


def saved_files(folder: Path) -> list[Path]:
    """The Arrow files of a Dataset on disk, in order; FileError when one is missing."""
    if not (folder / STATE).is_file():
        raise FileError(
            f"{folder} is not a whole dataset of save_to_disk: it has no {STATE}", fix="save it again"
        )
    files = [folder / Path(each["filename"]).name for each in _listed(folder / STATE, "_data_files")]
    for path in files:
        if not path.is_file():
            raise FileError(
                f"{folder} is not a whole dataset of save_to_disk: {path.name} is missing",
                fix="save it again",
            )
    return files


def _listed(path: Path, key: str) -> list[Any]:
    found = read_object(path).get(key)
    if not isinstance(found, list):
        raise FileError(f"{path} is none of save_to_disk's: it has no list {key!r}", fix="save it again")
    return found
