"""Corpora: cleaned, sampled, mixed and split into files that every other command reads."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

from typer import Option

from tokbench.cli import options
from tokbench.cli.output import hint, put
from tokbench.errors import UsageError

WHICH, HOW, LOOK = "Which texts stay", "How they are written", "Only look"
Out = Annotated[
    Path | None,
    Option(
        "--output",
        "-o",
        help="The file: .txt .jsonl .parquet, and .gz .zst .xz .bz2.",
        show_default=False,
    ),
]
Unit = Annotated[
    str,
    Option(
        help="Of dedup: text (a line, a row), line, paragraph, document (a file, a row).",
        show_default="text",
        rich_help_panel=WHICH,
    ),
]
Match = Annotated[
    str, Option("--match", help="Keep texts in which this is found.", metavar="REGEX", rich_help_panel=WHICH)
]
NotMatch = Annotated[
    str, Option("--not-match", help="Drop texts in which it is.", metavar="REGEX", rich_help_panel=WHICH)
]
MinChars = Annotated[int, Option(min=0, help="Drop shorter texts.", rich_help_panel=WHICH)]
MaxChars = Annotated[
    int, Option(min=0, help="Drop longer texts.", show_default="no cap", rich_help_panel=WHICH)
]
Sort = Annotated[
    str, Option("--sort", help="By text, or by a kept column.", metavar="COLUMN", rich_help_panel=HOW)
]
Shuffle = Annotated[bool, Option("--shuffle", help="In an order drawn by --seed.", rich_help_panel=HOW)]
Seed = Annotated[int, Option(min=0, help="Of sampling and shuffling.", rich_help_panel=HOW)]
Split = Annotated[
    str,
    Option(
        help="A file for each, by hash of the text: train=.9,test=.1.",
        metavar="NAME=SHARE,…",
        rich_help_panel=HOW,
    ),
]
Keep = Annotated[
    list[str] | None,
    Option(
        "--keep", help="A column that goes along; repeat for more.", metavar="COLUMN", rich_help_panel=HOW
    ),
]
Rename = Annotated[
    list[str] | None, Option(help="Give a column another name.", metavar="OLD=NEW", rich_help_panel=HOW)
]
Describe = Annotated[
    bool, Option("--describe", help="Look at what is there; clean and write nothing.", rich_help_panel=LOOK)
]
Against = Annotated[
    str | None,
    Option(
        "--tokenizer",
        help="With --describe: what this one drops of the texts.",
        metavar="TOKENIZER",
        show_default=False,
        rich_help_panel=LOOK,
    ),
]
DryRun = Annotated[bool, Option("--dry-run", help="Show what each step would drop; write nothing.")]


def corpus(
    sources: options.Corpus,
    output: Out = None,
    clean: options.Clean = None,
    unit: Unit = "",
    match: Match = "",
    not_match: NotMatch = "",
    min_chars: MinChars = 0,
    max_chars: MaxChars = 0,
    weights: options.Weights = "",
    sample: options.Sample = "",
    sort: Sort = "",
    shuffle: Shuffle = False,
    seed: Seed = 0,
    split: Split = "",
    column: options.Column = None,
    keep: Keep = None,
    rename: Rename = None,
    describe: Describe = False,
    tokenizer: Against = None,
    dry_run: DryRun = False,
    force: options.Force = False,
    html: options.Html = None,
    json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Clean, sample, mix and split corpora; show what each step drops.

    Steps run in one order: columns, html, unicode, lower, strip, empty, match, not-match, dedup, near,
    min-chars, max-chars, weights, sample, sort or shuffle, split. `--clean` names those that take no value
    of their own; blank texts are always dropped. The same corpus and options give the same bytes.

    Example: `tokbench corpus texts/ -o clean.jsonl.zst --clean html,nfc,dedup --split train=.9,test=.1`
    """
    import tokbench as tb
    from tokbench.corpus.reading import CorpusPaths
    from tokbench.reporting.bars import draw_progress
    from tokbench.reporting.views import make as make_view

    steps = clean, unit, match, not_match, min_chars, max_chars, weights, sample, sort, shuffle, split, keep
    _check(output, tokenizer, dry_run=dry_run, describe=describe, steps=any((*steps, rename)))
    if describe:
        _describe(sources, tokenizer, column, html=html, json=json, quiet=quiet)
        return
    with draw_progress(quiet=quiet) as progress:
        prepared = tb.prepare_corpus(
            CorpusPaths(sources),
            output,
            clean=clean or (),
            unit=unit,
            match=match,
            not_match=not_match,
            min_chars=min_chars,
            max_chars=max_chars,
            weights=weights,
            sample=sample,
            sort=sort,
            shuffle=shuffle,
            seed=seed,
            split=split,
            column=column,
            keep=keep or (),
            rename=options.pairs(rename, "--rename review=text"),
            dry_run=dry_run,
            force=force,
            progress=progress,
        )
    put(prepared, make_view.prepared, "prepared", json=json, html=html)
    first = shlex.quote(str(prepared.files[0].path))
    hint(
        "write it: the same with -o clean.jsonl" if dry_run else f"train: tokbench train-bpe {first}",
        quiet=quiet,
    )


def _check(output: Path | None, tokenizer: str | None, *, dry_run: bool, describe: bool, steps: bool) -> None:
    """UsageError for what does not go together."""
    if describe and output is not None:
        raise UsageError(f"--describe writes no corpus, and {output} was named", fix="leave out --output")
    if describe and steps:
        raise UsageError(
            "--describe looks at a corpus as it is", fix="write what the steps make of it, and describe that"
        )
    if tokenizer is not None and not describe:
        raise UsageError("--tokenizer is for --describe", fix="add --describe")
    if output is None and not (dry_run or describe):
        raise UsageError(
            "there is nowhere to write to",
            fix="name a file, -o clean.jsonl, or only look with --dry-run or --describe",
        )


def _describe(
    sources: list[str],
    tokenizer: str | None,
    column: str | None,
    *,
    html: Path | None,
    json: bool,
    quiet: bool,
) -> None:
    """Look at a corpus, and at what a tokenizer loses of it."""
    import tokbench as tb
    from tokbench.corpus.reading import CorpusPaths
    from tokbench.reporting.bars import draw_progress
    from tokbench.reporting.views import compare as compare_view

    with draw_progress(quiet=quiet) as progress:
        found = tb.describe_corpus(
            CorpusPaths(sources), tokenizer=tokenizer, column=column, progress=progress
        )
    put(found, compare_view.described, "corpus_description", json=json, html=html)
