"""The five algorithms by name: the options, the checks, the empty model and the training of each."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from tokenizers import Tokenizer
from tokenizers import pre_tokenizers as library
from tokenizers.models import BPE, Model, Unigram, WordLevel, WordPiece
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer, UnigramTrainer, WordLevelTrainer

from tokbench.errors import RecipeError
from tokbench.recipes.options import (
    Option,
    any_characters,
    checked_options,
    flag,
    fraction,
    probability,
    text_option,
    whole_number,
)
from tokbench.recipes.validate import BYTES, LETTERS, added, make_ordinary, unk
from tokbench.training.engine import Engine, Learn, learning_from
from tokbench.training.library import canonical, train_in_worker

if TYPE_CHECKING:
    from tokbench.progress import Progress
    from tokbench.recipes.recipe import Recipe

BPE_MODEL: Mapping[str, Option] = {
    "dropout": probability(None),
    "fuse_unk": flag(False),
    "byte_fallback": flag(False),
    "ignore_merges": flag(False),
}
BPE_TRAINER: Mapping[str, Option] = {
    "min_frequency": whole_number(0),
    "limit_alphabet": whole_number(None, low=1),
    "initial_alphabet": any_characters(),
    "max_token_length": whole_number(None, low=1),
    "continuing_subword_prefix": text_option(None),
    "end_of_word_suffix": text_option(None),
}

AFFIXES = ("continuing_subword_prefix", "end_of_word_suffix")


def check_bpe(recipe: Recipe) -> None:
    """RecipeError for choices that would lose bytes without a word."""
    options = checked_options(recipe.trainer, BPE_TRAINER, "bpe trainer")
    affixed = _is_affixed(options)
    if recipe.is_byte_level:
        for name in ("limit_alphabet", "initial_alphabet", "continuing_subword_prefix"):
            if options.get(name):
                raise RecipeError(
                    f"byte-level BPE takes no {name}: its alphabet is all 256 bytes, and Ġ marks word starts",
                    fix=f"take away trainer.{name}, or the ByteLevel block",
                )
    if recipe.model.get("byte_fallback") and (recipe.is_byte_level or affixed):
        raise RecipeError(
            "byte_fallback fits neither ByteLevel blocks nor a prefix or suffix of pieces",
            fix="take away model.byte_fallback; ByteLevel alone loses nothing",
        )


def train_bpe(
    tokenizer: Tokenizer,
    recipe: Recipe,
    batches: Iterable[list[str]],
    *,
    engine: Engine = "library",
    threads: int | None = None,
    progress: Progress,
) -> Tokenizer:
    """The tokenizer with the merges of these texts: the library's own, whoever learns them.

    With a prefix or suffix the library gives other ids in every run, and with a limited alphabet other
    characters where two are equally frequent, so those merges are always learned here.
    """
    if engine == "library" and not _is_unsettled(checked_options(recipe.trainer, BPE_TRAINER, "bpe trainer")):
        return _train_in_library(tokenizer, recipe, batches, threads, progress)
    learn = learning_from(tokenizer, batches, engine=engine, threads=threads, progress=progress)
    return bpe_from(tokenizer, recipe, learn)


def bpe_from(tokenizer: Tokenizer, recipe: Recipe, learn: Learn) -> Tokenizer:
    """The tokenizer with the merges that `learn` gives for the choices of this recipe."""
    options = checked_options(recipe.trainer, BPE_TRAINER, "bpe trainer")
    fallback = BYTES if recipe.model.get("byte_fallback") else ()
    options["initial_alphabet"] = _alphabet(recipe, options)
    if recipe.is_byte_level and "end_of_word_suffix" in options:  # as CLIP: any byte may end a word
        letters = options["initial_alphabet"]
        fallback = (*letters, *(letter + options["end_of_word_suffix"] for letter in letters))
    found = learn(vocab_size=recipe.vocab_size, special_tokens=[*recipe.given_tokens, *fallback], **options)
    affixes = {name: options[name] for name in AFFIXES if name in options}
    tokenizer.model = bpe_model(recipe, vocab=found.vocab, merges=found.merges, **affixes)
    tokenizer.add_special_tokens(added(recipe))
    return tokenizer


def _train_in_library(
    tokenizer: Tokenizer,
    recipe: Recipe,
    batches: Iterable[list[str]],
    threads: int | None,
    progress: Progress,
) -> Tokenizer:
    options = checked_options(recipe.trainer, BPE_TRAINER, "bpe trainer")
    fallback = recipe.model.get("byte_fallback", False)
    trainer = BpeTrainer(
        vocab_size=recipe.vocab_size,
        special_tokens=[*added(recipe), *(BYTES if fallback else ())],
        show_progress=False,
        **(options | {"initial_alphabet": _alphabet(recipe, options)}),
    )
    trained = train_in_worker(tokenizer, trainer, batches, threads=threads, progress=progress)
    return make_ordinary(trained) if fallback else trained


def _alphabet(recipe: Recipe, options: Mapping[str, Any]) -> list[str]:
    return sorted(ByteLevel.alphabet() if recipe.is_byte_level else options["initial_alphabet"])


def bpe_model(recipe: Recipe, **learned: Any) -> Model:  # noqa: ANN401
    """BPE with what it has learned, by default nothing. Bytes need no unk, so a byte-level model has none."""
    unk = None if recipe.is_byte_level else recipe.special_tokens.get("unk")
    return BPE(unk_token=unk, **checked_options(recipe.model, BPE_MODEL, "bpe model"), **learned)


def _is_unsettled(options: Mapping[str, Any]) -> bool:
    """Whether the library's trainer gives other results in every run."""
    return _is_affixed(options) or "limit_alphabet" in options


