"""The library's own trainers, each run in a process of its own.

There Ctrl-C, a Rust panic or a lack of memory ends that process and not ours, and nothing the library
prints reaches our terminal.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from tokenizers import Tokenizer
from tokenizers.trainers import Trainer

from tokbench.errors import RecipeProblem
from tokbench.progress import Progress, silent
from tokbench.training.process import ask


def train(
    tokenizer: Tokenizer, trainer: Trainer, batches: Iterable[list[str]], *, progress: Progress = silent
) -> Tokenizer:
    """A new tokenizer: this one, its model trained on these texts; the one given is left as it was."""
    answer = ask(_request(tokenizer, trainer, "tokenizer"), batches, progress)
    return Tokenizer.from_str(answer.decode())


def tally(
    tokenizer: Tokenizer, trainer: Trainer, batches: Iterable[list[str]], *, progress: Progress = silent
) -> dict[str, int]:
    """The words this trainer saw in these texts and how often, in no order."""
    state = json.loads(ask(_request(tokenizer, trainer, "state"), batches, progress))
    counts: dict[str, int] = _options(state)["words"]
    return counts


def _request(tokenizer: Tokenizer, trainer: Trainer, answer: str) -> dict[str, str]:
    """What child.work needs to do the same as here."""
    return {
        "tokenizer": _as_json(tokenizer),
        "trainer": type(trainer).__name__,
        "state": _state(trainer),
        "answer": answer,
    }


def _as_json(tokenizer: Tokenizer) -> str:
    """The tokenizer as JSON; blocks written in Python have none."""
    try:
        return tokenizer.to_str()
    except Exception as error:  # the library raises nothing narrower
        raise RecipeProblem(
            f"this tokenizer cannot be written as JSON: {error}",
            fix="use the library's own blocks instead of custom ones",
        ) from error


def _state(trainer: Trainer) -> str:
    """The trainer's options as JSON, set to tell its progress as JSON lines where it can and to draw none."""
    state = json.loads(trainer.__getstate__())
    options = _options(state)
    options["show_progress"] = False
    if "progress_format" in options:
        options["progress_format"] = "JsonLines"
    return json.dumps(state)


def _options(state: dict[str, Any]) -> dict[str, Any]:
    """The options within a trainer's state; WordPiece keeps them in the BPE trainer it stands on."""
    options: dict[str, Any] = next(iter(state.values()))
    inner: dict[str, Any] = options.get("bpe_trainer", options)
    return inner
