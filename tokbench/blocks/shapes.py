"""Values read from TOML in the shape that is needed, or an error that says which value has another."""

from __future__ import annotations

from typing import Any

from tokbench.errors import RecipeProblem


def table(value: object, where: str) -> dict[str, Any]:
    """A table of names and values."""
    if not isinstance(value, dict):
        raise RecipeProblem(
            f"{where} must be a table of names and values, not {value!r}",
            fix="see how one is written: tokbench presets bert",
        )
    return value


def tables(value: object, where: str) -> dict[str, dict[str, Any]]:
    """A table of tables."""
    return {key: table(each, f"{where}.{key}") for key, each in table(value, where).items()}


def text(value: object, where: str) -> str:
    """A text."""
    if not isinstance(value, str):
        raise RecipeProblem(f"{where} must be text, not {value!r}", fix=f'put it in quotes: "{value}"')
    return value


def texts(value: object, where: str) -> tuple[str, ...]:
    """A list of texts."""
    if not isinstance(value, list | tuple):
        raise RecipeProblem(f"{where} must be a list of texts, not {value!r}", fix=f'{where} = ["[E1]"]')
    return tuple(text(each, where) for each in value)


def whole(value: object, where: str) -> int:
    """A whole number."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise RecipeProblem(f"{where} must be a whole number, not {value!r}", fix=f"{where} = 8000")
    return value
