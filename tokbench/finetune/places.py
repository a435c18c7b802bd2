"""Where the checkpoints of an output lie, and whether they are wanted; loads nothing heavy."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tokbench.errors import FileProblem

STATE = "state.json"


def unfinished(output: str) -> Path:
    """The folder beside an output where its checkpoints lie until it is finished."""
    path = Path(output).expanduser().absolute()
    return path.with_name(path.name + ".unfinished")


def must_be_wanted(output: str, *, resume: bool, force: bool) -> None:
    """Nothing, or an error where checkpoints lie that are neither to be used nor thrown away."""
    place = unfinished(output)
    there = bool(found_in(place))
    if resume and not there:
        raise FileProblem(
            f"nothing to resume: there is no checkpoint in {place}", fix="start without --resume"
        )
    if there and not resume and not force:
        raise FileProblem(
            f"{place} holds a run that was stopped", fix="--resume goes on with it, --force starts over"
        )
    if there and not resume and leading():
        shutil.rmtree(place)


def found_in(place: Path) -> list[Path]:
    """Complete checkpoints, newest first."""
    return sorted((path.parent for path in place.glob(f"step-*/{STATE}")), reverse=True)


def leading() -> bool:
    """Whether this process writes and speaks: the only one, or the first that a launcher started."""
    return os.environ.get("RANK", "0") == "0"
