"""Where a run that is not finished lies, so that a kill costs minutes: safetensors and JSON, no pickle."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from tokbench import __version__
from tokbench.errors import (
    FileError,
    NegativeResultError,
    ResourceError,
    RunInterruptedError,
    TokbenchError,
    UsageError,
)
from tokbench.finetuning.run_files import STATE, forget_checkpoints, found_in, unfinished
from tokbench.io.atomic import MAKE_ROOM, atomic_folder
from tokbench.progress import Progress, event, leading

if TYPE_CHECKING:
    from tokbench.finetuning.config import FinetuneConfig

SECONDS_BETWEEN = 120.0
FORMAT = 2  # of what a checkpoint holds; those of another are not gone on from
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
    at_end: Callable[[], Checkpoint] | None = None  # the finished training, whose output is not written yet

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
        """Write it whole, then let go of older ones; on a full disk the newest alone stays beside it."""
        self.last = time.monotonic()
        try:
            folder = self._write(checkpoint)
        except ResourceError:
            older = found_in(self.place)[1:]
            if not older:
                raise
            for old in older:
                shutil.rmtree(old, ignore_errors=True)
            folder = self._write(checkpoint)
        for old in found_in(self.place)[KEPT:]:
            shutil.rmtree(old, ignore_errors=True)
        self.last = time.monotonic()
        return folder

    def _write(self, checkpoint: Checkpoint) -> Path:
        folder = self.place / f"step-{checkpoint.step:08}"
        with atomic_folder(folder, force=True) as new:
            for name, tensors in checkpoint.tensors.items():
                save_file(
                    {key: each.contiguous() for key, each in tensors.items()}, new / f"{name}.safetensors"
                )
            facts = {
                "step": checkpoint.step,
                "format": FORMAT,
                "version": __version__,
                "fingerprint": self.fingerprint,
                "files": list(checkpoint.tensors),
                **checkpoint.facts,
            }
            (new / STATE).write_text(json.dumps(facts) + "\n", encoding="utf-8")
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
            _must_be_of_this_version(found.facts, folder)
            if found.facts["fingerprint"] != self.fingerprint:
                raise UsageError(
                    f"{folder} belongs to a run with other choices, rows or tokenizer",
                    fix="give the command as it was, or start over with --force",
                )
            return found
        why = "; ".join(problems) or f"there is no checkpoint in {self.place}"
        raise FileError(f"nothing to resume: {why}", fix="start over with --force in the place of --resume")

    def interrupted(self, step: int, steps: int, *, why: str = "") -> TokbenchError:
        """The error that tells how to go on from what is kept; `why` it is not this step."""
        stopped = f"stopped after step {step:,} of {steps:,}"
        if not why:
            return RunInterruptedError(
                f"{stopped}; what was learned is kept in {self.place}",
                fix="the same command with --resume goes on from there",
            )
        found = found_in(self.place)
        if not found:
            return ResourceError(f"{stopped}, and nothing could be kept: {why}", fix=MAKE_ROOM)
        kept = int(found[0].name.rpartition("-")[2])
        return ResourceError(
            f"{stopped}, and what is kept in {self.place} is step {kept:,}: {why}",
            fix="make room; the same command with --resume goes on from there",
        )

    def interrupted_at_end(self) -> TokbenchError:
        """The same where all steps were made, and the output was not written; it is kept now."""
        stopped = f"stopped after training, and {self.output} was not written"
        if not self.keep_end():
            return ResourceError(f"{stopped}; nothing could be kept", fix=MAKE_ROOM)
        return RunInterruptedError(
            f"{stopped}; what was learned is kept in {self.place}",
            fix="the same command with --resume writes it",
        )

    def resumable(self, error: ResourceError) -> ResourceError:
        """An error of a full disk or memory, with the way to go on, if there is one."""
        if "--resume" in error.fix or not (self.keep_end() or found_in(self.place)):
            return error
        return ResourceError(error.message, fix=f"{error.fix}; --resume goes on from what is kept")

    def keep_end(self) -> bool:
        """Keep the finished training of a run whose output is not written; whether it is kept."""
        if self.at_end is None or not leading():
            return False
        with suppress(ResourceError, MemoryError, OSError):
            self.save(self.at_end())
        return bool(found_in(self.place))

    def forget(self) -> None:
        """Take the checkpoints away: the run is finished, or going on would not help."""
        if leading():  # another process of the run may fail alone
            forget_checkpoints(self.place)


@contextmanager
def resumable_run(checkpoint_store: CheckpointStore, progress: Progress) -> Iterator[None]:
    """Keep what was learned, however the run ends, and say so; a loss that is no number would come again."""
    try:
        yield
    except RunInterruptedError:
        raise
    except ResourceError as error:
        raise checkpoint_store.resumable(error) from error
    except NegativeResultError:
        checkpoint_store.forget()
        raise
    except KeyboardInterrupt:
        if checkpoint_store.at_end is None:
            raise
        event(progress, "stopping; what was learned is being kept")
        raise checkpoint_store.interrupted_at_end() from None
    except BaseException:
        checkpoint_store.keep_end()
        raise


def memory_full() -> ResourceError:
    """The one sentence on a full memory."""
    return ResourceError("the memory is full", fix="a lower --batch-size or --max-length, or a smaller model")


def _must_be_of_this_version(facts: Mapping[str, Any], folder: Path) -> None:
    """Nothing, or UsageError for a checkpoint that holds other things than this version's."""
    if facts.get("format") == FORMAT:
        return
    version = facts.get("version", "an earlier version")
    raise UsageError(
        f"{folder} was written by tokbench {version}, and {__version__} cannot go on from it",
        fix="finish the run with that version, or start over with --force",
    )


def _read(folder: Path) -> Checkpoint:
    facts = json.loads((folder / STATE).read_text(encoding="utf-8"))
    tensors = {path.stem: load_file(path) for path in folder.glob("*.safetensors")}
    missing = [name for name in facts["files"] if name not in tensors]
    if missing:
        raise ValueError(f"{missing[0]}.safetensors is missing")
    return Checkpoint(facts["step"], tensors, facts)
