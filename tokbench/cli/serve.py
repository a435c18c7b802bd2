"""Look, in a browser: the playground."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from typer import Argument, Option

TEXT = "Tokenizers break in silence. 토크나이저는 조용히 고장 난다. 👍🏽"


def playground(
    tokenizers: Annotated[
        list[str], Argument(help="Folders, tokenizer.json files or hub names.", show_default=False)
    ],
    port: Annotated[int, Option(min=0, max=65535, help="The port; 0 takes a free one.")] = 8017,
    text: Annotated[str, Option(help="The text to begin with.")] = TEXT,
) -> None:
    """Encode as you type, in a browser, with several tokenizers at once.

    Serves this machine only (127.0.0.1), until Ctrl-C. Needs the extra `web`.

    Example: `tokbench playground my-bpe my-wordpiece`
    """
    from tokbench.pretrained.folder import load
    from tokbench.report.playground import listening, serve

    folders = {name: load(name) for name in tokenizers}
    place = listening(port)
    typer.echo(f"http://{place.getsockname()[0]}:{place.getsockname()[1]}/")
    sys.stdout.flush()
    serve(folders, place, text=text)
