"""A new tokenizer of the same kind as another: its blocks, roles and template, trained on other texts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokbench.errors import RecipeError
from tokbench.pretrained.folder import TokenizerFolder, TokenizerSource, load
from tokbench.pretrained.recipe_of import (
    BEFORE_SPACES,
    BETWEEN_DIGITS,
    TOML,
    chat_templates_of,
    dropped_tokens,
    recipe,
    recipe_of,
)
from tokbench.pretrained.train import Likeness, Trained, train
from tokbench.progress import Progress, silent
from tokbench.recipes.algorithms import ALGORITHMS
from tokbench.recipes.build import assemble
from tokbench.recipes.presets import choose_recipe
from tokbench.recipes.recipe import change

if TYPE_CHECKING:
    from tokbench.corpus.cleaned import CleaningSource
    from tokbench.corpus.reading import CorpusSource
    from tokbench.recipes.recipe import Recipe
    from tokbench.training.counting.count_corpus import Counted
    from tokbench.training.counting.store import StoredCounts
    from tokbench.training.word_counts import WordCounts

# What makers call tokens that they may need later: Llama 3, Gemma, Mistral, DeepSeek, Qwen, BERT.
PLACEHOLDER = re.compile(r"reserved|unused|place.?holder|<SPECIAL_\d|\[control_\d|extra_\d", re.IGNORECASE)
CUTS = {
    str(BEFORE_SPACES["type"]): "no piece reaches across a space: training cuts there",
    str(BETWEEN_DIGITS["type"]): "no piece has two digits: training cuts between them",
}


def train_like(
    tokenizer: TokenizerSource,
    corpus: CorpusSource | WordCounts | StoredCounts | Counted = (),
    *,
    output: str | Path | None = None,
    vocab_size: int | None = None,
    added: str = "keep",
    special: Sequence[str] = (),
    settings: Mapping[str, str] | None = None,
    column: str | None = None,
    clean: CleaningSource = (),
    counts: str | Path | None = None,
    engine: str = "auto",
    threads: int | None = None,
    force: bool = False,
    progress: Progress = silent,
    **choices: Any,  # noqa: ANN401  a choice is any value that TOML has
) -> Trained:
    """Train a tokenizer of the same blocks, roles, template and options as `tokenizer` on the corpus.

    `vocab_size` is that of the tokenizer by default. `added` says which tokens that were not learned it gets:
    keep all (a chat template may write any of them), only those that are special, or drop all that have
    neither a role nor a place in the template; what is kept has the first ids, special tokens before others.
    A chat template goes along unless it writes a token that is dropped. `special` are more special tokens;
    `choices` and the rest are those of `train`, and `settings` are choices by dotted keys, as in `--set`.
    What no file tells is in `like.guessed` of the result. RecipeError for a tokenizer that no recipe makes;
    errors are else those of load and train.

    >>> first = train(["the cat sat on the mat", "the cats sat"] * 9, "bert", vocab_size=60)
    >>> second = train_like(first.tokenizer, ["a hat is on the cats"] * 9, vocab_size=40)
    >>> second.tokenizer.encode("the hat").tokens
    ['[CLS]', 'the', 'hat', '[SEP]']
    """
    folder = load(tokenizer)
    like = change(recipe_like(folder, added), settings or {})
    chosen = choose_recipe(like, vocab_size=vocab_size, special=special, **choices)
    _ensure_room(folder, chosen, added)
    trained = train(
        corpus,
        chosen,
        output=output,
        column=column,
        clean=clean,
        counts=counts,
        engine=engine,
        threads=threads,
        force=force,
        progress=progress,
    )
    return replace(trained, like=_likeness(folder, chosen, added))


def _ensure_room(folder: TokenizerFolder, chosen: Recipe, added: str) -> None:
    """RecipeError where the tokens that were given leave no room for those to be learned."""
    given = len(chosen.given_tokens)
    fewer = next((each for each in ("special", "drop") if len(dropped_tokens(folder, each)) > 0), "")
    if given >= chosen.vocab_size and fewer and added == "keep":
        raise RecipeError(
            f"{folder.name} has {given:,} tokens that were given and not learned, "
            f"which leaves nothing of {chosen.vocab_size:,}",
            fix=f"--added {fewer}",
        )


def recipe_like(folder: TokenizerFolder, added: str = "keep") -> Recipe:
    """The recipe that tokbench left beside a tokenizer, if all is kept, or else what its files amount to."""
    if added == "keep" and (folder.path / TOML).is_file():
        return recipe(folder)
    return recipe_of(folder, added, may_lack=True)


def _likeness(folder: TokenizerFolder, chosen: Recipe, added: str) -> Likeness:
    there = folder.tokenizer.get_added_tokens_decoder().values()
    plain = [each.content for each in there if not each.special]
    return Likeness(
        name=folder.name,
        added=added,
        dropped=len(dropped_tokens(folder, added)),
        placeholders=sum(bool(PLACEHOLDER.search(token)) for token in chosen.given_tokens),
        special_now=tuple(token for token in plain if token in chosen.tokens),
        chat=_chat(folder, chosen),
        read=tuple(CUTS[each.type] for each in chosen.training_pre_tokenizers if each.type in CUTS),
        guessed=() if (folder.path / TOML).is_file() else tuple(_guessed(folder, chosen)),
    )


def _chat(folder: TokenizerFolder, chosen: Recipe) -> str:
    if not chat_templates_of(folder):
        return ""
    return "kept" if chosen.wrapper.get("chat_template") else "left out: it writes a token that was dropped"


def _guessed(folder: TokenizerFolder, chosen: Recipe) -> Iterator[str]:
    """What no file of a tokenizer tells, with what is taken in its place."""
    if folder.tokenizer.decoder is None and not chosen.decoders and assemble(chosen).decoder is not None:
        yield "a decoder that undoes the blocks, for it has none"
    if chosen.algorithm == "unigram" and folder.outline["model"].get("unk_id") is None:
        yield f"the unknown token {chosen.special_tokens['unk']}, for it has none"
    options: Mapping[str, Any] = ALGORITHMS[chosen.algorithm].trainer_options
    unseen = ("min_frequency", "limit_alphabet", "max_token_length", "max_piece_length", "shrinking_factor")
    for name in unseen:
        if name in options:
            value = chosen.trainer.get(name, options[name].default)
            yield f"trainer.{name} {'none' if value is None else value}"
