"""Look: the ids of texts, of files and of tagged sentences, and ids back to text."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Option

from tokbench.cli import options
from tokbench.cli.output import boxed, hint, piped, put, say, say_fallback, stdout_for_a_reader, text_of
from tokbench.errors import UsageError, did_you_mean, plural

if TYPE_CHECKING:
    from tokbench.encoding.encode import Encoded, EncodedBatch
    from tokbench.pretrained.folder import TokenizerFolder

LENGTHS, FILES = "Lengths", "Files"  # panels of help
RETURNS = ("ids", "tokens", "json", "npy")
Files = Annotated[
    list[str] | None,
    Option(
        "--file",
        help="Encode a corpus: files, folders, globs, - for stdin; repeat for more.",
        show_default=False,
        rich_help_panel=FILES,
    ),
]
IdFile = Annotated[
    Path | None,
    Option("--output", "-o", help="The file to write.", show_default="stdout", rich_help_panel=FILES),
]
Format = Annotated[
    str,
    Option(
        "--format",
        help="jsonl, bin, npy or arrow.",
        show_default="the file's suffix",
        rich_help_panel=FILES,
    ),
]
Threads = Annotated[
    int | None,
    Option("--threads", help="Encode files with so many.", show_default=False, rich_help_panel=FILES),
]
Column = Annotated[
    str | None,
    Option(
        "--column",
        "-c",
        help="The column of a table that holds the text.",
        show_default=False,
        rich_help_panel=FILES,
    ),
]
Engine = Annotated[
    str,
    Option(
        "--engine",
        help="auto, compiled or library; the result is the same, compiled is much faster.",
        rich_help_panel=FILES,
    ),
]
Pair = Annotated[
    list[str] | None,
    Option(
        help="A second text, for each text; with --file a column, or a file of as many lines.",
        show_default=False,
    ),
]
Returns = Annotated[
    str,
    Option("--return", help="ids, tokens (JSON), json, or npy.", show_default="chips and a table"),
]
Labels = Annotated[
    Path | None,
    Option("--labels", help="A CoNLL file: show a row's tokens with their labels.", show_default=False),
]
MaxLength = Annotated[
    int | None,
    Option(help="Keep so many tokens, special ones included.", show_default="all", rich_help_panel=LENGTHS),
]
Truncation = Annotated[
    str,
    Option(
        help="Which of two texts is cut: longest_first, only_first, only_second, none.",
        rich_help_panel=LENGTHS,
    ),
]
Side = Annotated[str, Option(help="left or right.", show_default="the tokenizer's", rich_help_panel=LENGTHS)]
Overflow = Annotated[
    bool, Option("--overflow", help="What is cut off makes rows too.", rich_help_panel=LENGTHS)
]
Stride = Annotated[
    int, Option(help="Tokens that such a row shares with the one before.", rich_help_panel=LENGTHS)
]
Padding = Annotated[
    str,
    Option(help="Fill rows up: longest, max_length.", show_default="none", rich_help_panel=LENGTHS),
]
Multiple = Annotated[
    int | None,
    Option(help="Fill up to a multiple of this.", show_default=False, rich_help_panel=LENGTHS),
]


def encode(
    tokenizer: options.Tokenizer,
    text: Annotated[
        list[str] | None,
        typer.Argument(help="Texts, or - for stdin, which is read when piped.", metavar="TEXT"),
    ] = None,
    pair: Pair = None,
    special: Annotated[
        bool, Option("--special-tokens/--no-special-tokens", help="Apply the post_processor.")
    ] = True,
    chat: options.ChatFile = None,
    labels: Labels = None,
    row: Annotated[int, Option(help="Which row of --labels.")] = 1,
    returned: Returns = "",
    max_length: MaxLength = None,
    truncation: Truncation = "longest_first",
    truncation_side: Side = "",
    overflow: Overflow = False,
    stride: Stride = 0,
    padding: Padding = "",
    padding_side: Side = "",
    pad_to_multiple_of: Multiple = None,
    file: Files = None,
    output: IdFile = None,
    format: Format = "",
    column: Column = None,
    engine: Engine = "auto",
    threads: Threads = None,
    force: options.Force = False,
    html: options.Html = None,
    json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Show the tokens and ids of a text, or write those of files.

    With --file every line is a text, and its ids go to stdout as JSON lines, or to --output: .jsonl, .arrow,
    or .bin and .npy, flat arrays with the starts of the texts beside them.

    Example: `tokbench encode my-tok "Tokenizers break in silence."` ·
    `tokbench encode my-tok "Who?" "Why?" --padding longest --return ids` ·
    `tokbench encode chat-tok --chat messages.json`
    """
    lengths = {
        "max_length": max_length,
        "truncation": truncation,
        "truncation_side": truncation_side,
        "padding": padding,
        "padding_side": padding_side,
        "pad_to_multiple_of": pad_to_multiple_of,
    }
    windows = {"overflow": overflow or stride > 0, "stride": stride}
    shown = _Shown(output if returned == "npy" else None, returned, force, html, json, quiet)
    _check_returned(shown, output, [*(file or ()), *([labels] if labels else [])])
    for_files: dict[str, object] = {
        "--output": None if shown.output else output,
        "--format": format,
        "--column": column,
    }
    for_files["--threads"] = threads
    if labels is not None:
        _refuse("--labels", {"a text": text, "--pair": pair, "--chat": chat, "--file": file, **for_files})
        without_effect = {"--padding": padding, "--overflow": windows["overflow"]}
        without_effect |= {"--truncation-side": truncation_side, "--no-special-tokens": not special}
        _refuse("--labels", without_effect)
        return _show_labels(tokenizer, labels, row, max_length, shown)
    if file:
        _refuse("--file", {"--chat": chat, "--overflow": windows["overflow"]})
        _once_from_stdin(file, text, pair)
        job = _Job([*file, *(text or ())], column, _only(pair), output, format, engine, threads)
        return _encode_files(tokenizer, job, {**lengths, "special": special}, shown)
    if chat is not None:
        _refuse("--chat", {"a text": text, "--pair": pair, **for_files})
        return _show(tokenizer, None, {**lengths, **windows, "chat": chat}, shown)
    if any(for_files.values()):
        raise UsageError(f"{', '.join(for_files)} are for files", fix="name files with --file")
    given = text or piped("text")
    _once_from_stdin(given, pair)
    words = [text_of(each) for each in given]
    pair = None if pair is None else [text_of(each) for each in pair]
    return _show(tokenizer, words, {**lengths, **windows, "special": special, "pair": pair}, shown)


