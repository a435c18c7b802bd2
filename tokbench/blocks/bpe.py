"""BPE: join the most frequent pair of pieces, again and again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tokenizers import Tokenizer
from tokenizers.models import BPE, Model
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer

from tokbench.blocks.byte_fallback import BYTES, make_ordinary
from tokbench.blocks.options import Option, characters, choose, flag, probability, text, whole
from tokbench.blocks.recipe import Recipe
from tokbench.blocks.special_tokens import added
from tokbench.errors import RecipeProblem
from tokbench.progress import Progress
from tokbench.training.library import train as train_in_child
from tokbench.training.roads import Learn, learning_from

ABOUT = "the most frequent pairs of pieces are joined, again and again"
MODEL: Mapping[str, Option] = {
    "dropout": probability(None),
    "fuse_unk": flag(False),
    "byte_fallback": flag(False),
    "ignore_merges": flag(False),
}
TRAINER: Mapping[str, Option] = {
    "min_frequency": whole(0),
    "limit_alphabet": whole(None, low=1),
    "initial_alphabet": characters(),
    "max_token_length": whole(None, low=1),
    "continuing_subword_prefix": text(None),
    "end_of_word_suffix": text(None),
}

AFFIXES = ("continuing_subword_prefix", "end_of_word_suffix")


def check(recipe: Recipe) -> None:
    """RecipeProblem for choices that would lose bytes without a word."""
    options = choose(recipe.trainer, TRAINER, "bpe trainer")
    affixed = _is_affixed(options)
    if recipe.is_byte_level:
        for name in ("limit_alphabet", "initial_alphabet", *AFFIXES):
            if options.get(name):
                raise RecipeProblem(
                    f"byte-level BPE takes no {name}: its alphabet is all 256 bytes, and Ġ marks word starts",
                    fix=f"take away trainer.{name}, or the ByteLevel block",
                )
    if recipe.model.get("byte_fallback") and (recipe.is_byte_level or affixed):
        raise RecipeProblem(
            "byte_fallback fits neither ByteLevel blocks nor a prefix or suffix of pieces",
            fix="take away model.byte_fallback; ByteLevel alone loses nothing",
        )


def model(recipe: Recipe) -> Model:
    """A model that has learned nothing yet."""
    return _model(recipe)


def train(
    tokenizer: Tokenizer,
    recipe: Recipe,
    batches: Iterable[list[str]],
    *,
    compiled: bool = False,
    progress: Progress,
) -> Tokenizer:
    """The tokenizer with the merges of these texts: the library's own, whoever learns them.

    With a prefix or suffix the library gives other ids in every run, and with a limited alphabet other
    characters where two are equally frequent, so those merges are always learned here.
    """
    if not compiled and not _is_unsettled(choose(recipe.trainer, TRAINER, "bpe trainer")):
        return _train_in_library(tokenizer, recipe, batches, progress)
    return learned(tokenizer, recipe, learning_from(tokenizer, batches, compiled=compiled, progress=progress))


def learned(tokenizer: Tokenizer, recipe: Recipe, learn: Learn) -> Tokenizer:
    """The tokenizer with the merges that `learn` gives for the choices of this recipe."""
    options = choose(recipe.trainer, TRAINER, "bpe trainer")
    fallback = BYTES if recipe.model.get("byte_fallback") else ()
    options["initial_alphabet"] = _alphabet(recipe, options)
    found = learn(vocab_size=recipe.vocab_size, special_tokens=[*recipe.tokens, *fallback], **options)
    affixes = {name: options[name] for name in AFFIXES if name in options}
    tokenizer.model = _model(recipe, vocab=found.vocab, merges=found.merges, **affixes)
    tokenizer.add_special_tokens(added(recipe))
    return tokenizer


def _train_in_library(
    tokenizer: Tokenizer, recipe: Recipe, batches: Iterable[list[str]], progress: Progress
) -> Tokenizer:
    options = choose(recipe.trainer, TRAINER, "bpe trainer")
    fallback = recipe.model.get("byte_fallback", False)
    trainer = BpeTrainer(
        vocab_size=recipe.vocab_size,
        special_tokens=[*added(recipe), *(BYTES if fallback else ())],
        show_progress=False,
        **(options | {"initial_alphabet": _alphabet(recipe, options)}),
    )
    trained = train_in_child(tokenizer, trainer, batches, progress=progress)
    return make_ordinary(trained) if fallback else trained


def _alphabet(recipe: Recipe, options: Mapping[str, Any]) -> list[str]:
    return sorted(ByteLevel.alphabet() if recipe.is_byte_level else options["initial_alphabet"])


def _model(recipe: Recipe, **learned: Any) -> Model:  # noqa: ANN401
    """BPE as the recipe says. Bytes need no unk, so a byte-level model has none."""
    unk = None if recipe.is_byte_level else recipe.special_tokens.get("unk")
    return BPE(unk_token=unk, **choose(recipe.model, MODEL, "bpe model"), **learned)


def _is_unsettled(options: Mapping[str, Any]) -> bool:
    """Whether the library's trainer gives other results in every run."""
    return _is_affixed(options) or "limit_alphabet" in options


def _is_affixed(options: Mapping[str, Any]) -> bool:
    return any(name in options for name in AFFIXES)
