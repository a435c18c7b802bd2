"""Every block that a recipe can name, with its options in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tokbench.errors import RecipeError, did_you_mean
from tokbench.recipes.algorithms import ALGORITHMS
from tokbench.recipes.decoders import DECODERS
from tokbench.recipes.normalizers import NORMALIZERS
from tokbench.recipes.post_processors import post_processors
from tokbench.recipes.pre_tokenizers import PRE_TOKENIZERS
from tokbench.recipes.validate import TOKEN_OPTIONS, WRAPPER

if TYPE_CHECKING:
    from tokbench.recipes.options import Option
    from tokbench.recipes.registry import BlockSpec


@dataclass(frozen=True)
class Entry:
    """One block: the place in a recipe it stands at, its name, what it does, its options in words."""

    place: str
    name: str
    about: str
    options: Mapping[str, str]


@dataclass(frozen=True)
class Catalog:
    """Blocks in the order of a recipe."""

    entries: tuple[Entry, ...]


def catalog(name: str | None = None) -> Catalog:
    """Every block that a recipe can name, or those of this name or at this place."""
    entries = (
        *_table("normalizers", NORMALIZERS),
        *_table("pre_tokenizers", PRE_TOKENIZERS),
        *(Entry("model", name, each.about, _words(each.model_options)) for name, each in ALGORITHMS.items()),
        *(
            Entry("trainer", name, each.about, _words(each.trainer_options))
            for name, each in ALGORITHMS.items()
        ),
        *_table("post_processor", post_processors({})),
        *_table("decoders", DECODERS),
        Entry("token_options", "token_options", "How a special token is found.", _words(TOKEN_OPTIONS)),
        Entry("wrapper", "wrapper", "What transformers is told about the tokenizer.", _words(WRAPPER)),
    )
    found = tuple(each for each in entries if name is None or name.lower() in (each.place, each.name.lower()))
    if not found:
        known = dict.fromkeys(word for each in entries for word in (each.place, each.name))
        raise RecipeError(f"there is no block {name}", fix=did_you_mean(str(name), known))
    return Catalog(found)


def _table(place: str, table: Mapping[str, BlockSpec[Any]]) -> list[Entry]:
    return [Entry(place, name, kind.about, _words(kind.options)) for name, kind in table.items()]


def _words(options: Mapping[str, Option]) -> dict[str, str]:
    return {name: f"{option.says} ({_default(option)})" for name, option in options.items()}


def _default(option: Option) -> str:
    if option.required:
        return "required"
    if option.default is None or option.default == ():
        return "unset"
    return str(option.default).lower() if isinstance(option.default, bool) else repr(option.default)
