"""Other libraries at work without bars, tables and advice; errors still raise, settings come back."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

TRANSFORMERS = "transformers.utils.logging"
VERBOSITY = "TRANSFORMERS_VERBOSITY"


@contextmanager
def quiet(*, stdout: bool = True) -> Iterator[None]:
    """Silence transformers inside, its first import included.

    Without `stdout` nothing comes out there either: the Rust library prints there what it ignores.
    """
    settings, level = _transformers()
    shown = settings.is_progress_bar_enabled()
    if level != logging.ERROR:  # a level that is set, were it the same, costs all loggers what they remember
        settings.set_verbosity_error()
    settings.disable_progress_bar()
    try:
        with warnings.catch_warnings(action="ignore"), nullcontext() if stdout else _no_stdout():
            yield
    finally:
        if settings.get_verbosity() != level:
            settings.set_verbosity(level)
        if shown:
            settings.enable_progress_bar()


@contextmanager
def quiet_hub() -> Iterator[None]:
    """Silence the hub's client inside."""
    from huggingface_hub.utils.tqdm import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    logger = logging.getLogger("huggingface_hub")
    level, shown = logger.level, not are_progress_bars_disabled()
    logger.setLevel(logging.ERROR)
    if shown:
        disable_progress_bars()
    try:
        yield
    finally:
        logger.setLevel(level)
        if shown:
            enable_progress_bars()


@contextmanager
def quiet_datasets(*, offline: bool = False) -> Iterator[None]:
    """Hide the bars of `datasets` inside; `offline` it looks into its cache alone, without a word."""
    import datasets

    shown, level = not datasets.are_progress_bars_disabled(), datasets.logging.get_verbosity()
    before = datasets.config.HF_HUB_OFFLINE  # read at each call
    datasets.disable_progress_bars()
    if offline:
        datasets.config.HF_HUB_OFFLINE = True
        datasets.logging.set_verbosity_error()
    try:
        yield
    finally:
        datasets.config.HF_HUB_OFFLINE = before
        datasets.logging.set_verbosity(level)
        if shown:
            datasets.enable_progress_bars()


def _transformers() -> tuple[Any, int]:
    """Its logging module, and its verbosity outside; the first import, without torch, would give advice."""
    before, is_first = os.environ.get(VERBOSITY), TRANSFORMERS not in sys.modules
    os.environ[VERBOSITY] = "error"
    try:
        from transformers.utils import logging as settings
    finally:
        os.environ.pop(VERBOSITY) if before is None else os.environ.update({VERBOSITY: before})
    level: int = settings.get_verbosity()
    return settings, logging.WARNING if is_first and before is None else level


@contextmanager
def _no_stdout() -> Iterator[None]:
    """Nothing on file descriptor 1, which is for results, of what is written inside."""
    try:
        before = os.dup(1)
        if sys.stdout is not None:
            sys.stdout.flush()  # what Python holds back of results is none of it
    except (OSError, ValueError):  # no stdout, or a full one: who writes next says so
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        if sys.stdout is not None:
            with suppress(OSError, ValueError):
                sys.stdout.flush()
        os.dup2(before, 1)
        os.close(before)
        os.close(nowhere)
