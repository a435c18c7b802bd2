"""Character: every character is a token, spaces too, so that nothing but rare characters is lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tokenizers import Tokenizer
from tokenizers import pre_tokenizers as library
from tokenizers.models import Model

from tokbench.blocks import wordlevel
from tokbench.blocks.options import Option
from tokbench.blocks.recipe import Recipe
from tokbench.errors import RecipeProblem
from tokbench.progress import Progress

ABOUT = "every character is one token, the most frequent ones are kept"
MODEL: Mapping[str, Option] = wordlevel.MODEL
TRAINER: Mapping[str, Option] = wordlevel.TRAINER


def check(recipe: Recipe) -> None:
    """RecipeProblem for a recipe without unk, or with bytes."""
    wordlevel.check(recipe)
    if recipe.is_byte_level:
        raise RecipeProblem(
            "character does not work on bytes: one it has not seen would be unknown",
            fix=f'algorithm = "bpe" with vocab_size = {len(recipe.tokens) + 256} has one token a byte',
        )


def model(recipe: Recipe) -> Model:
    """A model that has learned nothing yet: words of one character."""
    return wordlevel.model(recipe)


def train(
    tokenizer: Tokenizer, recipe: Recipe, batches: Iterable[list[str]], *, progress: Progress
) -> Tokenizer:
    """The tokenizer with the characters of these texts, whatever its pre_tokenizers cut before."""
    one = library.FixedLength(1)
    before = tokenizer.pre_tokenizer
    tokenizer.pre_tokenizer = one if before is None else library.Sequence([before, one])
    return wordlevel.train(tokenizer, recipe, batches, progress=progress)
