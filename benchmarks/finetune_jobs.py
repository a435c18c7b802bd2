"""Trainings, each in a process of its own, within a time: told and kept as they end, whichever fail."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from processes import child
from tables import Table

ROOT = Path(__file__).resolve().parents[1]
LEAST = 15.0  # seconds that are left, or nothing more is begun


@dataclass(frozen=True)
class Job:
    """One training: which way, of what, and the table it belongs to."""

    way: str
    title: str
    model: str = "minilm"
    rows: int = 640
    data: str | None = None
    batch: int = 32
    epochs: int = 1
    seed: int = 42
    precision: str = "best"
    limit: float = 0  # seconds after which a Trainer stops; what it did until then counts
    most: float = 0  # seconds after which the process is stopped; 0: never
    profile: bool = False

    def but(self, **changes: Any) -> Job:  # noqa: ANN401  any field
        """The same with these changes."""
        return replace(self, **changes)

    @property
    def name(self) -> str:
        """What it is called while it runs."""
        epochs = f"{self.epochs} epoch{'s' * (self.epochs > 1)}"
        return f"{self.way}, {Path(self.model).name}, batch {self.batch}, {epochs}, seed {self.seed}"


@dataclass(frozen=True)
class Done:
    """A job and what its process said."""

    job: Job
    said: dict[str, Any]


@dataclass
class Session:
    """All jobs of one call."""

    minutes: float  # for everything; 0: no end
    threads: int
    to_json: Path | None
    done: list[Done] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    verdicts: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.began = time.monotonic()
        try:
            self.machine = self._ask(["machine", "--threads", self.threads], 0)
        except TrainingFailedError as problem:
            raise SystemExit(f"nothing can be measured here: {problem}") from None

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return self.began + 60 * self.minutes - time.monotonic() if self.minutes else float("inf")

    def do(self, job: Job) -> None:
        """Train; say what came of it."""
        try:
            done = Done(job, self._ask(self._words(job), job.most))
        except TrainingFailedError as problem:
            self.failed.append(f"{job.name}: {problem}")
            print(self.failed[-1], flush=True)
        else:
            self.done.append(done)
            lines = [f"{job.name}: {self._line(done)}", *(f"    {line}" for line in done.said["profile"])]
            print("\n".join(lines), flush=True)
        self.keep()

    def publish(self, table: Table) -> None:
        """Print a table and keep it."""
        self.tables.append(table)
        print(table.markdown(), flush=True)
        self.keep()

    def tell(self, verdicts: Sequence[str]) -> Sequence[str]:
        """Keep what was found of the goals."""
        self.verdicts += verdicts
        self.keep()
        return verdicts

    def keep(self) -> None:
        """Write all there is as JSON, so that a call that is cut off leaves what it had."""
        if self.to_json is None:
            return
        content = {
            "machine": self.machine,
            "trainings": [{"job": vars(each.job), **each.said} for each in self.done],
            "failed": self.failed,
            "goals": self.verdicts,
            "tables": [vars(each) for each in self.tables],
        }
        self.to_json.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    def _words(self, job: Job) -> list[object]:
        precision = self.machine["best"] if job.precision == "best" else job.precision
        words: list[object] = [job.way, "--model", job.model, "--rows", job.rows, "--batch", job.batch]
        words += ["--epochs", job.epochs, "--seed", job.seed, "--threads", self.threads]
        words += ["--precision", precision, "--limit", job.limit]
        return [*words, *(["--data", job.data] if job.data else []), *(["--profile"] if job.profile else [])]

    def _ask(self, words: Sequence[object], most: float) -> dict[str, Any]:
        """The last line of a child, as JSON; TrainingFailedError with the last thing it said otherwise."""
        left = min(self.left, most or float("inf"))
        if left < LEAST:
            raise TrainingFailedError("left out, the time is over")
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
        more = {"OMP_WAIT_POLICY": "PASSIVE", "HF_HUB_OFFLINE": "1", "PYTHONPATH": path}
        try:
            ended = subprocess.run(
                child("finetune_once", *words),
                capture_output=True,
                text=True,
                timeout=None if left == float("inf") else left,
                env=os.environ | more,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise TrainingFailedError(f"stopped after {left:.0f} s") from None
        if ended.returncode:
            lines = ended.stderr.strip().splitlines() or [f"ended with {ended.returncode} and no words"]
            print("\n".join(lines[-12:]), file=sys.stderr, flush=True)
            raise TrainingFailedError(lines[-1])
        found: dict[str, Any] = json.loads(ended.stdout.strip().splitlines()[-1])
        return found

    def _line(self, done: Done) -> str:
        said = done.said
        clock = "wall" if self.machine["gpu"] else "cpu"
        unit = "rows/s" if self.machine["gpu"] else "rows per CPU s"
        rate = said["rows"] / said[clock]
        epochs = ", ".join(f"{each:.2f}" for each in said["epochs"])
        return (
            f"{rate:,.{0 if rate >= 100 else 1}f} {unit}, {said['wall']:.1f} s"
            + (f" (epochs {epochs})" if len(said["epochs"]) > 1 else "")
            + f", accuracy {said['accuracy']:.4f}"
        )


class TrainingFailedError(Exception):
    """A training that gave no figures, and why."""
