"""Look: what a tokenizer is, and what it does to a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Option

from tokbench.cli import options as o
from tokbench.cli.show import boxed, hint, put
from tokbench.cli.streams import stdout_for_a_reader, text_of
from tokbench.errors import AskedWrongly, plural

if TYPE_CHECKING:
    from tokbench.pretrained.folder import TokenizerFolder

Files = Annotated[
    list[str] | None,
    Option(
        "--file",
        help="Encode a corpus: files, folders, globs, - for stdin; repeat for more.",
        show_default=False,
    ),
]
IdFile = Annotated[Path | None, Option("--output", "-o", help="The file to write.", show_default="stdout")]
Format = Annotated[
    str, Option("--format", help="jsonl, bin, npy or arrow.", show_default="the file's suffix")
]


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
    text: Annotated[
        list[str] | None, typer.Argument(help="The text, or - for stdin.", metavar="TEXT")
    ] = None,
    pair: Annotated[str | None, Option(help="A second text, for pair models.", show_default=False)] = None,
    special: Annotated[
        bool, Option("--special-tokens/--no-special-tokens", help="Apply the post_processor.")
    ] = True,
    file: Files = None,
    output: IdFile = None,
    format: Format = "",
    column: o.Column = None,
    engine: o.Engine = "auto",
    force: o.Force = False,
    html: o.Html = None,
    json: o.AsJson = False,
    quiet: o.Quiet = False,
) -> None:
    """Show the tokens and ids of a text, or write those of files.

    With --file every line is a text, and its ids go to stdout as JSON lines, or to --output: .jsonl, .arrow,
    or .bin and .npy, flat arrays with the starts of the texts beside them.

    Example: `tokbench encode my-tok "Tokenizers break in silence."`
    """
    from tokbench.pretrained.encode import encode as encoded
    from tokbench.pretrained.folder import load
    from tokbench.report import looking

    if file:
        if pair is not None:
            raise AskedWrongly("pairs are not encoded from files", fix="leave out --pair")
        job = _Job([*file, *(text or ())], column, output, format, engine)
        _encode_files(load(tokenizer), job, special=special, force=force, json=json, quiet=quiet)
        return
    words = text_of(_only(text, (output, format, column)))
    result = encoded(load(tokenizer), words, pair, special=special)
    put(result, looking.encoded, "encoded", json=json, html=html, box=boxed(html, [tokenizer], words))


@dataclass(frozen=True)
class _Job:
    """Files to encode, as it was asked for."""

    files: Sequence[str]
    column: str | None
    output: Path | None
    format: str
    engine: str


def _only(text: Sequence[str] | None, unused: Sequence[object]) -> str:
    """The one text that was given, and nothing that is for files."""
    if any(unused):
        raise AskedWrongly("--output, --format and --column are for files", fix="name files with --file")
    if not text:
        raise AskedWrongly("there is no text to encode", fix='add "a text", or files with --file')
    if len(text) > 1:
        raise AskedWrongly(
            f"{len(text)} texts are too many", fix="put a text in quotes, or files after --file"
        )
    return text[0]


def _encode_files(
    folder: TokenizerFolder, job: _Job, *, special: bool, force: bool, json: bool, quiet: bool
) -> None:
    from tokbench.corpus.reading import open_corpus
    from tokbench.pretrained.encode_corpus import encode_corpus
    from tokbench.report import corpora
    from tokbench.report.progress import drawn

    with drawn(quiet=quiet) as progress:
        corpus = open_corpus(job.files, column=job.column, progress=progress)
        encoded = partial(
            encode_corpus,
            folder,
            corpus,
            format=job.format,
            special=special,
            engine=job.engine,
            force=force,
            progress=progress,
        )
        if job.output is None:
            with stdout_for_a_reader() as stream:
                done = encoded(stream)
                hint(f"{plural(done.tokens, 'token')} of {plural(done.texts, 'text')}", quiet=quiet)
            return
        result = encoded(job.output)
    put(result, corpora.encoded, "encoded-corpus", json=json)


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
    from tokbench.report.showing import for_eyes

    window = looking.decoded_chips if for_eyes() else looking.decoded
    put(decoded(load(tokenizer), ids, skip_special_tokens=skip), window, "decoded", json=json)
