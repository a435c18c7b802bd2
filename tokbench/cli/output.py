"""Show a result: JSON when asked, otherwise its window; hints go to stderr."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TypeVar

import typer

from tokbench.errors import DataError, TokbenchError, UsageError
from tokbench.reporting.destination import tell
from tokbench.reporting.elements import Part


def text_of(word: str) -> str:
    """The text that was given, or that of stdin for -; raises DataError for bytes that are not UTF-8."""
    raw = sys.stdin.buffer.read() if word == "-" else os.fsencode(word)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        where = "stdin" if word == "-" else "the text"
        raise DataError(
            f"{where} is not UTF-8: byte {error.start + 1} is 0x{raw[error.start]:02X}",
            fix="convert it: iconv -f latin1 -t utf-8",
        ) from error


def piped(what: str) -> list[str]:
    """["-"] where a file or another program's output is at stdin; UsageError where nothing is to be read."""
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (AttributeError, OSError, ValueError):  # there is no stdin
        mode = 0
    if stat.S_ISFIFO(mode) or stat.S_ISREG(mode) or stat.S_ISSOCK(mode):
        return ["-"]
    said, fix = NOTHING[what]
    raise UsageError(said, fix=fix)


NOTHING = {
    "text": ("there is no text to read", 'add "a text", or files with --file'),
    "ids": ("there are no ids to read", "add ids: 1 2 3, or a file of them with --file"),
}


@contextmanager
def stdout_for_a_reader() -> Iterator[BinaryIO]:
    """Where to write; a reader that has enough and leaves, as head does, ends the block without an error."""
    try:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        write_no_more()


def write_no_more() -> None:
    """What is still buffered goes nowhere, instead of to a reader who left or a full disk at Python's end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


Result = TypeVar("Result")


def put(
    result: Result,
    window: Callable[[Result], Iterable[Part]],
    kind: str,
    *,
    json: bool,
    html: Path | None = None,
    plot: Path | None = None,
    box: str = "",
) -> None:
    """Print a result on stdout through its window, or as JSON of this kind; also as a page or a picture.

    A page or a picture of the same name is replaced: it is drawn from the result, which is the thing kept.
    `box` is what `boxed` gives: a page in which a reader encodes a text of theirs.
    """
    if html:
        from tokbench.reporting.html import Section
        from tokbench.reporting.pages import heading_of, write_page

        words = heading_of(kind)
        write_page(html, f"tokbench {words}", [Section(words, list(window(result)))], live=box, force=True)
        hint(f"the page: {html}")
    if plot:
        from tokbench.reporting.svg import save_plots

        save_plots(window(result), plot, force=True)
        hint(f"the picture: {plot}")
    with stdout_for_a_reader():
        _print(result, window, kind, json=json)


def boxed(html: Path | None, tokenizers: Iterable[str], text: str = "") -> str:
    """The box of a page for these tokenizers, when there is a page; only tokenizer.json can be carried."""
    if html is None:
        return ""
    from tokbench.pretrained.folder import load
    from tokbench.reporting.html import live

    carried = {}
    for name in tokenizers:
        with suppress(TokbenchError):
            carried[name] = load(name).raw
    return live(carried, text) if carried else ""


def _print(result: Result, window: Callable[[Result], Iterable[Part]], kind: str, *, json: bool) -> None:
    if json:
        from tokbench.results import as_json

        typer.echo(as_json(result, kind))
    else:
        from tokbench.reporting.destination import show

        show(window(result))


def say(words: str, *, quiet: bool = False) -> None:
    """Say on stderr, to people and to logs, what the work found on its way."""
    if not quiet:
        tell(words)


def say_fallback(why: str, *, quiet: bool = False) -> None:
    """Say on stderr that the library did the work because the compiled loops gave something else."""
    from tokbench.training.engine import DIFFERENT

    if why.startswith(DIFFERENT):
        say(f"the library did this: {why}", quiet=quiet)


def hint(*lines: str, quiet: bool = False) -> None:
    """Say on stderr what to do next, when a person is looking."""
    if not quiet and sys.stderr.isatty():
        for line in lines:
            tell(f"  {line}")


def hint_written(words: str, *, dry_run: bool, quiet: bool = False) -> None:
    """Say what to do with what was written; after a dry run, how to write it."""
    hint("write it: the same with -o FOLDER" if dry_run else words, quiet=quiet)