def _is_affixed(options: Mapping[str, Any]) -> bool:
    return any(name in options for name in AFFIXES)


# alpha and nbest_size of the library's model are not saved with it, so a recipe cannot promise them.
UNIGRAM_MODEL: Mapping[str, Option] = {"byte_fallback": flag(False)}
UNIGRAM_TRAINER: Mapping[str, Option] = {
    "initial_alphabet": any_characters(),
    "shrinking_factor": fraction(0.75),
    "max_piece_length": whole_number(16, low=1),
    "n_sub_iterations": whole_number(2, low=1),
    "seed_size": whole_number(1_000_000, low=1),
}
TOO_SMALL = "not large enough to contain all chars"


def check_unigram(recipe: Recipe) -> None:
    """RecipeError for a recipe without unk, or with bytes in two ways."""
    unk(recipe)
    if recipe.is_byte_level and recipe.model.get("byte_fallback"):
        raise RecipeError(
            "byte_fallback has nothing to do where a ByteLevel block writes every byte as a character",
            fix="take away model.byte_fallback, or the ByteLevel block",
        )


def unigram_model(recipe: Recipe) -> Model:
    """A model that has learned nothing yet."""
    checked_options(recipe.model, UNIGRAM_MODEL, "unigram model")
    unk(recipe)
    return Unigram()


def train_unigram(
    tokenizer: Tokenizer,
    recipe: Recipe,
    batches: Iterable[list[str]],
    *,
    threads: int | None = None,
    progress: Progress,
) -> Tokenizer:
    """The tokenizer with the pieces of these texts, in an order that does not change from run to run."""
    fallback = recipe.model.get("byte_fallback", False)
    special = [*added(recipe), *(BYTES if fallback else ())]
    options = checked_options(recipe.trainer, UNIGRAM_TRAINER, "unigram trainer")
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
        texts = _collecting(batches, seen)
        trained = train_in_worker(tokenizer, trainer, texts, threads=threads, progress=progress)
    except RecipeError as error:
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


def _collecting(batches: Iterable[list[str]], seen: set[str]) -> Iterator[list[str]]:
    """The same batches, their characters added to `seen`."""
    for batch in batches:
        seen.update(*batch)
        yield batch


