"""What a run tells while it goes on: TensorBoard's event files, moved into the output at the end."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from tokbench.errors import MissingExtra
from tokbench.finetune.settings import Settings

NAME = "tensorboard"


class Board:
    """An open event file."""

    def __init__(self, place: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.writer = SummaryWriter(str(place))

    def tell(self, step: int, values: Mapping[str, float]) -> None:
        """Write these numbers down for a step, so that they can be looked at now."""
        for name, value in values.items():
            self.writer.add_scalar(name, value, step)
        self.writer.flush()


def board_of(settings: Settings, place: Path | None) -> Board | None:
    """The board that the settings ask for, its files below `place`."""
    if settings.report_to != NAME or place is None:
        return None
    if find_spec(NAME) is None:
        raise MissingExtra("--report-to tensorboard", NAME, extra=NAME)
    return Board(place / NAME)


def keep_board(place: Path, output: Path) -> None:
    """Put the event files, if there are any, into a finished run."""
    if (place / NAME).is_dir():
        shutil.copytree(place / NAME, output / NAME)
