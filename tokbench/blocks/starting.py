"""A recipe to train with: the algorithm's own or a preset's, and what was chosen on top of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tokbench.blocks.defaults import DEFAULTS
from tokbench.blocks.presets import PRESETS, preset
from tokbench.blocks.recipe import Block, Recipe, change, read_recipe
from tokbench.errors import RecipeProblem, did_you_mean

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


def named(name: str, settings: Mapping[str, str] | None = None, *, cased: bool = False) -> Recipe:
    """The recipe of an algorithm, of a preset, or in a TOML file, with these choices.

    >>> named("roberta").algorithm
    'bpe'
    """
    known = [*DEFAULTS, *PRESETS]
    if name in known:
        recipe = DEFAULTS[name] if name in DEFAULTS else preset(name)
    elif Path(name).suffix == ".toml":
        recipe = read_recipe(name)
    else:
        raise RecipeProblem(f"there is no recipe {name}", fix=f"{did_you_mean(name, known)}; or a TOML file")
    return change(keep_case(recipe) if cased else recipe, settings or {})


def like(recipe: Recipe) -> str:
    """Words of a command that name a recipe with the same normalizers and pre_tokenizers.

    >>> like(start("bpe", "gpt2")), like(start("wordpiece", cased=True))
    ('--like bpe', '--like wordpiece --cased')
    """
    for name in (recipe.algorithm, *DEFAULTS, *PRESETS):
        for cased in (False, True):
            other = named(name, cased=cased)
            if (other.normalizers, other.pre_tokenizers) == (recipe.normalizers, recipe.pre_tokenizers):
                return f"--like {name}{' --cased' * cased}"
    return "--like RECIPE.toml"


def trainer(name: str, *, cased: bool = False) -> str:
    """The command that trains the recipe of this name, as `named` knows it.

    >>> trainer("gpt2"), trainer("wordpiece", cased=True)
    ('tokbench train-bpe --preset gpt2', 'tokbench train-wordpiece --cased')
    """
    if name not in DEFAULTS and name not in PRESETS:
        return f"tokbench build {name}"
    algorithm = named(name).algorithm
    command = COMMANDS.get(algorithm, f"train-{algorithm}")
    return f"tokbench {command}{'' if name in DEFAULTS else f' --preset {name}'}{' --cased' * cased}"


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