def _too_small(recipe: Recipe, tokenizer: Tokenizer, seen: set[str]) -> RecipeError:
    """The error with a number: every character left by the blocks needs a place, and one piece more."""
    left: set[str] = set()
    for character in seen:
        written = tokenizer.normalizer.normalize_str(character) if tokenizer.normalizer else character
        words = (
            tokenizer.pre_tokenizer.pre_tokenize_str(written) if tokenizer.pre_tokenizer else [(written, ())]
        )
        left.update(*(word for word, _ in words))
    needed = len(recipe.given_tokens) + len(left) + 1 + (256 if recipe.model.get("byte_fallback") else 0)
    return RecipeError(
        f"vocab_size {recipe.vocab_size} is too small for unigram: "
        f"the special tokens and the {len(left)} characters of these texts need {needed}",
        fix=f"--vocab-size {needed} or more",
    )


WORDLEVEL_MODEL: Mapping[str, Option] = {}
WORDLEVEL_TRAINER: Mapping[str, Option] = {"min_frequency": whole_number(0)}


def check_wordlevel(recipe: Recipe) -> None:
    """RecipeError for a recipe without unk."""
    unk(recipe)


def wordlevel_model(recipe: Recipe) -> Model:
    """A model that has learned nothing yet."""
    checked_options(recipe.model, WORDLEVEL_MODEL, "wordlevel model")
    return WordLevel(unk_token=unk(recipe))


def train_wordlevel(
    tokenizer: Tokenizer,
    recipe: Recipe,
    batches: Iterable[list[str]],
    *,
    threads: int | None = None,
    progress: Progress,
) -> Tokenizer:
    """The tokenizer with the words of these texts.

    The library numbers a word twice that is a given token, too: so many more are asked for, and left out.
    """
    trainer = WordLevelTrainer(
        vocab_size=recipe.vocab_size + len(recipe.given_tokens),
        special_tokens=added(recipe),
        show_progress=False,
        **checked_options(recipe.trainer, WORDLEVEL_TRAINER, "wordlevel trainer"),
    )
    trained = train_in_worker(tokenizer, trainer, batches, threads=threads, progress=progress)
    return _each_word_once(trained, recipe)


def _each_word_once(tokenizer: Tokenizer, recipe: Recipe) -> Tokenizer:
    """The same tokenizer, given tokens first, then as many of its words as there is room for."""
    data = json.loads(tokenizer.to_str())
    vocab: dict[str, int] = data["model"]["vocab"]
    words = dict.fromkeys((*recipe.given_tokens, *sorted(vocab, key=vocab.__getitem__)))
    size = max(recipe.vocab_size, len(recipe.given_tokens))
    data["model"]["vocab"] = found = {word: number for number, word in enumerate(islice(words, size))}
    for each in data["added_tokens"]:
        each["id"] = found[each["content"]]
    data["added_tokens"].sort(key=lambda each: each["id"])
    return Tokenizer.from_str(json.dumps(data))


def check_character(recipe: Recipe) -> None:
    """RecipeError for a recipe without unk, or with bytes."""
    check_wordlevel(recipe)
    if recipe.is_byte_level:
        raise RecipeError(
            "character does not work on bytes: one it has not seen would be unknown",
            fix=f'algorithm = "bpe" with vocab_size = {len(recipe.given_tokens) + 256} has one token a byte',
        )


def train_character(
    tokenizer: Tokenizer,
    recipe: Recipe,
    batches: Iterable[list[str]],
    *,
    threads: int | None = None,
    progress: Progress,
) -> Tokenizer:
    """The tokenizer with the characters of these texts, whatever its pre_tokenizers cut before."""
    one = library.FixedLength(1)
    before = tokenizer.pre_tokenizer
    tokenizer.pre_tokenizer = one if before is None else library.Sequence([before, one])
    return train_wordlevel(tokenizer, recipe, batches, threads=threads, progress=progress)


WORDPIECE_MODEL: Mapping[str, Option] = {"max_input_chars_per_word": whole_number(100, low=1)}
WORDPIECE_TRAINER: Mapping[str, Option] = {
    "min_frequency": whole_number(0),
    "limit_alphabet": whole_number(None, low=1),
    "initial_alphabet": any_characters(),
    "max_token_length": whole_number(None, low=1),
    "continuing_subword_prefix": text_option("##"),
}


