"""Make: train tokenizers, list what there is to choose from, wrap a bare one."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from inspect import Parameter, Signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Option

from tokbench.cli import options
from tokbench.cli.output import hint, put, say_fallback
from tokbench.corpus.cleaning.choices import size
from tokbench.errors import UsageError

if TYPE_CHECKING:
    from tokbench.corpus.cleaning.choices import Cleaning
    from tokbench.pretrained.train import Trained
    from tokbench.recipes.recipe import Recipe

Counts = Annotated[Path, Option("--output", "-o", help="The file to write: parquet.", show_default=False)]
Like = Annotated[
    str,
    Option(
        "--like",
        "--preset",
        help="Whose words: bpe, wordpiece, a preset, a recipe's TOML, a tokenizer.",
        metavar="RECIPE",
    ),
]
Engine = Annotated[
    str,
    Option("--engine", help="auto, compiled, library, or dask for many machines; the same counts."),
]
Scheduler = Annotated[
    str | None,
    Option(
        "--scheduler",
        help="For dask: a cluster that is there.",
        metavar="ADDRESS",
        show_default=False,
    ),
]
Workers = Annotated[
    int | None, Option("--workers", min=1, help="So many count at the same time.", show_default="2")
]
Memory = Annotated[
    str, Option("--memory", help="What words may take; beyond it they wait on the disk.", metavar="SIZE")
]
MinCount = Annotated[int, Option("--min-count", min=1, help="Leave rarer words out, of a huge corpus.")]
ProveOn = Annotated[
    list[str] | None,
    Option("--prove", help="Texts to prove the ids on.", metavar="CORPUS", show_default="those that ship"),
]
Allow = Annotated[int, Option("--allow", min=0, help="So many texts may get other ids.")]


def count(
    corpus: options.Corpus,
    output: Counts,
    like: Like = "bpe",
    cased: options.Cased = False,
    setting: options.Set = None,
    column: options.Column = None,
    clean: options.Clean = None,
    weights: options.Weights = "",
    sample: options.Sample = "",
    engine: Engine = "auto",
    scheduler: Scheduler = None,
    workers: Workers = None,
    memory: Memory = "1GB",
    min_count: MinCount = 1,
    force: options.Force = False,
    json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Count the words of a corpus once, to train from them often.

    Normalizers and pre_tokenizers make words of texts, so the counts serve every recipe that has the same.

    Example: `tokbench count corpus.txt -o counts.parquet`, then `tokbench train-bpe --counts counts.parquet`
    """
    from tokbench.corpus.reading import CorpusPaths
    from tokbench.pretrained.recipe_of import set_recipe
    from tokbench.pretrained.train import count_words
    from tokbench.recipes.presets import train_command
    from tokbench.reporting.bars import draw_progress
    from tokbench.reporting.views import make as make_view

    recipe = set_recipe(like, options.pairs(setting, "--set normalizers=[]"), cased=cased)
    with draw_progress(quiet=quiet) as progress:
        counted = count_words(
            CorpusPaths(corpus),
            recipe,
            output=output,
            column=column,
            clean=options.cleaning(clean, weights, sample),
            min_count=min_count,
            force=force,
            progress=progress,
            engine=engine,
            memory=size(memory),
            workers=workers,
            scheduler=scheduler,
        )
    put(counted, make_view.counted, "counted", json=json)
    say_fallback(counted.why, quiet=quiet)
    hint(f"train: {train_command(like, cased=cased)} --counts {shlex.quote(str(output))}", quiet=quiet)


@dataclass(frozen=True)
class Source:
    """What to train on, as it was asked for."""

    corpus: Sequence[str] | None
    column: str | None
    clean: Cleaning
    counts: Path | None = None
    engine: str = "auto"

    @property
    def first(self) -> str:
        """What names the output where nothing else does."""
        return str(self.counts or (self.corpus or ["-"])[0])


def train(
    recipe: Recipe, source: Source, output: Path | None, *, force: bool, json: bool, quiet: bool
) -> None:
    """Train, save, show what came of it, and say what to do next."""
    # Read when numpy is imported: training has no matrices, and starting threads for them takes 50 CPU ms.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from tokbench.corpus.reading import CorpusPaths
    from tokbench.pretrained.train import default_output
    from tokbench.pretrained.train import train as train_and_save
    from tokbench.reporting.bars import draw_progress

    with draw_progress(quiet=quiet) as progress:
        trained = train_and_save(
            CorpusPaths(source.corpus or ()),
            recipe,
            output=output or default_output(source.first, recipe.algorithm),
            column=source.column,
            clean=source.clean,
            counts=source.counts,
            engine=source.engine,
            force=force,
            progress=progress,
        )
    _show_trained(trained, json=json, quiet=quiet)


