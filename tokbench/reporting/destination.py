"""Where a result goes decides how it is shown: drawn on a terminal, tab-separated text in a pipe."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from contextlib import suppress

from tokbench.escapes import safe_lines

TYPE_CHECKING = False  # not typing's, whose import takes longer than `tokbench --help`
if TYPE_CHECKING:
    from typing import TextIO

    from tokbench.reporting.elements import Part


def show(parts: Iterable[Part], stream: TextIO | None = None) -> None:
    """Print the parts: drawn when the stream is a terminal, tab-separated text otherwise."""
    stream = stream or sys.stdout
    if for_eyes(stream):
        from tokbench.reporting.terminal import draw  # with rich, which a pipe need not wait for

        draw(parts, stream)
    else:
        from tokbench.reporting.elements import plain

        for part in parts:
            stream.write(plain(part) + "\n")


def tell(words: str) -> None:
    """Say on stderr, where people and logs read; what could drive a terminal shows as escapes.

    A stderr that is closed or full is no reason to end: the exit code says what is most important.
    """
    try:
        sys.stderr.write(safe_lines(words) + "\n")
        sys.stderr.flush()
    except (OSError, ValueError):  # what is still buffered would fail once more at Python's end
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def for_eyes(stream: TextIO | None = None) -> bool:
    """Whether someone looks: a terminal, or one is asked for as rich lets one ask."""
    stream = stream or sys.stdout
    asked = os.environ.get("TTY_COMPATIBLE") or ("1" if os.environ.get("FORCE_COLOR") else "")
    return asked == "1" or (asked != "0" and stream.isatty())