def _refuse(what: str, beside: Mapping[str, object]) -> None:
    """UsageError for what is not asked together with this."""
    for name, given in beside.items():
        if given:
            raise UsageError(f"{what} is read without {name}", fix=f"leave out {name}, or ask one at a time")


def _once_from_stdin(*several: Sequence[str] | None) -> None:
    """UsageError where stdin is to be read for more than one thing: its end comes once."""
    if sum(words.count("-") for words in several if words) > 1:
        raise UsageError("stdin can be read once only", fix="keep one - and name a file for the other")


def _only(pair: Sequence[str] | None) -> str | None:
    if pair and len(pair) > 1:
        raise UsageError("files have one --pair: a column, or a file", fix="leave out the others")
    return pair[0] if pair else None


@dataclass(frozen=True)
class _Shown:
    """How a result is put: into which array, as what."""

    output: Path | None
    returned: str
    force: bool
    html: Path | None
    json: bool
    quiet: bool


@dataclass(frozen=True)
class _Job:
    """Files to encode, as it was asked for."""

    files: Sequence[str]
    column: str | None
    pair: str | None
    output: Path | None
    format: str
    engine: str
    threads: int | None


def _check_returned(shown: _Shown, output: Path | None, files: Sequence[object]) -> None:
    """UsageError for what cannot be returned, or not together."""
    if not shown.returned:
        return
    if shown.returned not in RETURNS:
        raise UsageError(
            f"there is no --return {shown.returned!r}", fix=did_you_mean(shown.returned, RETURNS)
        )
    if files:
        raise UsageError("--return is for texts", fix="--format and --output, or --json with --labels")
    if shown.html is not None or (shown.json and shown.returned != "json"):
        raise UsageError(f"--return {shown.returned} is returned alone", fix="leave out --json and --html")
    if shown.returned == "npy" and output is None:
        raise UsageError("an array needs a file to go to", fix="--return npy -o ids.npy")


def _show_labels(tokenizer: str, labels: Path, row: int, max_length: int | None, shown: _Shown) -> None:
    from tokbench.finetuning.aligned import align_labels
    from tokbench.reporting.views import look as look_view

    found = align_labels(tokenizer, labels, row=row, max_length=max_length)
    put(found, look_view.aligned, "aligned", json=shown.json, html=shown.html)


def _show(tokenizer: str, texts: Sequence[str] | None, how: dict[str, Any], shown: _Shown) -> None:
    """Encode one text or chat, or several texts, and put what was asked for."""
    from tokbench.encoding.encode import EncodedBatch
    from tokbench.encoding.encode import encode as encoded
    from tokbench.pretrained.folder import load
    from tokbench.reporting.views import look as look_view

    folder = load(tokenizer)
    if texts is None:
        result = encoded(folder, **how)
    elif len(texts) == 1 and len(how["pair"] or ()) <= 1:
        result = encoded(folder, texts[0], **{**how, "pair": _only(how["pair"])})
    else:
        result = encoded(folder, texts, **how)
    _say_how_it_loads(folder, quiet=shown.quiet)
    rows = result if isinstance(result, EncodedBatch) else [result]
    if shown.output is not None:
        return _write_array(rows, shown.output, force=shown.force, quiet=shown.quiet)
    if shown.returned in ("ids", "tokens"):
        return _return(rows, shown)
    box = boxed(shown.html, [tokenizer], texts[0]) if texts else ""
    as_json = shown.json or shown.returned == "json"
    if isinstance(result, EncodedBatch):
        return put(result, look_view.encoded_batch, "encoded-batch", json=as_json, html=shown.html, box=box)
    return put(result, look_view.encoded, "encoded", json=as_json, html=shown.html, box=box)