def _show_trained(trained: Trained, *, json: bool, quiet: bool) -> None:
    """The result, and what to do next."""
    from tokbench.reporting.views import make as make_view
    from tokbench.training.engine import NO_NUMBA, TRAINING

    put(trained, make_view.trained, "trained", json=json)
    say_fallback(trained.why, quiet=quiet)
    if trained.why == NO_NUMBA and trained.corpus.utf8_bytes >= TRAINING.worth:
        hint("faster: pip install 'tokbench[fast]'", quiet=quiet)
    hint(
        f'look:  tokbench encode {shlex.quote(str(trained.path))} "a text"',
        f"check: tokbench check {shlex.quote(str(trained.path))}",
        quiet=quiet,
    )


Role = Annotated[
    list[str] | None,
    Option("--role", help="A special token's role, as pad=[PAD]; roles: bos eos unk sep pad cls mask."),
]


# The options of the train commands in the order of help: name → what Typer is told, and the default.
TRAIN_OPTIONS: dict[str, tuple[object, object]] = {
    "corpus": (options.Corpus, Parameter.empty),
    "output": (options.Output, None),
    "vocab_size": (options.VocabSize, None),
    "min_frequency": (options.MinFrequency, None),
    "cased": (options.Cased, False),
    "special": (options.Special, None),
    "preset": (options.Preset, None),
    "setting": (options.Set, None),
    "column": (options.Column, None),
    "clean": (options.Clean, None),
    "weights": (options.Weights, ""),
    "sample": (options.Sample, ""),
    "counts": (options.Counts, None),
    "engine": (options.Engine, "auto"),
    "force": (options.Force, False),
    "json": (options.AsJson, False),
    "quiet": (options.Quiet, False),
}


def training_command(algorithm: str, help_text: str, *, without: Sequence[str] = ()) -> Callable[..., None]:
    """The command that trains an algorithm; it takes TRAIN_OPTIONS but for those it is `without`."""

    def command(**given: Any) -> None:  # noqa: ANN401  Typer gives what the signature says
        from tokbench.recipes.presets import start_recipe

        recipe = start_recipe(
            algorithm,
            given.get("preset"),
            _choices(given["vocab_size"], given.get("min_frequency"), given["setting"]),
            special=given["special"] or (),
            cased=given.get("cased", False),
        )
        clean = options.cleaning(given["clean"], given["weights"], given["sample"])
        source = Source(
            given["corpus"], given["column"], clean, given.get("counts"), given.get("engine", "auto")
        )
        train(recipe, source, given["output"], **{name: given[name] for name in ("force", "json", "quiet")})

    taken = {name: option for name, option in TRAIN_OPTIONS.items() if name not in without}
    if "counts" in taken:
        taken["corpus"] = (options.CorpusOrCounts, None)
    parameters = [
        Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, annotation=told, default=default)
        for name, (told, default) in taken.items()
    ]
    command.__doc__ = help_text
    command.__annotations__ = {name: told for name, (told, _) in taken.items()}
    command.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    return command


ONLY_LEARNED = ("counts", "engine")  # the compiled engine learns merges, of texts or of counted words

train_bpe = training_command(
    "bpe",
    """Train byte-level BPE, GPT-2 style: nothing is unknown.

    Every text comes back exactly as it went in, because all 256 bytes are in the vocabulary.

    Example: `tokbench train-bpe corpus.txt -o my-bpe --vocab-size 16000`
    """,
    without=("cased",),
)
train_wordpiece = training_command(
    "wordpiece",
    """Train WordPiece, BERT style, pieces with ##.

    [PAD] [UNK] [CLS] [SEP] [MASK] get the ids 0 to 4, and BERT's template serves one text and pairs.

    Example: `tokbench train-wordpiece corpus.txt -o my-tok --vocab-size 8000`
    """,
)
train_unigram = training_command(
    "unigram",
    """Train Unigram, SentencePiece style, pieces with ▁.

    Starts from many pieces and drops those that help least; slower than BPE, segments by likelihood.

    Example: `tokbench train-unigram corpus.txt -o my-unigram --vocab-size 8000`
    """,
    without=("min_frequency", "cased", *ONLY_LEARNED),
)
train_wordlevel = training_command(
    "wordlevel",
    """Train a vocabulary of whole words.

    Words outside the vocabulary become the unknown token: a baseline to compare subwords with.

    Example: `tokbench train-wordlevel corpus.txt -o my-words --vocab-size 20000`
    """,
    without=("cased", "preset", *ONLY_LEARNED),
)
train_char = training_command(
    "character",
    """Train a vocabulary of single characters.

    The most frequent characters up to the vocabulary size: a baseline to compare subwords with.

    Example: `tokbench train-char corpus.txt -o my-chars`
    """,
    without=("min_frequency", "cased", "preset", *ONLY_LEARNED),
)


