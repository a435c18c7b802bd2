"""A recipe and texts become a tokenizer: check everything, cut and count, learn, set the blocks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Protocol

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


def build(recipe: Recipe, batches: Iterable[list[str]], *, progress: Progress = silent) -> Tokenizer:
    """The tokenizer that a recipe makes of these texts; the same every time.

    Raises RecipeProblem before it reads a text if the recipe is not sound, and afterwards if vocab_size was
    too small for the characters; DataProblem if there was nothing to learn from.
    """
    blank = assemble(recipe)
    trained = ALGORITHMS[recipe.algorithm].train(blank, recipe, _with_text(batches), progress=progress)
    check_result(recipe, trained.get_vocab_size())
    if recipe.post_processor:
        vocab = trained.get_vocab()
        ids = {token: vocab[token] for token in recipe.tokens}
        trained.post_processor = post_processor(recipe.post_processor, ids)
    with refusals("the trained tokenizer"):
        trained.encode(NEVER_SEEN)
    return trained


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


def _with_text(batches: Iterable[list[str]]) -> Iterator[list[str]]:
    """The same batches from the first that is not blank; DataProblem without one, before training starts."""
    rest = iter(batches)
    for batch in rest:
        if isinstance(batch, str):
            raise TypeError("build takes batches of texts, such as [['a text', 'another']]")
        if any(text.strip() for text in batch):
            return chain([batch], rest)
    raise DataProblem(
        "there is no text to learn from: all of it is blank", fix="give files with text in them"
    )
