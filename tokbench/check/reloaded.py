"""What transformers makes of a tokenizer's folder: AutoTokenizer, offline, running no code of the folder."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from logging import ERROR, WARNING
from pathlib import Path
from typing import Any

from tokbench.errors import FileProblem
from tokbench.pretrained.edge import translated

SILENCE = "TRANSFORMERS_VERBOSITY"


@dataclass(frozen=True)
class Reloaded:
    """The tokenizer of transformers, or the problem that it had with the folder."""

    tokenizer: Any = None
    problem: str = ""

    def ids(self, text: str, pair: str | None = None) -> list[int]:
        """The ids of a text as a user of transformers gets them."""
        with _quiet():
            return list(self.tokenizer(text, pair)["input_ids"])


def reload(folder: Path) -> Reloaded:
    """AutoTokenizer on the folder; imports transformers, which takes 2 to 3 seconds the first time."""
    with _quiet():
        from transformers import AutoTokenizer

        try:
            with translated(folder.name):
                found = AutoTokenizer.from_pretrained(
                    str(folder), local_files_only=True, trust_remote_code=False
                )
            return Reloaded(found)
        except FileProblem as error:
            return Reloaded(problem=in_words(error.__cause__ or error))
        except Exception as error:  # a damaged folder raises whatever its damage leads to
            return Reloaded(problem=in_words(error))


def in_words(error: BaseException) -> str:
    """The kind of an error and its message on one line of at most 160 characters."""
    words = " ".join(f"{type(error).__name__}: {error}".split())
    return words if len(words) <= 160 else words[:159] + "…"


@contextmanager
def _quiet() -> Iterator[None]:
    """No word from transformers, not even on its first import without torch; afterwards as before."""
    before = os.environ.get(SILENCE)
    os.environ[SILENCE] = "error"
    try:
        from transformers.utils import logging
    finally:
        os.environ.pop(SILENCE) if before is None else os.environ.update({SILENCE: before})
    level = logging.get_verbosity()
    logging.set_verbosity(ERROR)
    try:
        with warnings.catch_warnings(action="ignore"), _no_stdout():
            yield
    finally:
        logging.set_verbosity(WARNING if before is None and level == ERROR else level)


@contextmanager
def _no_stdout() -> Iterator[None]:
    """Nothing on file descriptor 1, which is for results: the Rust library prints there what it ignores."""
    try:
        before = os.dup(1)
    except OSError:  # no stdout at all
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        os.dup2(before, 1)
        os.close(before)
        os.close(nowhere)
