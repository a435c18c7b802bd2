"""WordLevel: whole words, the most frequent first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tokenizers import Tokenizer
from tokenizers.models import Model, WordLevel
from tokenizers.trainers import WordLevelTrainer

from tokbench.blocks.options import Option, choose, whole
from tokbench.blocks.recipe import Recipe
from tokbench.blocks.special_tokens import added, unk
from tokbench.progress import Progress
from tokbench.training.library import train as train_in_child

ABOUT = "every word is one token, the most frequent ones are kept"
MODEL: Mapping[str, Option] = {}
TRAINER: Mapping[str, Option] = {"min_frequency": whole(0)}


def check(recipe: Recipe) -> None:
    """RecipeProblem for a recipe without unk."""
    unk(recipe)


def model(recipe: Recipe) -> Model:
    """A model that has learned nothing yet."""
    choose(recipe.model, MODEL, "wordlevel model")
    return WordLevel(unk_token=unk(recipe))


def train(
    tokenizer: Tokenizer, recipe: Recipe, batches: Iterable[list[str]], *, progress: Progress
) -> Tokenizer:
    """The tokenizer with the words of these texts."""
    trainer = WordLevelTrainer(
        vocab_size=recipe.vocab_size,
        special_tokens=added(recipe),
        show_progress=False,
        **choose(recipe.trainer, TRAINER, "wordlevel trainer"),
    )
    return train_in_child(tokenizer, trainer, batches, progress=progress)
