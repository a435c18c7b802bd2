"""Unigram: many pieces first, then the least useful are dropped; a text takes its most probable cut."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping

from tokenizers import Tokenizer
from tokenizers.models import Model, Unigram
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import UnigramTrainer

from tokbench.blocks.byte_fallback import BYTES, LETTERS, make_ordinary
from tokbench.blocks.options import Option, characters, choose, flag, fraction, whole
from tokbench.blocks.recipe import Recipe
from tokbench.blocks.special_tokens import added, unk
from tokbench.errors import RecipeProblem
from tokbench.progress import Progress
from tokbench.training.library import train as train_in_child
from tokbench.training.unigram import canonical

ABOUT = "the least useful of many pieces are dropped; a text takes its most probable cut"
# alpha and nbest_size of the library's model are not saved with it, so a recipe cannot promise them.
MODEL: Mapping[str, Option] = {"byte_fallback": flag(False)}
TRAINER: Mapping[str, Option] = {
    "initial_alphabet": characters(),
    "shrinking_factor": fraction(0.75),
    "max_piece_length": whole(16, low=1),
    "n_sub_iterations": whole(2, low=1),
    "seed_size": whole(1_000_000, low=1),
}
TOO_SMALL = "not large enough to contain all chars"


def check(recipe: Recipe) -> None:
    """RecipeProblem for a recipe without unk, or with bytes in two ways."""
    unk(recipe)
    if recipe.is_byte_level and recipe.model.get("byte_fallback"):
        raise RecipeProblem(
            "byte_fallback has nothing to do where a ByteLevel block writes every byte as a character",
            fix="take away model.byte_fallback, or the ByteLevel block",
        )


def model(recipe: Recipe) -> Model:
    """A model that has learned nothing yet."""
    choose(recipe.model, MODEL, "unigram model")
    unk(recipe)
    return Unigram()


def train(
    tokenizer: Tokenizer, recipe: Recipe, batches: Iterable[list[str]], *, progress: Progress
) -> Tokenizer:
    """The tokenizer with the pieces of these texts, in an order that does not change from run to run."""
    fallback = recipe.model.get("byte_fallback", False)
    special = [*added(recipe), *(BYTES if fallback else ())]
    options = choose(recipe.trainer, TRAINER, "unigram trainer")
    alphabet = {*options["initial_alphabet"], *(LETTERS if fallback else ())}
    if recipe.is_byte_level:
        alphabet.update(ByteLevel.alphabet())
    trainer = UnigramTrainer(
        vocab_size=recipe.vocab_size,
        special_tokens=special,
        unk_token=unk(recipe),
        show_progress=False,
        **(options | {"initial_alphabet": sorted(alphabet)}),
    )
    seen = set(alphabet)
    try:
        trained = train_in_child(tokenizer, trainer, _noting(batches, seen), progress=progress)
    except RecipeProblem as error:
        if TOO_SMALL not in error.message:
            raise
        raise _too_small(recipe, tokenizer, seen) from error
    if trained.get_vocab_size() > recipe.vocab_size:
        raise _too_small(recipe, tokenizer, {piece for piece in trained.get_vocab() if len(piece) == 1})
    trained = _in_canonical_order(trained, len(special))
    return make_ordinary(trained) if fallback else trained


def _in_canonical_order(tokenizer: Tokenizer, special_count: int) -> Tokenizer:
    """The same tokenizer with scores, and so ids, that are the same after every training."""
    data = json.loads(tokenizer.to_str())
    pieces = [(piece, score) for piece, score in data["model"]["vocab"]]
    data["model"]["vocab"] = canonical(pieces, special_count=special_count)
    return Tokenizer.from_str(json.dumps(data))


def _noting(batches: Iterable[list[str]], seen: set[str]) -> Iterator[list[str]]:
    """The same batches, their characters noted in `seen`."""
    for batch in batches:
        seen.update(*batch)
        yield batch


def _too_small(recipe: Recipe, tokenizer: Tokenizer, seen: set[str]) -> RecipeProblem:
    """The error with a number: every character left by the blocks needs a place, and one piece more."""
    left: set[str] = set()
    for character in seen:
        written = tokenizer.normalizer.normalize_str(character) if tokenizer.normalizer else character
        words = (
            tokenizer.pre_tokenizer.pre_tokenize_str(written) if tokenizer.pre_tokenizer else [(written, ())]
        )
        left.update(*(word for word, _ in words))
    needed = len(recipe.tokens) + len(left) + 1 + (256 if recipe.model.get("byte_fallback") else 0)
    return RecipeProblem(
        f"vocab_size {recipe.vocab_size} is too small for unigram: "
        f"the special tokens and the {len(left)} characters of these texts need {needed}",
        fix=f"--vocab-size {needed} or more",
    )
