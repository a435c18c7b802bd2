"""Look at tokenizers side by side, and at one in many sizes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from tokbench.cli import options as o
from tokbench.cli.scorers import scorers_of
from tokbench.cli.serve import TEXT
from tokbench.cli.show import boxed, hint, put

Tokenizers = Annotated[
    list[str],
    typer.Argument(
        help="Folders, tokenizer.json, hub names, SentencePiece .model, tiktoken:o200k_base.",
        show_default=False,
    ),
]
Corpora = Annotated[
    list[str] | None,
    Option("--corpus", help="A corpus: file, folder, glob or -; repeat for more.", metavar="FILE"),
]
Parallel = Annotated[
    list[str] | None,
    Option(
        "--parallel",
        help="A language of lines that say the same, the base first; repeat for more.",
        metavar="FILE",
    ),
]
Model = Annotated[
    list[str] | None,
    Option(
        "--model",
        help="Tell bits per byte of this causal model: one a tokenizer, in order, or TOKENIZER=MODEL.",
        metavar="MODEL",
    ),
]
Sample = Annotated[int | None, Option(min=1, help="Take so many texts of each corpus.", show_default="all")]


def compare(
    tokenizers: Tokenizers,
    corpus: Corpora = None,
    parallel: Parallel = None,
    model: Model = None,
    column: o.Column = None,
    sample: Sample = None,
    seed: Annotated[int, Option(min=0, help="Draws what is sampled; same seed, same texts.")] = 42,
    max_length: Annotated[
        int | None, Option(min=1, help="Tell how many texts are longer.", show_default=False)
    ] = None,
    html: o.Html = None,
    plot: o.Plot = None,
    json: o.AsJson = False,
    quiet: o.Quiet = False,
) -> None:
    """Compare tokenizers on corpora: length, loss, use, evenness, speed.

    Words are those of Unicode's standard (UAX #29). The whole corpus is counted; what takes decoding or
    offsets is looked at in a sample of it, and so is what a language model makes of the texts. JSON has
    every measure, histograms included. On a CPU a model takes minutes: --sample 200 makes it quick.

    Example: `tokbench compare my-bpe my-unigram --corpus en.txt --corpus ko.txt --max-length 512`
    """
    from tokbench.analysis.comparison import Ways
    from tokbench.analysis.comparison import compare as compared
    from tokbench.report import charting, comparing
    from tokbench.report.progress import drawn

    ways = Ways(column=column, sample=sample, seed=seed, max_length=max_length)
    scorers = scorers_of(tokenizers, model or ())
    with drawn(quiet=quiet) as progress:
        result = compared(
            tokenizers,
            corpus or (),
            parallels=parallel or (),
            scorers=scorers,
            ways=ways,
            progress=progress,
        )
    window = charting.page if html or plot else comparing.comparison
    put(result, window, "comparison", json=json, html=html, plot=plot, box=boxed(html, tokenizers, TEXT))


def sweep(
    corpus: o.Corpus,
    sizes: Annotated[
        str, Option(help="2000:64000:x2, 8000:32000:+8000, or 1000,2000,4000.")
    ] = "2000:64000:x2",
    recipe: Annotated[
        str, Option(help="bpe, wordpiece, unigram, wordlevel, character, a preset, or a recipe's TOML file.")
    ] = "bpe",
    setting: o.Set = None,
    column: o.Column = None,
    held_out: Annotated[
        list[str] | None, Option("--on", help="Measure on these texts, not on the corpus.", metavar="FILE")
    ] = None,
    hidden: Annotated[int, Option(min=1, help="The model's hidden size, for the cost of embeddings.")] = 768,
    keep: Annotated[
        list[str] | None, Option(help="Save this size, or all; repeat for more.", metavar="SIZE")
    ] = None,
    output: Annotated[
        Path | None, Option("--output", "-o", help="The folder for those kept.", show_default=False)
    ] = None,
    html: o.Html = None,
    plot: o.Plot = None,
    force: o.Force = False,
    json: o.AsJson = False,
    quiet: o.Quiet = False,
) -> None:
    """Show what each vocabulary size buys, and where the knee is.

    BPE and WordPiece are trained once, at the largest size, and cut: each size is what training it by itself
    would have given. The others are trained size by size.

    Example: `tokbench sweep corpus.txt --sizes 2000:64000:x2 --keep 16000 -o sizes`
    """
    from tokbench.analysis.asked_sizes import read_sizes
    from tokbench.analysis.keeping import wanted
    from tokbench.analysis.sweeping import sweep as swept
    from tokbench.blocks.starting import named
    from tokbench.report import comparing
    from tokbench.report.progress import drawn

    with drawn(quiet=quiet) as progress:
        result = swept(
            named(recipe, o.pairs(setting, "--set trainer.min_frequency=2")),
            corpus,
            read_sizes(sizes),
            held_out=held_out or (),
            column=column,
            hidden=hidden,
            keeping=wanted(keep, output, force=force),
            progress=progress,
        )
    put(result, comparing.swept, "sweep", json=json, html=html, plot=plot)
    for path in result.kept:
        hint(f"look:  tokbench info {path}", quiet=quiet)
