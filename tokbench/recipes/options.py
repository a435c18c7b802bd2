"""Values checked before they are used: options by their table, entries of a TOML document by their shape.

The tokenizers library swallows unknown options, and many a wrong value.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tokbench.errors import RecipeError, did_you_mean

REQUIRED: Any = object()
LARGEST = 2**31 - 1


@dataclass(frozen=True)
class Option:
    """What one option may be, in words and as a test, and the library's default for it."""

    says: str
    accepts: Callable[[Any], bool]
    default: Any = REQUIRED

    @property
    def required(self) -> bool:
        """Whether the block has no default for it."""
        return self.default is REQUIRED


def flag(default: Any = REQUIRED) -> Option:  # noqa: ANN401  a default is any value, or None for unset
    """True or false."""
    return Option("true or false", lambda value: isinstance(value, bool), default)


def text_option(default: Any = REQUIRED, *, empty: bool = False) -> Option:  # noqa: ANN401
    """Text; `empty` allows none at all."""
    says = "text" if empty else "text of at least one character"
    return Option(says, lambda value: isinstance(value, str) and (empty or value != ""), default)


def one_character(default: Any = REQUIRED) -> Option:  # noqa: ANN401
    """One character."""
    return Option("one character", lambda value: isinstance(value, str) and len(value) == 1, default)


def any_characters() -> Option:
    """Any number of characters, none by default."""
    one = one_character().accepts
    return Option(
        "a list of single characters",
        lambda value: isinstance(value, list | tuple) and all(one(each) for each in value),
        (),
    )


def whole_number(default: Any = REQUIRED, *, low: int = 0, high: int = LARGEST) -> Option:  # noqa: ANN401
    """A whole number: low <= number <= high."""
    says = f"a whole number from {low}" + ("" if high == LARGEST else f" to {high}")
    return Option(says, lambda value: type(value) is int and low <= value <= high, default)


def probability(default: Any = REQUIRED) -> Option:  # noqa: ANN401
    """A number from 0 to 1, both included."""
    return Option("a number from 0 to 1", lambda value: _is_number(value) and 0 <= value <= 1, default)


def fraction(default: Any = REQUIRED) -> Option:  # noqa: ANN401
    """A number between 0 and 1, neither included."""
    return Option("a number between 0 and 1", lambda value: _is_number(value) and 0 < value < 1, default)


def one_of(*choices: str, default: Any = REQUIRED) -> Option:  # noqa: ANN401
    """One of these words."""
    return Option(f"one of {', '.join(choices)}", lambda value: value in choices, default)


def some_of(*choices: str) -> Option:
    """Any of these words, each once; unset by default."""
    return Option(
        f"a list of some of {', '.join(choices)}",
        lambda value: (
            isinstance(value, list | tuple)
            and all(isinstance(each, str) and each in choices for each in value)
            and len(set(value)) == len(value) > 0
        ),
        None,
    )


def chat_templates() -> Option:
    """A chat template in Jinja, or several, each with its name; unset by default."""

    def named(value: object) -> bool:
        return isinstance(value, Mapping) and all(
            isinstance(value.get(key), str) for key in ("name", "template")
        )

    return Option(
        "a chat template, or a list of tables with name and template",
        lambda value: (
            (isinstance(value, str) and value != "")
            or (isinstance(value, list | tuple) and len(value) > 0 and all(map(named, value)))
        ),
        None,
    )


def blocks() -> Option:
    """At least one block, in order."""
    return Option("a list of blocks", lambda value: isinstance(value, list | tuple) and len(value) > 0)


def template() -> Option:
    """Pieces of a template, in one text with spaces between them or in a list."""
    return Option(
        'a template such as "[CLS] $A [SEP]"',
        lambda value: (
            (isinstance(value, str) and value.strip() != "")
            or (
                isinstance(value, list | tuple)
                and len(value) > 0
                and all(isinstance(each, str) for each in value)
            )
        ),
    )


def checked_options(given: Mapping[str, Any], known: Mapping[str, Option], where: str) -> dict[str, Any]:
    """Every option that is set: as given, else by default. RecipeError for one unknown, missing or wrong.

    >>> checked_options({"left": False}, {"left": flag(True), "right": flag(True)}, "normalizer Strip")
    {'left': False, 'right': True}
    """
    for name, value in given.items():
        if name not in known:
            raise RecipeError(f"{where} has no option {name}; {_names(known)}", fix=did_you_mean(name, known))
        if not known[name].accepts(value):
            raise RecipeError(
                f"{where}: {name} must be {known[name].says}, not {value!r}", fix=f"change {name}"
            )
    for name, option in known.items():
        if option.required and name not in given:
            raise RecipeError(f"{where} needs {name}: {option.says}", fix=f"add {name}")
    chosen = {name: given.get(name, option.default) for name, option in known.items()}
    return {name: value for name, value in chosen.items() if value is not None}


def table_value(value: object, where: str) -> dict[str, Any]:
    """A table of names and values."""
    if not isinstance(value, dict):
        raise RecipeError(
            f"{where} must be a table of names and values, not {value!r}",
            fix="see how one is written: tokbench presets bert",
        )
    return value


def table_values(value: object, where: str) -> dict[str, dict[str, Any]]:
    """A table of tables."""
    return {key: table_value(each, f"{where}.{key}") for key, each in table_value(value, where).items()}


def text_value(value: object, where: str) -> str:
    """A text."""
    if not isinstance(value, str):
        raise RecipeError(f"{where} must be text, not {value!r}", fix=f'put it in quotes: "{value}"')
    return value


def text_values(value: object, where: str) -> tuple[str, ...]:
    """A list of texts."""
    if not isinstance(value, list | tuple):
        raise RecipeError(f"{where} must be a list of texts, not {value!r}", fix=f'{where} = ["[E1]"]')
    return tuple(text_value(each, where) for each in value)


def whole_value(value: object, where: str) -> int:
    """A whole number."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise RecipeError(f"{where} must be a whole number, not {value!r}", fix=f"{where} = 8000")
    return value


def _names(known: Mapping[str, Option]) -> str:
    return f"it has {', '.join(known)}" if known else "it has none"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
