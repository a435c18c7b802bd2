"""Options that several commands share: one name, one help text, one meaning."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from tokbench.errors import UsageError

if TYPE_CHECKING:
    from tokbench.corpus.cleaning.choices import Cleaning

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
Clean = Annotated[
    list[str] | None,
    Option(
        "--clean",
        help="Clean texts: html nfc lower strip dedup=UNIT near match=REGEX min-chars=N …, by commas.",
        metavar="STEPS",
        show_default=False,
    ),
]
Weights = Annotated[
    str,
    Option(help="Bytes of each source to those of the others: en=3,ko=1.", metavar="NAME=N,…"),
]
Sample = Annotated[str, Option("--sample", help="Only so much: 100000 texts, 10%, 1GB.", metavar="SIZE")]
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
Out = Annotated[
    Path | None,
    Option("--output", "-o", help="The folder to write; not needed with --dry-run.", show_default=False),
]
DryRun = Annotated[bool, Option("--dry-run", help="Show the plan of rows; write nothing.")]
Pad = Annotated[
    int | None, Option(min=1, help="Round the rows up to a multiple of N.", metavar="N", show_default=False)
]
Seed = Annotated[int, Option(help="Of the numbers that normal draws.")]
ForceIds = Annotated[
    bool, Option("--force-ids", help="Go on where check says that the ids are not the model's.")
]
Vocabulary = Annotated[
    list[str] | None,
    Option(
        help="Of a model with several vocabularies: the config's key of this one; repeat for more.",
        metavar="KEY",
    ),
]
Trust = Annotated[
    bool, Option("--trust-remote-code", help="Run the code in the model's folder; only where you trust it.")
]
Prove = Annotated[
    bool, Option("--prove", help="Load a model beyond 500 MB too, and compare what it answers.")
]


def refuse_no_output(output: Path | None, *, dry_run: bool) -> None:
    """UsageError where nothing would come of it: no folder, and no dry run."""
    if output is None and not dry_run:
        raise UsageError("no folder to write was named", fix="-o FOLDER, or --dry-run to see the plan")


def cleaning(clean: Sequence[str] | None, weights: str, sample: str) -> Cleaning:
    """What --clean, --weights and --sample ask for."""
    from tokbench.corpus.cleaning.choices import parse_cleaning

    return parse_cleaning(clean or (), weights=weights, sample=sample)


def pairs(settings: Sequence[str] | None, example: str) -> dict[str, str]:
    """`key=value` words as a mapping; raises UsageError for a word without a key or `=`."""
    chosen: dict[str, str] = {}
    for word in settings or ():
        key, sign, value = word.partition("=")
        if not (key and sign):
            raise UsageError(f"{word!r} is not of the form key=value", fix=f"write for example {example}")
        chosen[key] = value
    return chosen