def train_like(
    tokenizer: options.Tokenizer,
    corpus: options.CorpusOrCounts = None,
    output: options.Output = None,
    vocab_size: options.LikeVocabSize = None,
    added: options.Added = "keep",
    special: options.Special = None,
    setting: options.Set = None,
    column: options.Column = None,
    clean: options.Clean = None,
    weights: options.Weights = "",
    sample: options.Sample = "",
    counts: options.Counts = None,
    engine: options.Engine = "auto",
    force: options.Force = False,
    json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Train a tokenizer of the same kind as another, on other texts.

    Blocks, roles, template, chat template and options are those of TOKENIZER, a folder or file of any format
    or a name on the hub; special tokens get the first ids. What no file tells, as the least frequency of a
    pair, is said.

    Example: `tokbench train-like tokenizer.json corpus.txt -v 16000 -o my-tok`
    """
    import tokbench as tb
    from tokbench.corpus.reading import CorpusPaths
    from tokbench.pretrained.train import default_output
    from tokbench.reporting.bars import draw_progress

    source = Source(corpus, column, options.cleaning(clean, weights, sample), counts)
    with draw_progress(quiet=quiet) as progress:
        trained = tb.train_like(
            tokenizer,
            CorpusPaths(corpus or ()),
            output=output or default_output(source.first, "like"),
            vocab_size=vocab_size,
            added=added,
            special=special or (),
            settings=options.pairs(setting, "--set trainer.min_frequency=2"),
            column=column,
            clean=source.clean,
            counts=counts,
            engine=engine,
            force=force,
            progress=progress,
        )
    _show_trained(trained, json=json, quiet=quiet)


def build(
    recipe: Annotated[Path, typer.Argument(help="A recipe in TOML; see tokbench presets NAME.")],
    corpus: options.CorpusOrCounts = None,
    output: options.Output = None,
    setting: options.Set = None,
    column: options.Column = None,
    clean: options.Clean = None,
    weights: options.Weights = "",
    sample: options.Sample = "",
    counts: options.Counts = None,
    engine: options.Engine = "auto",
    force: options.Force = False,
    json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Train what a recipe says, every block chosen by name.

    A recipe names the algorithm, special_tokens and added_tokens, normalizers, pre_tokenizers (and
    training_pre_tokenizers, which cut in training alone), trainer options, post_processor and decoders.

    Example: `tokbench presets bert > recipe.toml`, then `tokbench build recipe.toml corpus.txt -o my-tok`
    """
    from tokbench.recipes.recipe import change, read_recipe

    chosen = change(read_recipe(recipe), options.pairs(setting, "--set trainer.min_frequency=2"))
    source = Source(corpus, column, options.cleaning(clean, weights, sample), counts, engine)
    train(chosen, source, output, force=force, json=json, quiet=quiet)


def presets(
    name: Annotated[str | None, typer.Argument(help="Print this recipe as TOML.", show_default=False)] = None,
    of: Annotated[
        str | None,
        Option("--of", help="Print the recipe that this tokenizer amounts to.", metavar="TOKENIZER"),
    ] = None,
    added: options.Added = "keep",
    json: options.AsJson = False,
) -> None:
    """List the recipes by name, or print one as TOML.

    Example: `tokbench presets bert > recipe.toml`, or `tokbench presets --of my-tok`
    """
    from tokbench.recipes.presets import PRESETS, preset
    from tokbench.reporting.views import make as make_view

    if name is not None and of is not None:
        raise UsageError("give either a preset or --of, not both", fix=f"leave out {name} or --of {of}")
    if of is not None:
        from tokbench.pretrained.folder import load
        from tokbench.pretrained.train_like import recipe_like

        put(recipe_like(load(of), added), make_view.recipe, "recipe", json=json)
    elif name is None:
        put(PRESETS, make_view.presets, "presets", json=json)
    else:
        put(preset(name), make_view.recipe, "recipe", json=json)


def blocks(
    name: Annotated[str | None, typer.Argument(help="Only this block or kind.", show_default=False)] = None,
    json: options.AsJson = False,
) -> None:
    """List the blocks a recipe can name, with their options.

    Example: `tokbench blocks Split`
    """
    from tokbench.recipes.catalog import catalog
    from tokbench.reporting.views import make as make_view

    put(catalog(name), make_view.blocks, "blocks", json=json)


def wrap(
    tokenizer: options.Tokenizer,
    output: options.Folder,
    role: Role = None,
    model_max_length: Annotated[
        int | None, Option(min=1, help="The model's longest input, in tokens.", show_default=False)
    ] = None,
    padding_side: Annotated[str, Option(help="right or left.", show_default="the folder's, or right")] = "",
    force: options.Force = False,
    json: options.AsJson = False,
) -> None:
    """Make a folder transformers loads from a tokenizer.json.

    Roles not given are found by their usual names (`[PAD]`, `<s>`, `<|endoftext|>` …) among the special
    tokens.

    Example: `tokbench wrap tokenizer.json -o my-tok --role pad=[PAD] --model-max-length 512`
    """
    from tokbench.pretrained.wrap import wrap as wrap_up
    from tokbench.reporting.views import look

    wrapped = wrap_up(
        tokenizer,
        output,
        roles=options.pairs(role, "--role pad=[PAD]"),
        model_max_length=model_max_length,
        padding_side=padding_side,
        force=force,
    )
    put(wrapped, look.info, "info", json=json)


def convert(
    tokenizer: options.Tokenizer,
    output: options.Folder,
    cased: Annotated[
        bool | None,
        Option("--cased/--uncased", help="Of a vocab.txt.", show_default="what its pieces tell"),
    ] = None,
    encoding: Annotated[str, Option(help="Whose ranks a .tiktoken holds: cl100k_base, qwen …")] = "",
    pattern: Annotated[
        str, Option(help="The regular expression by which a .tiktoken's texts are cut.", metavar="REGEX")
    ] = "",
    tokenizer_class: Annotated[
        str, Option(help="Of transformers, whose rules the files follow.", metavar="CLASS")
    ] = "",
    prove: ProveOn = None,
    allow: Allow = 0,
    force: options.Force = False,
    json: options.AsJson = False,
) -> None:
    """Make a folder of a vocab.txt, .model, .tiktoken …; prove its ids.

    The format's own package encodes the same texts; exit 1, and nothing is written, if ids differ.

    Example: `tokbench convert tokenizer.model -o my-tok`
    """
    from tokbench.corpus.reading import CorpusPaths
    from tokbench.pretrained.convert import convert as converted
    from tokbench.reporting.views import make as make_view

    result = converted(
        tokenizer,
        output,
        cased=cased,
        encoding=encoding,
        pattern=pattern,
        tokenizer_class=tokenizer_class,
        prove=CorpusPaths(prove) if prove else None,
        allow=allow,
        force=force,
    )
    put(result, make_view.converted, "conversion", json=json)
    raise typer.Exit(0 if result.passed else 1)


def export(
    tokenizer: options.Tokenizer,
    output: options.Folder,
    to: Annotated[str, Option(help="tiktoken, sentencepiece, vocab, merges or transformers4.")],
    prove: ProveOn = None,
    allow: Allow = 0,
    force: options.Force = False,
    json: options.AsJson = False,
) -> None:
    """Write tiktoken's, SentencePiece's or older files; prove the ids.

    The format's own package loads them and encodes the same texts; exit 1, and nothing is written, if ids
    differ. What a format cannot hold is refused with the rule it breaks.

    Example: `tokbench export my-tok --to tiktoken -o my-ranks`
    """
    from tokbench.corpus.reading import CorpusPaths
    from tokbench.pretrained.export import export as exported
    from tokbench.reporting.views import make as make_view

    corpus = CorpusPaths(prove) if prove else None
    result = exported(tokenizer, output, to=to, prove=corpus, allow=allow, force=force)
    put(result, make_view.exported, "export", json=json)
    raise typer.Exit(0 if result.passed else 1)


def _choices(
    vocab_size: int | None, min_frequency: int | None, setting: Sequence[str] | None
) -> dict[str, str]:
    """What was chosen by options, under the recipe's own keys."""
    named = {"vocab_size": vocab_size, "trainer.min_frequency": min_frequency}
    chosen = {key: str(value) for key, value in named.items() if value is not None}
    return chosen | options.pairs(setting, "--set trainer.min_frequency=2")
