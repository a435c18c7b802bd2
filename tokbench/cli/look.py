"""Look: what a tokenizer is, and what it does to a text."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Option

from tokbench.cli import options
from tokbench.cli.output import boxed, hint, put, say, say_fallback, stdout_for_a_reader, text_of
from tokbench.errors import UsageError, plural

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
ChatFile = Annotated[
    Path | None,
    Option("--chat", help="A JSON file of messages, put through the chat template.", show_default=False),
]
IdFile = Annotated[Path | None, Option("--output", "-o", help="The file to write.", show_default="stdout")]
Format = Annotated[
    str, Option("--format", help="jsonl, bin, npy or arrow.", show_default="the file's suffix")
]


def info(tokenizer: options.Tokenizer, json: options.AsJson = False) -> None:
    """Show what a tokenizer is: blocks, size, special tokens.

    Example: `tokbench info my-tok`
    """
    from tokbench.pretrained.info import info as described
    from tokbench.reporting.views import look as look_view

    put(described(tokenizer), look_view.info, "info", json=json)


def encode(
    tokenizer: options.Tokenizer,
    text: Annotated[
        list[str] | None, typer.Argument(help="The text, or - for stdin.", metavar="TEXT")
    ] = None,
    pair: Annotated[str | None, Option(help="A second text, for pair models.", show_default=False)] = None,
    special: Annotated[
        bool, Option("--special-tokens/--no-special-tokens", help="Apply the post_processor.")
    ] = True,
    chat: ChatFile = None,
    file: Files = None,
    output: IdFile = None,
    format: Format = "",
    column: options.Column = None,
    engine: options.Engine = "auto",
    force: options.Force = False,
    html: options.Html = None,
    json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Show the tokens and ids of a text, or write those of files.

    With --file every line is a text, and its ids go to stdout as JSON lines, or to --output: .jsonl, .arrow,
    or .bin and .npy, flat arrays with the starts of the texts beside them.

    Example: `tokbench encode my-tok "Tokenizers break in silence."` ·
    `tokbench encode chat-tok --chat messages.json`
    """
    from tokbench.pretrained.encode import encode as encoded
    from tokbench.pretrained.folder import load
    from tokbench.reporting.views import look as look_view

    if file:
        if pair is not None or chat is not None:
            odd = "--pair" if chat is None else "--chat"
            raise UsageError(f"--file encodes lines, which {odd} does not", fix=f"leave out {odd} or --file")
        job = _Job([*file, *(text or ())], column, output, format, engine)
        _encode_files(tokenizer, job, special=special, force=force, json=json, quiet=quiet)
        return
    if chat is not None:
        _refuse_text(text, pair, output, format, column)
        put(encoded(tokenizer, chat=chat), look_view.encoded, "encoded", json=json, html=html)
        return
    words = text_of(_only(text, (output, format, column)))
    folder = load(tokenizer)
    result = encoded(folder, words, pair=pair, special=special)
    _say_how_it_loads(folder, quiet=quiet)
    put(result, look_view.encoded, "encoded", json=json, html=html, box=boxed(html, [tokenizer], words))


def _say_how_it_loads(folder: TokenizerFolder, *, quiet: bool) -> None:
    """Say what is saved and not applied, and where transformers loads something else than tokenizer.json."""
    from tokbench.pretrained.token_facts import changed_flags, flag_words

    if folder.saved_lengths:
        say(f"saved in {folder.name}: {folder.saved_lengths}", quiet=quiet)
    changed = "; ".join(flag_words(changed_flags(folder.tokenizer, folder.config)))
    if changed:
        say(
            f"transformers loads {folder.name} with {changed}: tokbench check {shlex.quote(folder.name)}",
            quiet=quiet,
        )


def _refuse_text(*given: object) -> None:
    """UsageError for a text beside a chat, which is all that is read."""
    if any(given):
        raise UsageError("--chat is read alone, without a text, pair or file", fix="leave out the rest")


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
        raise UsageError("--output, --format and --column are for files", fix="name files with --file")
    if not text:
        raise UsageError("there is no text to encode", fix='add "a text", or files with --file')
    if len(text) > 1:
        raise UsageError(f"{len(text)} texts are too many", fix="put a text in quotes, or files after --file")
    return text[0]


