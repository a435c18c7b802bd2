"""Check: what will break, before it does."""

from __future__ import annotations

from typing import Annotated

import typer
from typer import Option

from tokbench.cli import options as o
from tokbench.cli.show import put
from tokbench.errors import AskedWrongly


def check(
    tokenizer: Annotated[
        str | None, typer.Argument(help="A tokenizer's folder or tokenizer.json.", show_default=False)
    ] = None,
    model: Annotated[
        str | None, typer.Argument(help="The model's folder, when it is another.", show_default=False)
    ] = None,
    explain: Annotated[
        str | None, Option(help="Explain this code: cause, example, source.", show_default=False)
    ] = None,
    listed: Annotated[bool, Option("--list", help="List all rules with their codes.")] = False,
    quick: Annotated[bool, Option("--quick", help="Leave out what imports transformers.")] = False,
    json: o.AsJson = False,
) -> None:
    """Say what will break before it does; exit 1 if it will.

    Reads the tokenizer's files, config.json and the header of the weights; loads no model.

    Example: `tokbench check my-tok` · `tokbench check my-tok my-model` · `tokbench check --explain TB101`
    """
    from tokbench.check import rules
    from tokbench.report import checking

    if explain is not None:
        put(rules.explain(explain), checking.explanation, "explanation", json=json)
    elif listed:
        put(rules.explain_all(), checking.explanations, "explanations", json=json)
    elif tokenizer is None:
        raise AskedWrongly("check needs a tokenizer", fix="tokbench check my-tok")
    else:
        checkup = rules.check(tokenizer, model, quick=quick)
        put(checkup, checking.checkup, "checkup", json=json)
        raise typer.Exit(0 if checkup.passed else 1)
