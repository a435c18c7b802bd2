"""Where a run and its checkpoints lie, and whether they are wanted; loads nothing heavy."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tokbench.errors import FileError, ResourceError, RunInterruptedError, UsageError
from tokbench.finetuning.config import PRESETS, FinetuneConfig
from tokbench.finetuning.tasks import NER, OWN
from tokbench.io.locks import LOCK, one_process
from tokbench.model.files import find_model
from tokbench.pretrained.folder import TokenizerFolder, load
from tokbench.progress import leading

STATE = "state.json"
METRICS, HYPERPARAMETERS = "metrics.json", "hyperparameters.json"  # of a finished run
PRINT = "fingerprint"  # where HYPERPARAMETERS has the hash of all that makes a run what it is


def unfinished(output: str) -> Path:
    """The folder beside an output where its checkpoints lie until it is finished."""
    path = Path(output).expanduser().absolute()
    return path.with_name(path.name + ".unfinished")


OBJECTS = "objects"  # below it: the tokenizers and models that were only in memory


@contextmanager
def alone_in(output: str) -> Iterator[None]:
    """The one process, and thread, that writes this output; FileError naming the other where there is one.

    What was only in memory lies beside the checkpoints, and goes with them.
    """
    place = unfinished(output)
    if not leading():  # of the processes of one run the first has the lock
        yield
        return
    with one_process(place, output):
        resumable = False
        try:
            yield
        except (RunInterruptedError, ResourceError):
            resumable = True
            raise
        finally:
            if not resumable and not found_in(place):
                shutil.rmtree(place / OBJECTS, ignore_errors=True)


def place_of_object(output: str | None, name: str) -> Path | None:
    """Where an object's files lie while this output is made; None where none is kept."""
    return None if output is None else unfinished(output) / OBJECTS / name


def forget_checkpoints(place: Path) -> None:
    """Take away what a stopped run left; the lock stays, and what was only in memory."""
    for path in place.glob("*"):
        if path.name not in (LOCK, OBJECTS):
            shutil.rmtree(path, ignore_errors=True)
    if place.is_dir() and not any(place.iterdir()):
        place.rmdir()


def must_be_wanted(output: str, *, resume: bool, force: bool) -> None:
    """Nothing, or an error where checkpoints lie that are neither to be used nor thrown away."""
    place = unfinished(output)
    there = bool(found_in(place))
    if resume and not there:
        raise FileError(f"nothing to resume: there is no checkpoint in {place}", fix="start without --resume")
    if there and not resume and not force:
        raise FileError(
            f"{place} holds a run that was stopped", fix="--resume goes on with it, --force starts over"
        )
    if there and not resume and leading():
        forget_checkpoints(place)


def train_again(folder: Path, task: str) -> str:
    """The command that trains a folder's model for another task, into a folder beside it.

    >>> train_again(Path("run"), "sst2")
    'tokbench finetune --task sst2 --model run -o run-sst2'
    """
    rows = " --data FILE" if task in (OWN, NER) else ""
    out = shlex.quote(f"{folder}-{task}")
    return f"tokbench finetune --task {task} --model {shlex.quote(str(folder))}{rows} -o {out}"


def found_in(place: Path) -> list[Path]:
    """Complete checkpoints, newest first."""
    return sorted((path.parent for path in place.glob(f"step-*/{STATE}")), reverse=True)


def launched_alone() -> str:
    """What is to be told where several processes were asked for and one was started; "" otherwise.

    accelerate launch --cpu --num_processes 2 names a port for them and starts one: without mpirun it has no
    way to start more on a CPU.
    """
    asked = os.environ.get("ACCELERATE_USE_CPU") == "True" and "MASTER_PORT" in os.environ
    if not asked or "WORLD_SIZE" in os.environ:
        return ""
    return "accelerate started one process; on a CPU, torchrun --nproc-per-node 2 -m tokbench … starts two"


TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")


@dataclass(frozen=True)
class ResolvedNames:
    """The tokenizer's files, and the model's folder; None where a preset makes the model."""

    files: TokenizerFolder
    model: Path | None


def resolve_names(config: FinetuneConfig) -> ResolvedNames:
    """Tokenizer and model of a config; FileError or UsageError where there is none to be had."""
    if config.tokenizer is None and config.model in PRESETS:
        raise UsageError(
            f"{config.model} is made to fit a tokenizer, and none was given",
            fix="--tokenizer FOLDER; train one: tokbench train-wordpiece corpus.txt",
        )
    folder = None
    if config.model not in PRESETS:
        known = f"give a folder, or one of {', '.join(PRESETS)}"
        folder = find_model(config.model, whole=False, besides=TOKENIZER_FILES, fix=known)  # check says more
    files = load(config.tokenizer or str(folder))
    if files.path.is_file():
        raise FileError(
            f"{files.name} is a bare tokenizer.json, which says nothing of padding",
            fix=f"tokbench wrap {shlex.quote(files.name)} -o my-tok",
        )
    return ResolvedNames(files, folder)
