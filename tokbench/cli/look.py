"""Look: what a tokenizer is, and what it does to a text."""

from __future__ import annotations

from typing import Annotated

import typer
from typer import Option

from tokbench.cli import options as o
from tokbench.cli.show import put


def info(tokenizer: o.Tokenizer, json: o.AsJson = False) -> None:
    """Show what a tokenizer is: blocks, size, special tokens.

    Example: `tokbench info my-tok`
    """
    from tokbench.pretrained.describe import describe
    from tokbench.pretrained.folder import load
    from tokbench.report import looking

    put(describe(load(tokenizer)), looking.info, "info", json=json)


def encode(
    tokenizer: o.Tokenizer,
    text: Annotated[str, typer.Argument(help="The text, or - for stdin.", show_default=False)],
    pair: Annotated[str | None, Option(help="A second text, for pair models.", show_default=False)] = None,
    special: Annotated[
        bool, Option("--special-tokens/--no-special-tokens", help="Apply the post_processor.")
    ] = True,
    json: o.AsJson = False,
) -> None:
    """Show the tokens and ids of a text.

    Example: `tokbench encode my-tok "Tokenizers break in silence."`
    """
    from tokbench.pretrained.encode import encode as encoded
    from tokbench.pretrained.folder import load
    from tokbench.report import looking

    words = typer.get_text_stream("stdin").read() if text == "-" else text
    put(encoded(load(tokenizer), words, pair, special=special), looking.encoded, "encoded", json=json)


def decode(
    tokenizer: o.Tokenizer,
    ids: Annotated[list[int], typer.Argument(help="Token ids.", show_default=False)],
    skip: Annotated[
        bool, Option("--skip-special-tokens/--keep-special-tokens", help="Leave special tokens out.")
    ] = False,
    json: o.AsJson = False,
) -> None:
    """Turn ids back into text.

    Example: `tokbench decode my-tok 101 2023 102`
    """
    from tokbench.pretrained.encode import decode as decoded
    from tokbench.pretrained.folder import load
    from tokbench.report import looking

    put(decoded(load(tokenizer), ids, skip_special_tokens=skip), looking.decoded, "decoded", json=json)