def check_wordpiece(recipe: Recipe) -> None:
    """RecipeError for a recipe without unk, or with bytes."""
    unk(recipe)
    if recipe.is_byte_level:
        raise RecipeError(
            "wordpiece cannot be byte-level: one byte it has not seen makes the whole word unknown",
            fix='algorithm = "bpe" can',
        )


def wordpiece_model(recipe: Recipe) -> Model:
    """A model that has learned nothing yet."""
    return WordPiece(
        unk_token=unk(recipe), **checked_options(recipe.model, WORDPIECE_MODEL, "wordpiece model")
    )


def train_wordpiece(
    tokenizer: Tokenizer,
    recipe: Recipe,
    batches: Iterable[list[str]],
    *,
    engine: Engine = "library",
    threads: int | None = None,
    progress: Progress,
) -> Tokenizer:
    """The tokenizer with the pieces of these texts; the library's own trainer finds others in every run."""
    learn = learning_from(tokenizer, batches, engine=engine, threads=threads, progress=progress)
    return wordpiece_from(tokenizer, recipe, learn)


def wordpiece_from(tokenizer: Tokenizer, recipe: Recipe, learn: Learn) -> Tokenizer:
    """The tokenizer with the pieces that `learn` gives for the choices of this recipe."""
    options = checked_options(recipe.trainer, WORDPIECE_TRAINER, "wordpiece trainer")
    found = learn(vocab_size=recipe.vocab_size, special_tokens=recipe.given_tokens, **options)
    tokenizer.model = WordPiece(
        vocab=found.vocab,
        unk_token=unk(recipe),
        continuing_subword_prefix=options["continuing_subword_prefix"],
        **checked_options(recipe.model, WORDPIECE_MODEL, "wordpiece model"),
    )
    tokenizer.add_special_tokens(added(recipe))
    return tokenizer


@dataclass(frozen=True, kw_only=True)
class Algorithm:
    """One algorithm: what it says of itself, its options, and its three functions.

    check: RecipeError for choices that cannot go together; model: one that has learned nothing yet; train:
    the tokenizer with what these texts teach, its special tokens with the ids from 0; from_merges: the same
    from merges that `learn` gives, for the algorithms that the compiled loops can train.
    """

    about: str
    model_options: Mapping[str, Option]
    trainer_options: Mapping[str, Option]
    check: Callable[[Recipe], None]
    model: Callable[[Recipe], Model]
    train: Callable[..., Tokenizer]
    from_merges: Callable[[Tokenizer, Recipe, Learn], Tokenizer] | None = None


ALGORITHMS: dict[str, Algorithm] = {
    "bpe": Algorithm(
        about="the most frequent pairs of pieces are joined, again and again",
        model_options=BPE_MODEL,
        trainer_options=BPE_TRAINER,
        check=check_bpe,
        model=bpe_model,
        train=train_bpe,
        from_merges=bpe_from,
    ),
    "wordpiece": Algorithm(
        about="a word is cut into its longest known pieces, ## marking those that continue it",
        model_options=WORDPIECE_MODEL,
        trainer_options=WORDPIECE_TRAINER,
        check=check_wordpiece,
        model=wordpiece_model,
        train=train_wordpiece,
        from_merges=wordpiece_from,
    ),
    "unigram": Algorithm(
        about="the least useful of many pieces are dropped; a text takes its most probable cut",
        model_options=UNIGRAM_MODEL,
        trainer_options=UNIGRAM_TRAINER,
        check=check_unigram,
        model=unigram_model,
        train=train_unigram,
    ),
    "wordlevel": Algorithm(
        about="every word is one token, the most frequent ones are kept",
        model_options=WORDLEVEL_MODEL,
        trainer_options=WORDLEVEL_TRAINER,
        check=check_wordlevel,
        model=wordlevel_model,
        train=train_wordlevel,
    ),
    "character": Algorithm(
        about="every character is one token, the most frequent ones are kept",
        model_options=WORDLEVEL_MODEL,
        trainer_options=WORDLEVEL_TRAINER,
        check=check_character,
        model=wordlevel_model,
        train=train_character,
    ),
}
# Those that the compiled loops can train; the library trains the others.
LEARNED = tuple(name for name, each in ALGORITHMS.items() if each.from_merges)
