"""Share: pages of results for others, and what they need to know about this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from tokbench.cli import options
from tokbench.cli.output import put


def env(json: options.AsJson = False) -> None:
    """Print versions and what is installed, for a report.

    Example: `tokbench env`
    """
    from tokbench.finetuning.environment import environment
    from tokbench.reporting.views import finetune

    put(environment(tried=True), finetune.environment, "environment", json=json)


def report(
    results: Annotated[
        list[Path], Argument(help="Files that --json wrote: any command > result.json.", show_default=False)
    ],
    output: Annotated[Path, Option("--output", "-o", help="The page to write.")] = Path("report.html"),
    title: Annotated[str, Option(help="The heading of the page.")] = "tokbench report",
    force: options.Force = False,
    json: options.AsJson = False,
) -> None:
    """Make one web page of saved results; it opens without a network.

    Example: `tokbench check my-tok --json > check.json; tokbench report check.json -o report.html`
    """
    import tokbench as tb
    from tokbench.reporting.views import make

    put(tb.report(results, output, title=title, force=force), make.page, "page", json=json)
