"""Show a result: JSON when asked, otherwise its window; hints go to stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import TypeVar

import typer

from tokbench.report.parts import Part

Result = TypeVar("Result")


def put(result: Result, window: Callable[[Result], Iterable[Part]], kind: str, *, json: bool) -> None:
    """Print a result on stdout through its window, or as JSON of this kind."""
    if json:
        from tokbench.report.machine import as_json

        typer.echo(as_json(result, kind))
    else:
        from tokbench.report.showing import show

        show(window(result))


def hint(*lines: str, quiet: bool = False) -> None:
    """Say on stderr what to do next, when a person is looking."""
    if not quiet and sys.stderr.isatty():
        for line in lines:
            typer.echo(f"  {line}", err=True)
