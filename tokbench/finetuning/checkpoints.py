"""Where a run that is not finished lies, so that a kill costs minutes: safetensors and JSON, no pickle."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from tokbench.errors import FileError, RunInterruptedError, UsageError
from tokbench.finetuning.run_files import STATE, forget_checkpoints, found_in, unfinished
from tokbench.io.atomic import atomic_folder
from tokbench.progress import leading

if TYPE_CHECKING:
    from tokbench.finetuning.config import FinetuneConfig

SECONDS_BETWEEN = 120.0
KEPT = 2  # the newest, and the one before it should the newest be damaged
Tensors = Mapping[str, torch.Tensor]


@dataclass(frozen=True)
class Checkpoint:
    """A run after a step: tensors by the name of their file, and facts."""

    step: int
    tensors: Mapping[str, Tensors]
    facts: Mapping[str, Any]


@dataclass
class CheckpointStore:
    """Writes checkpoints of one run beside its output, and finds them again."""

    output: str
    fingerprint: str  # of config, rows and ids: only the same run goes on from a checkpoint
    settings: FinetuneConfig
    resume: bool = False
    last: float = field(default_factory=time.monotonic)

    @property
    def place(self) -> Path:
        """The folder of the checkpoints."""
        return unfinished(self.output)

    def due(self, step: int) -> bool:
        """Whether one is to be written after this step."""
        if self.settings.save_every:
            return step % self.settings.save_every == 0
        return time.monotonic() - self.last > SECONDS_BETWEEN

    def save(self, checkpoint: Checkpoint) -> Path:
        """Write it whole, then let go of older ones."""
        folder = self.place / f"step-{checkpoint.step:08}"
        with atomic_folder(folder, force=True) as new:
            for name, tensors in checkpoint.tensors.items():
                save_file(
                    {key: each.contiguous() for key, each in tensors.items()}, new / f"{name}.safetensors"
                )
            facts = {
                "step": checkpoint.step,
                "fingerprint": self.fingerprint,
                "files": list(checkpoint.tensors),
                **checkpoint.facts,
            }
            (new / STATE).write_text(json.dumps(facts) + "\n", encoding="utf-8")
        for old in found_in(self.place)[KEPT:]:
            shutil.rmtree(old, ignore_errors=True)
        self.last = time.monotonic()
        return folder

    def newest(self) -> Checkpoint | None:
        """What to go on from: the newest that can be read; None for a run from the beginning."""
        if not self.resume:
            return None
        problems = []
        for folder in found_in(self.place):
            try:
                found = _read(folder)
            except (OSError, ValueError, SafetensorError) as problem:
                problems.append(f"{folder} cannot be read ({problem})")
                continue
            if found.facts["fingerprint"] != self.fingerprint:
                raise UsageError(
                    f"{folder} belongs to a run with other choices, rows or tokenizer",
                    fix="give the command as it was, or start over with --force",
                )
            return found
        why = "; ".join(problems) or f"there is no checkpoint in {self.place}"
        raise FileError(f"nothing to resume: {why}", fix="start over without --resume")

    def interrupted(self, step: int, steps: int) -> RunInterruptedError:
        """The error that tells how to go on; the checkpoint is written before."""
        return RunInterruptedError(
            f"stopped after step {step:,} of {steps:,}; what was learned is kept in {self.place}",
            fix="the same command with --resume goes on from there",
        )

    def forget(self) -> None:
        """Take the checkpoints away: the run is finished, or going on would not help."""
        if leading():  # another process of the run may fail alone
            forget_checkpoints(self.place)


def _read(folder: Path) -> Checkpoint:
    facts = json.loads((folder / STATE).read_text(encoding="utf-8"))
    tensors = {path.stem: load_file(path) for path in folder.glob("*.safetensors")}
    missing = [name for name in facts["files"] if name not in tensors]
    if missing:
        raise ValueError(f"{missing[0]}.safetensors is missing")
    return Checkpoint(facts["step"], tensors, facts)
