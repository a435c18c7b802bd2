"""Adapt: a model that gets another vocabulary."""

from __future__ import annotations

import shlex
from typing import Annotated

from typer import Option

from tokbench.cli import options
from tokbench.cli.options import DryRun, ForceIds, Out, Pad, Prove, Seed, Trust, Vocabulary, refuse_no_output
from tokbench.cli.output import hint_written, put


def transplant(
    tokenizer: options.Tokenizer,
    model: Annotated[str, Option(help="The model: a folder or hub name.", show_default=False)],
    output: Out = None,
    corpus: Annotated[
        list[str] | None,
        Option(
            help="Texts that the model will see, .txt, .jsonl, .csv …; repeat for more.", show_default=False
        ),
    ] = None,
    old_tokenizer: Annotated[
        str | None,
        Option(help="The tokenizer that the model was trained with.", show_default="the one beside it"),
    ] = None,
    prove: Prove = False,
    start: Annotated[
        str,
        Option(
            help="How rows start: aligned, pieces, copy (of the same spelling), focus, mean, normal, zero.",
            show_default="aligned with a corpus, else pieces",
        ),
    ] = "",
    seed: Seed = 0,
    pad_to_multiple_of: Pad = None,
    vocabulary: Vocabulary = None,
    force_ids: ForceIds = False,
    trust_remote_code: Trust = False,
    column: options.Column = None,
    dry_run: DryRun = False,
    force: options.Force = False,
    html: options.Html = None,
    json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Give a model another tokenizer, each token a row.

    aligned: both tokenizers read the corpus, and a new token's row is the mean of the old rows that stand
    where it stands. pieces: of what the old tokenizer makes of the token's text. Special tokens get the row
    of the same role. Texts that are kept out tell how near their vectors stay to the old ones; train the
    rows on before you rely on them.

    Example: `tokbench transplant my-tok --model my-model --corpus corpus.txt -o moved`
    """
    import tokbench as tb
    from tokbench.corpus.reading import CorpusPaths
    from tokbench.reporting.bars import draw_progress
    from tokbench.reporting.views import grow as grow_view

    refuse_no_output(output, dry_run=dry_run)
    with draw_progress(quiet=quiet) as progress:
        moved = tb.transplant(
            tokenizer,
            model=model,
            old_tokenizer=old_tokenizer,
            corpus=CorpusPaths(corpus) if corpus else None,
            column=column,
            output=output,
            dry_run=dry_run,
            force=force,
            progress=progress,
            start=start,
            seed=seed,
            pad_to_multiple_of=pad_to_multiple_of,
            vocabulary=vocabulary or (),
            force_ids=force_ids,
            trust_remote_code=trust_remote_code,
            prove=prove,
        )
    put(moved, grow_view.transplanted, "transplant", json=json, html=html)
    hint_written(
        f"check: tokbench check {shlex.quote(str(output))}",
        dry_run=dry_run,
        quiet=quiet,
    )
