"""A recipe and texts become a tokenizer: check everything, cut and count, learn, set the blocks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, Protocol, runtime_checkable

from tokenizers import Tokenizer
from tokenizers.models import Model

from tokbench.blocks import bpe, character, unigram, wordlevel, wordpiece
from tokbench.blocks.decoders import decoder
from tokbench.blocks.kinds import refusals
from tokbench.blocks.normalizers import normalizer
from tokbench.blocks.options import Option, choose
from tokbench.blocks.post_processors import post_processor
from tokbench.blocks.pre_tokenizers import pre_tokenizer
from tokbench.blocks.recipe import Recipe
from tokbench.blocks.soundness import check_recipe, check_result
from tokbench.blocks.undo import undoing
from tokbench.errors import DataProblem, RecipeProblem, did_you_mean
from tokbench.progress import Progress, silent
from tokbench.training.roads import Road, road

NEVER_SEEN = "\U000e0fff 1 a"  # an unassigned character, and some that most texts have


class Algorithm(Protocol):
    """What a module must offer to be an algorithm. A module needs no class to fit in."""

    ABOUT: str
    MODEL: Mapping[str, Option]
    TRAINER: Mapping[str, Option]

    def check(self, recipe: Recipe) -> None:
        """RecipeProblem for choices that cannot go together."""

    def model(self, recipe: Recipe) -> Model:
        """A model that has learned nothing yet."""

    def train(
        self, tokenizer: Tokenizer, recipe: Recipe, batches: Iterable[list[str]], *, progress: Progress
    ) -> Tokenizer:
        """The tokenizer with what these texts teach; its special tokens have the ids from 0."""


ALGORITHMS: dict[str, Algorithm] = {
    "bpe": bpe,
    "wordpiece": wordpiece,
    "unigram": unigram,
    "wordlevel": wordlevel,
    "character": character,
}


class Learned(Protocol):
    """An algorithm whose pieces are merges."""

    def train(
        self,
        tokenizer: Tokenizer,
        recipe: Recipe,
        batches: Iterable[list[str]],
        *,
        compiled: bool,
        progress: Progress,
    ) -> Tokenizer:
        """As an Algorithm trains, by the compiled loops or by the library."""


# Those whose training the compiled loops can carry out; the library trains the others.
LEARNED: dict[str, Learned] = {"bpe": bpe, "wordpiece": wordpiece}


def build(
    recipe: Recipe,
    batches: Iterable[list[str]],
    *,
    engine: str = "auto",
    size: int = 0,
    progress: Progress = silent,
) -> Tokenizer:
    """The tokenizer that a recipe makes of these texts; the same every time, whichever engine trains it.

    `engine` and `size`, the bytes of the corpus when known, choose the road (training/roads.py). Raises
    RecipeProblem before it reads a text if the recipe is not sound, and afterwards if vocab_size was too
    small for the characters; DataProblem if there was nothing to learn from.
    """
    blank = assemble(recipe)
    compiled = way(recipe, engine, size=size).compiled
    texts = _with_text(batches.blocks() if compiled and isinstance(batches, InBytes) else batches)
    if recipe.algorithm in LEARNED:
        learned = LEARNED[recipe.algorithm]
        trained = learned.train(blank, recipe, texts, compiled=compiled, progress=progress)
    else:
        trained = ALGORITHMS[recipe.algorithm].train(blank, recipe, texts, progress=progress)
    check_result(recipe, trained.get_vocab_size())
    if recipe.post_processor:
        vocab = trained.get_vocab()
        ids = {token: vocab[token] for token in recipe.tokens}
        trained.post_processor = post_processor(recipe.post_processor, ids)
    with refusals("the trained tokenizer"):
        trained.encode(NEVER_SEEN)
    return trained


def way(recipe: Recipe, engine: str = "auto", *, size: int = 0) -> Road:
    """Which engine trains this recipe, and why it is not the compiled one."""
    if recipe.algorithm in LEARNED:
        return road(assemble(recipe), engine, size=size)
    if engine == "compiled":
        raise RecipeProblem(f"no compiled engine trains {recipe.algorithm}", fix="--engine library")
    return Road("library", f"it trains {recipe.algorithm} always")


def assemble(recipe: Recipe) -> Tokenizer:
    """The untrained tokenizer, all blocks but the post-processor set; RecipeProblem for an unsound recipe."""
    algorithm = _algorithm(recipe)
    trainer = choose(recipe.trainer, algorithm.TRAINER, f"{recipe.algorithm} trainer")
    choose(recipe.model, algorithm.MODEL, f"{recipe.algorithm} model")
    check_recipe(recipe)
    algorithm.check(recipe)
    post_processor(recipe.post_processor, {token: number for number, token in enumerate(recipe.tokens)})
    tokenizer = Tokenizer(algorithm.model(recipe))
    tokenizer.normalizer = normalizer(recipe.normalizers)
    tokenizer.pre_tokenizer = pre_tokenizer(recipe.pre_tokenizers)
    tokenizer.decoder = decoder(recipe.decoders or undoing(recipe, trainer))
    _try_out(tokenizer)
    return tokenizer


def _algorithm(recipe: Recipe) -> Algorithm:
    if recipe.algorithm not in ALGORITHMS:
        raise RecipeProblem(
            f"there is no algorithm {recipe.algorithm}", fix=did_you_mean(recipe.algorithm, ALGORITHMS)
        )
    return ALGORITHMS[recipe.algorithm]


def _try_out(tokenizer: Tokenizer) -> None:
    """Let the blocks that cut do it once: some break the library only when they are used."""
    with refusals("the normalizers"):
        text = tokenizer.normalizer.normalize_str(NEVER_SEEN) if tokenizer.normalizer else NEVER_SEEN
    with refusals("the pre_tokenizers"):
        if tokenizer.pre_tokenizer:
            tokenizer.pre_tokenizer.pre_tokenize_str(text)


@runtime_checkable
class InBytes(Protocol):
    """Texts that can also be had as UTF-8, such as a Corpus."""

    def blocks(self) -> Iterator[list[str] | bytes]:
        """Batches that are lists of texts, or UTF-8 with a line feed after each text."""


def _with_text(batches: Iterable[Any]) -> Iterator[Any]:
    """The same batches from the first that is not blank; DataProblem without one, before training starts."""
    rest = iter(batches)
    for batch in rest:
        if isinstance(batch, str):
            raise TypeError("build takes batches of texts, such as [['a text', 'another']]")
        if batch.strip() if isinstance(batch, bytes) else any(text.strip() for text in batch):
            return chain([batch], rest)
    raise DataProblem(
        "there is no text to learn from: all of it is blank", fix="give files with text in them"
    )
