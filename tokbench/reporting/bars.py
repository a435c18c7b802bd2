"""Progress drawn on stderr: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tokbench.escapes import safe
from tokbench.progress import Progress, silent
from tokbench.reporting.destination import tell

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

SECONDS_BETWEEN_LINES = 10.0

STAGES = {
    "read": "Reading",
    "count": "Counting words",
    "merge": "Adding counts up",
    "pairs": "Counting pairs",
    "merges": "Learning merges",
    "compile": "Compiling, once",
    "encode": "Encoding",
    "train": "Training",
    "evaluate": "Evaluating",
    "tokenize": "Tokenizing",
}


def _label(stage: str) -> str:
    return safe(STAGES.get(stage, stage))


@contextmanager
def draw_progress(*, quiet: bool = False) -> Iterator[Progress]:
    """A Progress that draws while the block runs; silent when quiet."""
    if quiet:
        yield silent
    elif sys.stderr.isatty():
        with _bars() as bars:
            yield _Drawing(bars)
    else:
        yield _Lines()


def _bars() -> Bars:
    """The drawing itself; rich is loaded only for eyes."""
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    return Bars(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True, markup=False, emoji=False, highlight=False),
        transient=True,
    )


class _Drawing:
    """One bar a stage."""

    def __init__(self, bars: Bars) -> None:
        self.bars = bars
        self.tasks: dict[str, TaskID] = {}

    def __call__(self, stage: str, done: int, total: int | None = None) -> None:
        if stage not in self.tasks:
            for task in self.tasks.values():  # stages before this one; one that goes on is shown again
                self.bars.update(task, visible=False)
            self.tasks[stage] = self.bars.add_task(_label(stage), total=total)
        self.bars.update(self.tasks[stage], completed=done, total=total, visible=True)

    def event(self, words: str) -> None:
        """A line above the bars."""
        self.bars.console.print(safe(words))

    def note(self, stage: str, words: str) -> None:
        """Show words beside the stage's name."""
        if stage in self.tasks:
            self.bars.update(self.tasks[stage], description=f"{_label(stage)} {safe(words)}")


class _Lines:
    """A line when a stage has run for a while, so that a log shows that it lives."""

    def __init__(self) -> None:
        self.last: dict[str, float] = {}  # when a stage began or was told of
        self.done: dict[str, int] = {}
        self.words: dict[str, str] = {}

    def __call__(self, stage: str, done: int, total: int | None = None) -> None:
        now = time.monotonic()
        begun = stage == "compile" and not done  # told at once: no word more until it is done
        if done < self.done.get(stage, done + 1):  # it begins, or begins again
            self.last[stage] = now
        self.done[stage] = done
        if not begun and now - self.last[stage] < SECONDS_BETWEEN_LINES:
            return
        self.last[stage] = now
        share = "" if begun else f" {done / total:.0%}" if total else f" {done:,}"
        words = f" {self.words[stage]}" if stage in self.words else ""
        tell(f"{_label(stage)}:{share}{words}")

    def note(self, stage: str, words: str) -> None:
        """Remember words for the stage's next line."""
        self.words[stage] = words

    def event(self, words: str) -> None:
        """A line of its own."""
        tell(words)
