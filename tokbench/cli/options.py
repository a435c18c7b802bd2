"""Options that several commands share: one name, one help text, one meaning."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from tokbench.errors import UsageError

CORPUS = "Files, folders, globs, or - for stdin: txt csv tsv json jsonl parquet .gz .zst .xz .bz2."
Corpus = Annotated[list[str], Argument(help=CORPUS, show_default=False)]
CorpusOrCounts = Annotated[
    list[str] | None,
    Argument(help=f"{CORPUS} None with --counts.", show_default=False),
]
Counts = Annotated[
    Path | None,
    Option("--counts", help="Train on counted words, from tokbench count, instead.", show_default=False),
]
Cased = Annotated[bool, Option("--cased", help="Keep upper and lower case apart.")]
Tokenizer = Annotated[
    str,
    Argument(help="A tokenizer's folder, a tokenizer.json, or a name on the hub.", show_default=False),
]
Output = Annotated[
    Path | None,
    Option("--output", "-o", help="The folder to write.", show_default="CORPUS-ALGORITHM"),
]
Folder = Annotated[Path, Option("--output", "-o", help="The folder to write.", show_default=False)]
Force = Annotated[bool, Option("--force", "-f", help="Replace what is there, once the new is complete.")]
AsJson = Annotated[bool, Option("--json", help="Print the result as JSON.")]
Html = Annotated[
    Path | None, Option("--html", help="Write the result as a page for a browser, too.", metavar="FILE")
]
Plot = Annotated[
    Path | None, Option("--plot", help="Write its curves as pictures, .svg or .png.", metavar="FILE")
]
Quiet = Annotated[bool, Option("--quiet", "-q", help="No progress, no hints.")]
Column = Annotated[
    str | None,
    Option("--column", "-c", help="The column of a table that holds the text.", show_default=False),
]
ChatFile = Annotated[
    Path | None,
    Option("--chat", help="A JSON file of messages, put through the chat template.", show_default=False),
]
Set = Annotated[
    list[str] | None,
    Option("--set", help="Any choice of the recipe: trainer.limit_alphabet=500.", metavar="KEY=VALUE"),
]
Preset = Annotated[
    str | None,
    Option("--preset", help="Start from this recipe; see tokbench presets.", show_default=False),
]
Engine = Annotated[
    str,
    Option("--engine", help="auto, compiled or library; the result is the same, compiled is much faster."),
]
VocabSize = Annotated[
    int | None,
    Option("--vocab-size", "-v", help="Tokens, special ones included.", show_default="30000"),
]
LikeVocabSize = Annotated[
    int | None,
    Option("--vocab-size", "-v", help="Tokens, special ones included.", show_default="as many as TOKENIZER"),
]
Added = Annotated[
    str,
    Option(help="Its tokens that were not learned: keep them, only the special ones, or drop them.",
           metavar="keep|special|drop"),
]  # fmt: skip
MinFrequency = Annotated[
    int | None,
    Option("--min-frequency", help="Only learn what occurs this often.", show_default="the recipe's"),
]
Special = Annotated[
    list[str] | None,
    Option("--special", help="One more special token; repeat for more.", metavar="TOKEN"),
]


def pairs(settings: Sequence[str] | None, example: str) -> dict[str, str]:
    """`key=value` words as a mapping; raises UsageError for a word without a key or `=`."""
    chosen: dict[str, str] = {}
    for word in settings or ():
        key, sign, value = word.partition("=")
        if not (key and sign):
            raise UsageError(f"{word!r} is not of the form key=value", fix=f"write for example {example}")
        chosen[key] = value
    return chosen
