"""WordPiece: pieces learned like BPE's, by count and not by likelihood, then matched longest first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tokenizers import Tokenizer
from tokenizers.models import Model, WordPiece

from tokbench.blocks.options import Option, characters, choose, text, whole
from tokbench.blocks.recipe import Recipe
from tokbench.blocks.special_tokens import added, unk
from tokbench.errors import RecipeProblem
from tokbench.progress import Progress
from tokbench.training.roads import Learn, learning_from

ABOUT = "a word is cut into its longest known pieces, ## marking those that continue it"
MODEL: Mapping[str, Option] = {"max_input_chars_per_word": whole(100, low=1)}
TRAINER: Mapping[str, Option] = {
    "min_frequency": whole(0),
    "limit_alphabet": whole(None, low=1),
    "initial_alphabet": characters(),
    "max_token_length": whole(None, low=1),
    "continuing_subword_prefix": text("##"),
}


def check(recipe: Recipe) -> None:
    """RecipeProblem for a recipe without unk, or with bytes."""
    unk(recipe)
    if recipe.is_byte_level:
        raise RecipeProblem(
            "wordpiece cannot be byte-level: one byte it has not seen makes the whole word unknown",
            fix='algorithm = "bpe" can',
        )


def model(recipe: Recipe) -> Model:
    """A model that has learned nothing yet."""
    return WordPiece(unk_token=unk(recipe), **choose(recipe.model, MODEL, "wordpiece model"))


def train(
    tokenizer: Tokenizer,
    recipe: Recipe,
    batches: Iterable[list[str]],
    *,
    compiled: bool = False,
    progress: Progress,
) -> Tokenizer:
    """The tokenizer with the pieces of these texts; the library's own trainer finds others in every run."""
    return learned(tokenizer, recipe, learning_from(tokenizer, batches, compiled=compiled, progress=progress))


def learned(tokenizer: Tokenizer, recipe: Recipe, learn: Learn) -> Tokenizer:
    """The tokenizer with the pieces that `learn` gives for the choices of this recipe."""
    options = choose(recipe.trainer, TRAINER, "wordpiece trainer")
    found = learn(vocab_size=recipe.vocab_size, special_tokens=recipe.tokens, **options)
    tokenizer.model = WordPiece(
        vocab=found.vocab,
        unk_token=unk(recipe),
        continuing_subword_prefix=options["continuing_subword_prefix"],
        **choose(recipe.model, MODEL, "wordpiece model"),
    )
    tokenizer.add_special_tokens(added(recipe))
    return tokenizer
