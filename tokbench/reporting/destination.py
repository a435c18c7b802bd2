"""Where a result goes decides how it is shown: drawn on a terminal, tab-separated text in a pipe."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TextIO

from tokbench.reporting.elements import Part, plain


def show(parts: Iterable[Part], stream: TextIO | None = None) -> None:
    """Print the parts: drawn when the stream is a terminal, tab-separated text otherwise."""
    stream = stream or sys.stdout
    if for_eyes(stream):
        from tokbench.reporting.terminal import draw  # with rich, which a pipe need not wait for

        draw(parts, stream)
    else:
        for part in parts:
            stream.write(plain(part) + "\n")


def for_eyes(stream: TextIO | None = None) -> bool:
    """Whether someone looks: a terminal, or one is asked for as rich lets one ask."""
    stream = stream or sys.stdout
    asked = os.environ.get("TTY_COMPATIBLE") or ("1" if os.environ.get("FORCE_COLOR") else "")
    return asked == "1" or (asked != "0" and stream.isatty())
