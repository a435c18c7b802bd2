"""What a finished run wrote of itself, read back as the Run that it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tokbench.errors import FileError
from tokbench.finetuning.read_record import record_from_data
from tokbench.finetuning.result import Evaluation, Run
from tokbench.finetuning.run_files import HYPERPARAMETERS, METRICS


def run_in(folder: Path) -> Run:
    """The run that a finished folder tells of; FileError where its numbers are not those we write."""
    path = folder / METRICS
    try:
        saved = json.loads(path.read_text(encoding="utf-8"))
        for name in ("beats_majority", "learned"):
            saved.pop(name, None)
        looks = tuple(Evaluation(**each) for each in saved.pop("evaluations"))
        read = record_from_data(saved.pop("read"))
        place = {"output": str(folder), "command": _command(folder)}
        return Run(**{**_as_tuples(saved), "evaluations": looks, "read": read, **place})
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as problem:
        raise FileError(
            f"{path} does not tell of a run as this version writes it", fix="--force trains it again"
        ) from problem


def _command(folder: Path) -> str:
    """The command that makes a finished run again, beside it."""
    from tokbench.finetuning.card import command

    choices = json.loads((folder / HYPERPARAMETERS).read_text(encoding="utf-8"))
    return command(choices, output=str(folder), whole=True)


def _as_tuples(value: Any) -> Any:  # noqa: ANN401  whatever JSON holds
    """The value with tuples for lists, however deep."""
    if isinstance(value, list):
        return tuple(_as_tuples(each) for each in value)
    if isinstance(value, dict):
        return {name: _as_tuples(each) for name, each in value.items()}
    return value
