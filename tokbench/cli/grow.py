"""Grow: add tokens to a tokenizer, and the rows for them to its model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Option

from tokbench.cli import options as o
from tokbench.cli.show import hint, put


def add_tokens(
    tokenizer: o.Tokenizer,
    output: o.Folder,
    special: Annotated[
        list[str] | None,
        Option(help="A special token: never split, left out by decode; repeat for more.", metavar="TOKEN"),
    ] = None,
    token: Annotated[
        list[str] | None,
        Option(help="A regular token: a whole word kept in one piece; repeat for more.", metavar="TOKEN"),
    ] = None,
    special_file: Annotated[
        Path | None, Option(help="Special tokens, one a line.", show_default=False)
    ] = None,
    token_file: Annotated[Path | None, Option(help="Regular tokens, one a line.", show_default=False)] = None,
    model: Annotated[
        str | None, Option(help="Grow this model too: a folder or hub name.", show_default=False)
    ] = None,
    start: Annotated[
        str, Option(help="How a new row starts: pieces (mean of its old pieces), mean, zero.")
    ] = "pieces",
    pad_to_multiple_of: Annotated[
        int | None, Option(min=1, help="Round the rows up to a multiple of this.", show_default=False)
    ] = None,
    force: o.Force = False,
    json: o.AsJson = False,
) -> None:
    """Add tokens, and grow the model in the same act.

    A special token is markup, such as `[E1]`: it never splits, normalizers leave it alone, and decode can
    skip it. A regular token is a word of the language, such as hospitalization: it is text like any
    other, only kept in one piece, and never matches inside a longer word.

    Example: `tokbench add-tokens my-tok --special "[E1]" --token COVID --model my-model -o grown`
    """
    from tokbench.model.grow import add_and_save
    from tokbench.pretrained.added_tokens import read_tokens
    from tokbench.report import growing

    growth = add_and_save(
        tokenizer,
        output,
        special=[*(special or ()), *(read_tokens(special_file) if special_file else ())],
        regular=[*(token or ()), *(read_tokens(token_file) if token_file else ())],
        model=model,
        start=start,
        pad_to_multiple_of=pad_to_multiple_of,
        force=force,
    )
    put(growth, growing.growth, "growth", json=json)
    hint(f"check: tokbench check {output}")
