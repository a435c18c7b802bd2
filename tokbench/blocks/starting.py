"""A recipe to train with: the algorithm's own or a preset's, and what was chosen on top of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tokbench.blocks.defaults import DEFAULTS
from tokbench.blocks.presets import preset
from tokbench.blocks.recipe import Block, Recipe, change
from tokbench.errors import RecipeProblem

COMMANDS = {"character": "train-char"}  # the others are called as their algorithm is


def start(
    algorithm: str,
    name: str | None = None,
    settings: Mapping[str, str] | None = None,
    *,
    special: Sequence[str] = (),
    cased: bool = False,
) -> Recipe:
    """The recipe of an algorithm, or the preset of this name, with these choices.

    Raises RecipeProblem when the preset is of another algorithm.

    >>> start("bpe", settings={"vocab_size": "8000"}, special=["<x>"]).extra_special_tokens
    ('<x>',)
    """
    recipe = preset(name) if name else DEFAULTS[algorithm]
    if recipe.algorithm != algorithm:
        command = COMMANDS.get(recipe.algorithm, f"train-{recipe.algorithm}")
        raise RecipeProblem(
            f"the preset {name} is {recipe.algorithm}, not {algorithm}",
            fix=f"tokbench {command} --preset {name}",
        )
    recipe = replace(recipe, extra_special_tokens=(*recipe.extra_special_tokens, *special))
    return change(keep_case(recipe) if cased else recipe, settings or {})


def keep_case(recipe: Recipe) -> Recipe:
    """The recipe without the folding of case and the stripping of accents.

    >>> [each.type for each in keep_case(DEFAULTS["wordlevel"]).normalizers]
    ['NFC']
    """
    return replace(recipe, normalizers=tuple(map(_cased, _without_folding(recipe.normalizers))))


def _without_folding(normalizers: Sequence[Block]) -> list[Block]:
    return [each for each in normalizers if each.type not in ("Lowercase", "StripAccents")]


def _cased(block: Block) -> Block:
    if block.type != "BertNormalizer":
        return block
    return replace(block, options={**block.options, "lowercase": False, "strip_accents": False})
