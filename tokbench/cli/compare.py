"""Look at tokenizers side by side, and at one in many sizes."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

from tokbench.cli import options
from tokbench.cli.output import boxed, hint, put, say_fallback
from tokbench.errors import UsageError
from tokbench.io.extras import require

if TYPE_CHECKING:
    from tokbench.model.likelihood import Likelihood


def scorers_of(tokenizers: Sequence[str], models: Sequence[str]) -> list[Likelihood | None]:
    """The model of each tokenizer, None for one without; a model named twice is loaded once."""
    names = paired(tokenizers, models)
    if not any(names):
        return [None] * len(tokenizers)
    require("torch", extra="train", what="bits per byte")
    from tokbench.model.likelihood import load_language_model

    loaded = {name: load_language_model(name) for name in dict.fromkeys(names) if name}
    return [loaded[name] if name else None for name in names]


def paired(tokenizers: Sequence[str], models: Sequence[str]) -> list[str | None]:
    """A model's name for each tokenizer: `TOKENIZER=MODEL` by name, the others by their order.

    >>> paired(["a", "b", "c"], ["c=large", "small"])
    ['small', None, 'large']
    """
    found: dict[int, str] = {}
    in_order = 0
    for word in models:
        name, sign, model = word.partition("=")
        if sign and name in tokenizers:
            place = tokenizers.index(name)
        else:
            model, place, in_order = word, in_order, in_order + 1
        if place in found:
            raise UsageError(
                f"{tokenizers[place]} has two models, {found[place]} and {model}", fix="name one for each"
            )
        if not model or place >= len(tokenizers):
            raise UsageError(
                f"--model {word} belongs to no tokenizer: there are {len(tokenizers)}",
                fix="name a model for each tokenizer, in their order, or TOKENIZER=MODEL",
            )
        found[place] = model
    return [found.get(place) for place in range(len(tokenizers))]


TEXT = "Tokenizers break in silence. 토크나이저는 조용히 고장 난다. 👍🏽"


def playground(
    tokenizers: Annotated[
        list[str], Argument(help="Folders, tokenizer.json files or hub names.", show_default=False)
    ],
    port: Annotated[int, Option(min=0, max=65535, help="The port; 0 takes a free one.")] = 8017,
    text: Annotated[
        str, Option(help="The text to begin with.", show_default="a sentence in English and one in Korean")
    ] = TEXT,
) -> None:
    """Encode as you type, in a browser, with several tokenizers at once.

    Serves this machine only (127.0.0.1), until Ctrl-C. Needs the extra `web`.

    Example: `tokbench playground my-bpe my-wordpiece`
    """
    from tokbench.pretrained.folder import load
    from tokbench.reporting.playground import listening, serve

    folders = {name: load(name) for name in tokenizers}
    place = listening(port)
    typer.echo(f"http://{place.getsockname()[0]}:{place.getsockname()[1]}/")
    sys.stdout.flush()
    serve(folders, place, text=text)


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
    column: options.Column = None,
    sample: Sample = None,
    seed: Annotated[int, Option(min=0, help="Draws what is sampled; same seed, same texts.")] = 42,
    max_length: Annotated[
        int | None, Option(min=1, help="Tell how many texts are longer.", show_default=False)
    ] = None,
    html: options.Html = None,
    plot: options.Plot = None,
    json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Compare tokenizers on corpora: length, loss, use, evenness, speed.

    Words are those of Unicode's standard (UAX #29). The whole corpus is counted; what takes decoding or
    offsets is looked at in a sample of it, and so is what a language model makes of the texts. JSON has
    every measure, histograms included. On a CPU a model takes minutes: --sample 200 makes it quick.

    Example: `tokbench compare my-bpe my-unigram --corpus en.txt --corpus ko.txt --max-length 512`
    """
    import tokbench as tb
    from tokbench.corpus.reading import CorpusPaths
    from tokbench.reporting.bars import draw_progress
    from tokbench.reporting.views import compare as compare_view

    scorers = scorers_of(tokenizers, model or ())
    with draw_progress(quiet=quiet) as progress:
        result = tb.compare(
            tokenizers,
            CorpusPaths(corpus or ()),
            parallel=parallel or (),
            scorers=scorers,
            column=column,
            sample=sample,
            seed=seed,
            max_length=max_length,
            progress=progress,
        )
    window = compare_view.page if html or plot else compare_view.comparison
    put(result, window, "comparison", json=json, html=html, plot=plot, box=boxed(html, tokenizers, TEXT))
    for why in dict.fromkeys(row.why for row in result.results):
        say_fallback(why, quiet=quiet)


def sweep(
    corpus: options.Corpus,
    sizes: Annotated[
        str, Option(help="2000:64000:x2, 8000:32000:+8000, or 1000,2000,4000.")
    ] = "2000:64000:x2",
    recipe: Annotated[
        str,
        Option(help="bpe, wordpiece, unigram, wordlevel, character, a preset, a recipe's TOML, a tokenizer."),
    ] = "bpe",
    setting: options.Set = None,
    column: options.Column = None,
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
    html: options.Html = None,
    plot: options.Plot = None,
    force: options.Force = False,
    json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Show what each vocabulary size buys, and where the knee is.

    BPE and WordPiece are trained once, at the largest size, and cut: each size is what training it by itself
    would have given. The others are trained size by size.

    Example: `tokbench sweep corpus.txt --sizes 2000:64000:x2 --keep 16000 -o sizes`
    """
    import tokbench as tb
    from tokbench.corpus.reading import CorpusPaths
    from tokbench.pretrained.recipe_of import set_recipe
    from tokbench.reporting.bars import draw_progress
    from tokbench.reporting.views import compare as compare_view

    with draw_progress(quiet=quiet) as progress:
        result = tb.sweep(
            CorpusPaths(corpus),
            set_recipe(recipe, options.pairs(setting, "--set trainer.min_frequency=2")),
            sizes,
            held_out=CorpusPaths(held_out) if held_out else None,
            column=column,
            hidden=hidden,
            keep=keep or (),
            output=output,
            force=force,
            progress=progress,
        )
    put(result, compare_view.swept, "sweep", json=json, html=html, plot=plot)
    for path in result.kept:
        hint(f"look:  tokbench info {shlex.quote(str(path))}", quiet=quiet)
