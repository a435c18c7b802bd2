"""A recipe and texts become a tokenizer: check everything, cut and count, learn, set the blocks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

from tokenizers import Tokenizer

from tokbench.errors import DataError, RecipeError, did_you_mean
from tokbench.progress import Progress, silent
from tokbench.recipes.algorithms import ALGORITHMS, LEARNED, Algorithm
from tokbench.recipes.decoders import decoder, default_decoders
from tokbench.recipes.normalizers import normalizer
from tokbench.recipes.options import checked_options
from tokbench.recipes.order import refuse_wrong_order
from tokbench.recipes.post_processors import post_processor
from tokbench.recipes.pre_tokenizers import pre_tokenizer
from tokbench.recipes.presets import command_for
from tokbench.recipes.registry import recipe_errors
from tokbench.recipes.validate import check_recipe, check_result, make_plain, refuse_equal_tokens
from tokbench.training import engine as engines
from tokbench.training.engine import LEARNING, TRAINING, EngineChoice

if TYPE_CHECKING:
    from tokbench.recipes.recipe import Recipe
    from tokbench.training.counting.store import StoredCounts

NEVER_SEEN = "\U000e0fff 1 a"  # an unassigned character, and some that most texts have


@dataclass(frozen=True)
class Prepared:
    """A recipe that was found sound.

    blank: its blocks around a model that has learned nothing, for one training; choice: what trains it.
    """

    recipe: Recipe
    blank: Tokenizer
    choice: EngineChoice


def prepare(
    recipe: Recipe, engine: str = "auto", *, size: int | None = 0, progress: Progress = silent
) -> Prepared:
    """The recipe with all that can be known before a text is read; RecipeError if it is not sound.

    `engine` and `size`, the bytes of the corpus or None, decide what trains it (training/engine.py).
    """
    blank = assemble_for_training(recipe)
    if recipe.algorithm in LEARNED:
        served = partial(engines.served_words, blank)
        choice = engines.choose_engine(TRAINING, engine, size=size, served=served, progress=progress)
        return Prepared(recipe, blank, choice)
    if engine == "compiled":
        raise RecipeError(f"no compiled engine trains {recipe.algorithm}", fix="--engine library")
    return Prepared(recipe, blank, EngineChoice("library", f"it trains {recipe.algorithm} always"))


def prepare_counted(
    recipe: Recipe, counts: StoredCounts, engine: str = "auto", *, progress: Progress = silent
) -> Prepared:
    """As prepare, for counts of words in the place of texts; RecipeError if this recipe has other words."""
    blank = assemble_for_training(recipe)
    if recipe.algorithm not in LEARNED:
        raise RecipeError(
            f"{recipe.algorithm} is trained on texts, not on counts",
            fix="name the corpus instead of --counts",
        )
    counts.ensure_made_by(blank, fix=f"tokbench count CORPUS -o counts.parquet {command_for(recipe)}")
    choice = engines.choose_engine(LEARNING, engine, size=len(counts.words), progress=progress)
    return Prepared(recipe, blank, choice)


def build(
    recipe: Recipe,
    batches: Iterable[list[str]],
    *,
    engine: str = "auto",
    size: int | None = 0,
    progress: Progress = silent,
) -> Tokenizer:
    """The tokenizer that a recipe makes of these texts; the same every time, whichever engine trains it.

    Arguments and errors are those of prepare and train.
    """
    prepared = prepare(recipe, engine, size=size, progress=progress)
    return train_prepared(prepared, batches, progress=progress).tokenizer


@dataclass(frozen=True)
class Built:
    """A trained tokenizer, and what trained it: as prepared, unless the first texts spoke against that."""

    tokenizer: Tokenizer
    choice: EngineChoice


def train_prepared(
    prepared: Prepared,
    batches: Iterable[list[str]],
    *,
    threads: int | None = None,
    progress: Progress = silent,
) -> Built:
    """The tokenizer that a recipe makes of these texts.

    The compiled loops are held against the library on the first of them. `threads` count its words, and in
    the library they learn, too; by default one of the compiled loops, and in the library one a core.

    Raises RecipeError if vocab_size was too small for the characters; DataError if there was nothing to
    learn from.
    """
    recipe, blank, choice = prepared.recipe, prepared.blank, prepared.choice
    texts = _with_text(engines.in_bytes(batches, progress=progress) if choice.compiled else batches)
    if choice.compiled:
        from tokbench.training.probe import probed_counting

        choice, texts = probed_counting(choice, blank, texts)
    algorithm = ALGORITHMS[recipe.algorithm]
    chosen = {"engine": choice.engine} if algorithm.from_merges else {}
    trained = algorithm.train(blank, recipe, texts, threads=threads, progress=progress, **chosen)
    return Built(_whole(recipe, trained), choice)


def train_counted(prepared: Prepared, counts: StoredCounts, *, progress: Progress = silent) -> Tokenizer:
    """The tokenizer that a recipe makes of the texts whose words were counted; errors are those of train."""
    if not len(counts.words):
        raise DataError("there is no word in these counts", fix="count with a smaller --min-count")
    learn = engines.learning_from_counts(counts, engine=prepared.choice.engine, progress=progress)
    from_merges = ALGORITHMS[prepared.recipe.algorithm].from_merges
    assert from_merges is not None  # prepare_counted refused the others
    return _whole(prepared.recipe, from_merges(prepared.blank, prepared.recipe, learn))


def _whole(recipe: Recipe, trained: Tokenizer) -> Tokenizer:
    """The trained tokenizer with its post-processor, and without what was for training alone."""
    check_result(recipe, trained.get_vocab_size())
    if recipe.training_pre_tokenizers:
        trained.pre_tokenizer = pre_tokenizer(recipe.pre_tokenizers)
    if recipe.added_tokens:
        trained = make_plain(trained, frozenset(recipe.added_tokens))
    if recipe.post_processor:
        found = {token: trained.token_to_id(token) for token in recipe.tokens}  # get_vocab takes 13 ms
        ids = {token: number for token, number in found.items() if number is not None}
        trained.post_processor = post_processor(recipe.post_processor, ids)
    with recipe_errors("the trained tokenizer"):
        trained.encode(NEVER_SEEN)
    return trained


def assemble(recipe: Recipe) -> Tokenizer:
    """The untrained tokenizer, all blocks but the post-processor set; RecipeError for an unsound recipe."""
    algorithm = _algorithm(recipe)
    trainer = checked_options(recipe.trainer, algorithm.trainer_options, f"{recipe.algorithm} trainer")
    checked_options(recipe.model, algorithm.model_options, f"{recipe.algorithm} model")
    check_recipe(recipe)
    refuse_wrong_order(recipe)
    algorithm.check(recipe)
    post_processor(recipe.post_processor, {token: number for number, token in enumerate(recipe.tokens)})
    tokenizer = Tokenizer(algorithm.model(recipe))
    tokenizer.normalizer = normalizer(recipe.normalizers)
    refuse_equal_tokens(recipe, tokenizer.normalizer)
    tokenizer.pre_tokenizer = pre_tokenizer(recipe.pre_tokenizers)
    tokenizer.decoder = decoder(recipe.decoders or default_decoders(recipe, trainer))
    _try_out(tokenizer)
    return tokenizer


def assemble_for_training(recipe: Recipe) -> Tokenizer:
    """The same with the pre-tokenizers for training behind its own; RecipeError where words must stay whole.

    BPE and Unigram cut a text that nothing cut before as they would cut its parts, when no piece crosses
    their borders. WordPiece and whole words do not: an unknown part makes its whole word unknown.
    """
    tokenizer = assemble(recipe)
    if not recipe.training_pre_tokenizers:
        return tokenizer
    if recipe.algorithm not in ("bpe", "unigram"):
        raise RecipeError(
            f"{recipe.algorithm} takes no training_pre_tokenizers: it knows whole words only as it met them",
            fix="put the blocks into pre_tokenizers",
        )
    tokenizer.pre_tokenizer = pre_tokenizer((*recipe.pre_tokenizers, *recipe.training_pre_tokenizers))
    _try_out(tokenizer)
    return tokenizer


def _algorithm(recipe: Recipe) -> Algorithm:
    if recipe.algorithm not in ALGORITHMS:
        raise RecipeError(
            f"there is no algorithm {recipe.algorithm}", fix=did_you_mean(recipe.algorithm, ALGORITHMS)
        )
    return ALGORITHMS[recipe.algorithm]


def _try_out(tokenizer: Tokenizer) -> None:
    """Let the blocks that cut do it once: some break the library only when they are used."""
    with recipe_errors("the normalizers"):
        text = tokenizer.normalizer.normalize_str(NEVER_SEEN) if tokenizer.normalizer else NEVER_SEEN
    with recipe_errors("the pre_tokenizers"):
        if tokenizer.pre_tokenizer:
            tokenizer.pre_tokenizer.pre_tokenize_str(text)


def _with_text(batches: Iterable[Any]) -> Iterator[Any]:
    """The same batches from the first that is not blank; DataError without one, before training starts."""
    rest = iter(batches)
    for batch in rest:
        if isinstance(batch, str):
            raise TypeError("build takes batches of texts, such as [['a text', 'another']]")
        if batch.strip() if isinstance(batch, bytes) else any(text.strip() for text in batch):
            return chain([batch], rest)
    raise DataError("there is no text to learn from: all of it is blank", fix="give files with text in them")
