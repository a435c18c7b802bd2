"""A text from the command line or stdin, and bytes to stdout for the next program in a pipe."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from tokbench.errors import DataProblem


def text_of(word: str) -> str:
    """The text that was given, or that of stdin for -; raises DataProblem for bytes that are not UTF-8."""
    raw = sys.stdin.buffer.read() if word == "-" else os.fsencode(word)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        where = "stdin" if word == "-" else "the text"
        raise DataProblem(
            f"{where} is not UTF-8: byte {error.start + 1} is 0x{raw[error.start]:02X}",
            fix="convert it: iconv -f latin1 -t utf-8",
        ) from error


@contextmanager
def stdout_for_a_reader() -> Iterator[BinaryIO]:
    """Where to write; a reader that has enough and leaves, as head does, ends the block without an error."""
    try:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        write_no_more()


def write_no_more() -> None:
    """What is still buffered for a reader who left goes nowhere; Python writes it at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
