"""Whole processes, one after the other and in turn: their CPU seconds, wall seconds and peak memory."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

CHILDREN = Path(__file__).with_name("children")


@dataclass(frozen=True)
class Run:
    """What a process and all that it waited for took: user and system seconds, wall seconds, peak MB."""

    cpu: float
    wall: float
    peak: float
    said: str = ""


def run(command: Sequence[str], more: Mapping[str, str] | None = None) -> Run:
    """Run a command to its end; SystemExit with its words if it fails."""
    with tempfile.TemporaryFile("w+") as said:
        begun = time.perf_counter()
        process = subprocess.Popen(list(command), stdout=said, stderr=said, env=os.environ | dict(more or {}))
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        words = said.read()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}:\n{words}")
    unit = 1e6 if sys.platform == "darwin" else 1e3  # ru_maxrss: bytes there, KiB here
    return Run(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / unit, words)


def interleaved(commands: Mapping[str, Sequence[str]], rounds: int, *, ours: str = "") -> dict[str, Run]:
    """The medians of so many rounds A B C, A B C …; `ours`, short and so noisier, runs twice a round."""
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            runs[name] += [run(command) for _ in range(2 if name == ours else 1)]
    return {name: medians(several) for name, several in runs.items()}


def medians(runs: Sequence[Run]) -> Run:
    """The median of each figure; the last words."""
    cpu, wall, peak = (median(getattr(each, name) for each in runs) for name in ("cpu", "wall", "peak"))
    return Run(cpu, wall, peak, runs[-1].said)


def child(name: str, *words: object) -> list[str]:
    """The command for one of the small programs in children/."""
    return [sys.executable, str(CHILDREN / f"{name}.py"), *map(str, words)]


def tokbench(*words: object) -> list[str]:
    """The command as a user types it."""
    return [sys.executable, "-m", "tokbench", *map(str, words)]