def _return(rows: EncodedBatch | Sequence[Encoded], shown: _Shown) -> None:
    """The ids, or the tokens as JSON, of each row in a line."""
    from tokbench.escapes import safe_json

    with stdout_for_a_reader() as stream:
        for row in rows:
            ids = " ".join(map(str, row.ids))
            line = ids if shown.returned == "ids" else safe_json(dumps(row.tokens, ensure_ascii=False))
            stream.write(f"{line}\n".encode())


def _write_array(rows: EncodedBatch | Sequence[Encoded], output: Path, *, force: bool, quiet: bool) -> None:
    """All ids as one array of int32 (rows, tokens)."""
    if len({len(row.ids) for row in rows}) > 1:
        raise UsageError("rows of different lengths make no array", fix="--padding longest")
    import numpy as np

    from tokbench.io.atomic import atomic_files

    with atomic_files(output, force=force) as (folder, _), (folder / output.name).open("wb") as file:
        np.save(file, np.array([row.ids for row in rows], np.int32), allow_pickle=False)
    hint(f"the array: {output}", quiet=quiet)


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


def _encode_files(tokenizer: str, job: _Job, how: Mapping[str, Any], shown: _Shown) -> None:
    from tokbench.corpus.reading import CorpusPaths
    from tokbench.encoding.encode_corpus import encode_corpus
    from tokbench.reporting.bars import draw_progress
    from tokbench.reporting.views import make

    with draw_progress(quiet=shown.quiet) as progress:
        encoded = partial(
            encode_corpus,
            tokenizer,
            CorpusPaths(job.files),
            column=job.column,
            pair=job.pair,
            format=job.format,
            engine=job.engine,
            threads=job.threads,
            force=shown.force,
            progress=progress,
            **how,
        )
        if job.output is None:
            with stdout_for_a_reader() as stream:
                done = encoded(output=stream)
                hint(f"{plural(done.tokens, 'token')} of {plural(done.texts, 'text')}", quiet=shown.quiet)
                say_fallback(done.why, quiet=shown.quiet)
            return
        result = encoded(output=job.output)
    put(result, make.encoded, "encoded-corpus", json=shown.json)
    say_fallback(result.why, quiet=shown.quiet)


def decode(
    tokenizer: options.Tokenizer,
    ids: Annotated[
        list[int] | None,
        typer.Argument(help="Token ids; without, stdin is read when piped.", show_default=False),
    ] = None,
    skip: Annotated[
        bool, Option("--skip-special-tokens/--keep-special-tokens", help="Leave special tokens out.")
    ] = False,
    file: Annotated[
        Path | None,
        Option(
            "--file",
            help="A file of ids: .jsonl, .npy, .bin, .arrow, .txt.",
            show_default=False,
            rich_help_panel=FILES,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        Option(
            "--output",
            "-o",
            help="The JSON lines to write.",
            show_default="stdout",
            rich_help_panel=FILES,
        ),
    ] = None,
    force: options.Force = False,
    json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Turn ids back into text.

    With --file, and where several lines of ids are piped in, every row becomes a JSON line with its text.

    Example: `tokbench decode my-tok 101 2023 102` · `tokbench decode my-tok --file ids.npy -o texts.jsonl`
    """
    from tokbench.encoding.encode import decode as decoded
    from tokbench.encoding.id_files import lines_of_ids
    from tokbench.reporting.destination import for_eyes
    from tokbench.reporting.views import look as look_view

    if ids and file is not None:
        raise UsageError("ids and --file are read one at a time", fix="leave out the ids, or --file")
    rows = [ids] if ids else []
    if not rows and file is None:
        rows = list(lines_of_ids(text_of(piped("ids")[0]).splitlines(), "stdin"))
    if file is not None or output is not None or len(rows) != 1:
        how = {"skip_special_tokens": skip, "force": force}
        return _decode_rows(tokenizer, file or rows, output, how, json=json, quiet=quiet)
    window = look_view.decoded_chips if for_eyes() else look_view.decoded
    return put(decoded(tokenizer, rows[0], skip_special_tokens=skip), window, "decoded", json=json)


def _decode_rows(
    tokenizer: str,
    rows: Path | Sequence[Sequence[int]],
    output: Path | None,
    how: dict[str, bool],
    *,
    json: bool,
    quiet: bool,
) -> None:
    from tokbench.encoding.decode_corpus import decode_corpus
    from tokbench.reporting.bars import draw_progress
    from tokbench.reporting.views import look as look_view

    with draw_progress(quiet=quiet) as progress:
        if output is None:
            with stdout_for_a_reader() as stream:
                decode_corpus(tokenizer, rows, output=stream, progress=progress, **how)
            return
        done = decode_corpus(tokenizer, rows, output=output, progress=progress, **how)
    put(done, look_view.decoded_corpus, "decoded-corpus", json=json)