def _encode_files(tokenizer: str, job: _Job, *, special: bool, force: bool, json: bool, quiet: bool) -> None:
    from tokbench.corpus.reading import CorpusPaths
    from tokbench.pretrained.encode_corpus import encode_corpus
    from tokbench.reporting.bars import draw_progress
    from tokbench.reporting.views import make

    with draw_progress(quiet=quiet) as progress:
        encoded = partial(
            encode_corpus,
            tokenizer,
            CorpusPaths(job.files),
            column=job.column,
            format=job.format,
            special=special,
            engine=job.engine,
            force=force,
            progress=progress,
        )
        if job.output is None:
            with stdout_for_a_reader() as stream:
                done = encoded(output=stream)
                hint(f"{plural(done.tokens, 'token')} of {plural(done.texts, 'text')}", quiet=quiet)
                say_fallback(done.why, quiet=quiet)
            return
        result = encoded(output=job.output)
    put(result, make.encoded, "encoded-corpus", json=json)
    say_fallback(result.why, quiet=quiet)


def decode(
    tokenizer: options.Tokenizer,
    ids: Annotated[list[int], typer.Argument(help="Token ids.", show_default=False)],
    skip: Annotated[
        bool, Option("--skip-special-tokens/--keep-special-tokens", help="Leave special tokens out.")
    ] = False,
    json: options.AsJson = False,
) -> None:
    """Turn ids back into text.

    Example: `tokbench decode my-tok 101 2023 102`
    """
    from tokbench.pretrained.encode import decode as decoded
    from tokbench.reporting.destination import for_eyes
    from tokbench.reporting.views import look as look_view

    window = look_view.decoded_chips if for_eyes() else look_view.decoded
    put(decoded(tokenizer, ids, skip_special_tokens=skip), window, "decoded", json=json)


def trace(
    tokenizer: options.Tokenizer,
    text: Annotated[
        str | None, typer.Argument(help="The text, or - for stdin.", metavar="TEXT", show_default=False)
    ] = None,
    chat: ChatFile = None,
    against: Annotated[
        str | None,
        Option(help="A second tokenizer: show where the two cut differently.", show_default=False),
    ] = None,
    pair: Annotated[
        str | None,
        Option(help="A second text: show how the two become one input.", metavar="TEXT", show_default=False),
    ] = None,
    why: Annotated[
        str | None,
        Option(
            help="Why these characters are not one token: START:END, or a word of the text.",
            metavar="SPAN",
            show_default=False,
        ),
    ] = None,
    html: options.Html = None,
    json: options.AsJson = False,
) -> None:
    """Follow a text through every block, and say why it is cut where.

    Example: `tokbench trace my-tok "Tokenizers break in silence." --why silence` ·
    `tokbench trace my-tok "Who broke?" --pair "The tokenizer did."` ·
    `tokbench trace chat-tok --chat messages.json`
    """
    from tokbench.pretrained.encode import trace as traced_steps
    from tokbench.reporting.views import trace as trace_view
    from tokbench.tracing.post_model import PairTrace
    from tokbench.tracing.side_by_side import SideBySide
    from tokbench.tracing.steps import Trace

    if chat is not None:
        _refuse_text(text, pair, against, why)
        talk = traced_steps(tokenizer, chat=chat)
        assert isinstance(talk, Trace)
        return put(talk, trace_view.trace, "trace", json=json, html=html)
    if text is None:
        raise UsageError("there is no text to trace", fix='add "a text", or --chat FILE')
    words = text_of(text)
    traced = traced_steps(tokenizer, words, pair=pair, against=against, span=_span(words, why))
    if isinstance(traced, PairTrace):
        return put(traced, trace_view.pair, "pair_trace", json=json, html=html)
    box = boxed(html, [tokenizer, *([against] if against else [])], words)
    if isinstance(traced, SideBySide):
        return put(traced, trace_view.side_by_side, "side_by_side", json=json, html=html, box=box)
    return put(traced, trace_view.trace, "trace", json=json, html=html, box=box)


def _span(text: str, why: str | None) -> tuple[int, int] | None:
    """START:END as numbers, or the place of a word in the text; UsageError for neither."""
    if why is None:
        return None
    if found := re.fullmatch(r"(\d+):(\d+)", why):
        return int(found[1]), int(found[2])
    if not why or why not in text:
        raise UsageError(f"{why!r} is not in the text", fix="--why 0:5 takes the first five characters")
    return text.index(why), text.index(why) + len(why)
