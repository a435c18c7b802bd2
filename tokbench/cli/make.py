"""Make: train tokenizers, list what there is to choose from, wrap a bare one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from tokbench.cli import options as o
from tokbench.cli.show import put
from tokbench.cli.train import Source, train

Role = Annotated[
    list[str] | None,
    Option("--role", help="A special token's role, as pad=[PAD]; roles: bos eos unk sep pad cls mask."),
]


def train_bpe(
    corpus: o.CorpusOrCounts = None,
    output: o.Output = None,
    vocab_size: o.VocabSize = None,
    min_frequency: o.MinFrequency = None,
    special: o.Special = None,
    preset: o.Preset = None,
    setting: o.Set = None,
    column: o.Column = None,
    counts: o.Counts = None,
    engine: o.Engine = "auto",
    force: o.Force = False,
    json: o.AsJson = False,
    quiet: o.Quiet = False,
) -> None:
    """Train byte-level BPE, GPT-2 style: nothing is unknown.

    Every text comes back exactly as it went in, because all 256 bytes are in the vocabulary.

    Example: `tokbench train-bpe corpus.txt -o my-bpe --vocab-size 16000`
    """
    from tokbench.blocks.starting import start

    choices = _choices(vocab_size, min_frequency, setting)
    recipe = start("bpe", preset, choices, special=special or ())
    source = Source(corpus, column, counts, engine)
    train(recipe, source, output, force=force, json=json, quiet=quiet)


def train_wordpiece(
    corpus: o.CorpusOrCounts = None,
    output: o.Output = None,
    vocab_size: o.VocabSize = None,
    min_frequency: o.MinFrequency = None,
    cased: o.Cased = False,
    special: o.Special = None,
    preset: o.Preset = None,
    setting: o.Set = None,
    column: o.Column = None,
    counts: o.Counts = None,
    engine: o.Engine = "auto",
    force: o.Force = False,
    json: o.AsJson = False,
    quiet: o.Quiet = False,
) -> None:
    """Train WordPiece, BERT style, pieces with ##.

    [PAD] [UNK] [CLS] [SEP] [MASK] get the ids 0 to 4, and BERT's template serves one text and pairs.

    Example: `tokbench train-wordpiece corpus.txt -o my-tok --vocab-size 8000`
    """
    from tokbench.blocks.starting import start

    choices = _choices(vocab_size, min_frequency, setting)
    recipe = start("wordpiece", preset, choices, special=special or (), cased=cased)
    source = Source(corpus, column, counts, engine)
    train(recipe, source, output, force=force, json=json, quiet=quiet)


def train_unigram(
    corpus: o.Corpus,
    output: o.Output = None,
    vocab_size: o.VocabSize = None,
    special: o.Special = None,
    preset: o.Preset = None,
    setting: o.Set = None,
    column: o.Column = None,
    force: o.Force = False,
    json: o.AsJson = False,
    quiet: o.Quiet = False,
) -> None:
    """Train Unigram, SentencePiece style, pieces with ▁.

    Starts from many pieces and drops those that help least; slower than BPE, segments by likelihood.

    Example: `tokbench train-unigram corpus.txt -o my-unigram --vocab-size 8000`
    """
    from tokbench.blocks.starting import start

    choices = _choices(vocab_size, None, setting)
    recipe = start("unigram", preset, choices, special=special or ())
    train(recipe, Source(corpus, column), output, force=force, json=json, quiet=quiet)


def train_wordlevel(
    corpus: o.Corpus,
    output: o.Output = None,
    vocab_size: o.VocabSize = None,
    min_frequency: o.MinFrequency = None,
    special: o.Special = None,
    setting: o.Set = None,
    column: o.Column = None,
    force: o.Force = False,
    json: o.AsJson = False,
    quiet: o.Quiet = False,
) -> None:
    """Train a vocabulary of whole words.

    Words outside the vocabulary become the unknown token: a baseline to compare subwords with.

    Example: `tokbench train-wordlevel corpus.txt -o my-words --vocab-size 20000`
    """
    from tokbench.blocks.starting import start

    choices = _choices(vocab_size, min_frequency, setting)
    recipe = start("wordlevel", None, choices, special=special or ())
    train(recipe, Source(corpus, column), output, force=force, json=json, quiet=quiet)


def train_char(
    corpus: o.Corpus,
    output: o.Output = None,
    vocab_size: o.VocabSize = None,
    special: o.Special = None,
    setting: o.Set = None,
    column: o.Column = None,
    force: o.Force = False,
    json: o.AsJson = False,
    quiet: o.Quiet = False,
) -> None:
    """Train a vocabulary of single characters.

    The most frequent characters up to the vocabulary size: a baseline to compare subwords with.

    Example: `tokbench train-char corpus.txt -o my-chars`
    """
    from tokbench.blocks.starting import start

    choices = _choices(vocab_size, None, setting)
    recipe = start("character", None, choices, special=special or ())
    train(recipe, Source(corpus, column), output, force=force, json=json, quiet=quiet)


def build(
    recipe: Annotated[Path, typer.Argument(help="A recipe in TOML; see tokbench presets NAME.")],
    corpus: o.CorpusOrCounts = None,
    output: o.Output = None,
    setting: o.Set = None,
    column: o.Column = None,
    counts: o.Counts = None,
    engine: o.Engine = "auto",
    force: o.Force = False,
    json: o.AsJson = False,
    quiet: o.Quiet = False,
) -> None:
    """Train what a recipe says, every block chosen by name.

    A recipe names the algorithm, normalizers, pre_tokenizers, trainer options, post_processor and decoders.

    Example: `tokbench presets bert > recipe.toml`, then `tokbench build recipe.toml corpus.txt -o my-tok`
    """
    from tokbench.blocks.recipe import change, read_recipe

    chosen = change(read_recipe(recipe), o.pairs(setting, "--set trainer.min_frequency=2"))
    source = Source(corpus, column, counts, engine)
    train(chosen, source, output, force=force, json=json, quiet=quiet)


def presets(
    name: Annotated[str | None, typer.Argument(help="Print this recipe as TOML.", show_default=False)] = None,
    json: o.AsJson = False,
) -> None:
    """List the recipes by name, or print one as TOML.

    Example: `tokbench presets bert > recipe.toml`
    """
    from tokbench.blocks.presets import PRESETS, preset
    from tokbench.report import making

    if name is None:
        put(PRESETS, making.presets, "presets", json=json)
    else:
        put(preset(name), making.recipe, "recipe", json=json)


def blocks(
    name: Annotated[str | None, typer.Argument(help="Only this block or kind.", show_default=False)] = None,
    json: o.AsJson = False,
) -> None:
    """List the blocks a recipe can name, with their options.

    Example: `tokbench blocks Split`
    """
    from tokbench.blocks.catalog import catalog
    from tokbench.report import making

    put(catalog(name), making.blocks, "blocks", json=json)


def wrap(
    tokenizer: o.Tokenizer,
    output: o.Folder,
    role: Role = None,
    model_max_length: Annotated[
        int | None, Option(min=1, help="The model's longest input, in tokens.", show_default=False)
    ] = None,
    padding_side: Annotated[str, Option(help="right or left.")] = "right",
    force: o.Force = False,
    json: o.AsJson = False,
) -> None:
    """Make a folder transformers loads from a tokenizer.json.

    Roles not given are found by their usual names ([PAD], <s>, <|endoftext|> …) among the special tokens.

    Example: `tokbench wrap tokenizer.json -o my-tok --role pad=[PAD] --model-max-length 512`
    """
    from tokbench.pretrained.rewrap import wrap_folder
    from tokbench.report import looking

    wrapped = wrap_folder(
        tokenizer,
        output,
        roles=o.pairs(role, "--role pad=[PAD]"),
        model_max_length=model_max_length,
        padding_side=padding_side,
        force=force,
    )
    put(wrapped, looking.info, "info", json=json)


def _choices(
    vocab_size: int | None, min_frequency: int | None, setting: Sequence[str] | None
) -> dict[str, str]:
    """What was chosen by options, under the recipe's own keys."""
    named = {"vocab_size": vocab_size, "trainer.min_frequency": min_frequency}
    chosen = {key: str(value) for key, value in named.items() if value is not None}
    return chosen | o.pairs(setting, "--set trainer.min_frequency=2")
