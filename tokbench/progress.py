"""How long work tells how far it is: a callable that is passed in, silent unless someone draws it."""

from __future__ import annotations

import os
from typing import Protocol


class Progress(Protocol):
    """Called with the stage's name, what is done and, when known, how much there is in all."""

    def __call__(self, stage: str, done: int, total: int | None = None) -> None:
        """Show that `done` of `total` units of this stage are finished."""


def silent(stage: str, done: int, total: int | None = None) -> None:
    """Show nothing."""


def note(progress: Progress, stage: str, words: str) -> None:
    """Show words beside a stage, where whoever draws has room for them."""
    show = getattr(progress, "note", None)
    if show is not None:
        show(stage, words)


def event(progress: Progress, words: str) -> None:
    """Say a line that stays, on a terminal above the bars: a finding on the way, such as an evaluation."""
    show = getattr(progress, "event", None)
    if show is not None:
        show(words)


def leading() -> bool:
    """Whether this process writes and speaks: the only one, or the first that a launcher started."""
    return os.environ.get("RANK", "0") == "0" or os.environ.get("WORLD_SIZE", "1") == "1"
