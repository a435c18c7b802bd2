"""Settings that belong to somebody else's trainer: which names it takes, and words as the values it wants."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from tokbench.errors import UsageError
from tokbench.finetuning.config import CHOICES, FinetuneConfig, no_setting

SECRET = ("token", "hub", "password")  # never taken as words: they would be written down with the choices
Kinds = tuple[type | str, ...]  # types, and words that stand for themselves
WORDS: Mapping[type, str] = {bool: "true or false", int: "a whole number", float: "a number", str: "a word"}


@dataclass(frozen=True)
class Fields:
    """The fields of a trainer, by what becomes of them when they are named after --set."""

    known: tuple[str, ...]  # all of them, in the version that is installed
    taken: Mapping[str, Kinds]  # those that do something here, with the kinds of value they take
    planned: Mapping[str, str]  # those that follow from the plan or a common setting, with the name of that

    def values(self, config: FinetuneConfig) -> dict[str, Any]:
        """The trainer_options as values of its fields; UsageError for one that would do nothing."""
        for name in config.trainer_options:
            if name not in self.harmless:
                close = get_close_matches(name, (*CHOICES, *self.harmless))  # not all of a hundred fields
                raise no_setting(name, tuple(close) or (*CHOICES, *self.own))
            if name in self.planned:
                raise UsageError(
                    f"{name} is not set by name: it follows from the plan", fix=self.planned[name]
                )
            if name not in self.taken:
                raise UsageError(
                    f"{name} would change nothing: batches, rates, evaluations and files are tokbench's",
                    fix=f"the {config.trainer} trainer takes {', '.join(self.own)}",
                )
        return {name: _value(name, given, self.taken[name]) for name, given in config.trainer_options.items()}

    @property
    def harmless(self) -> tuple[str, ...]:
        """The fields that may be written down with the choices."""
        return tuple(name for name in self.known if not any(word in name for word in SECRET))

    @property
    def own(self) -> tuple[str, ...]:
        """The fields that do something, where the installed trainer has them."""
        return tuple(name for name in self.taken if name in self.known)


def _value(name: str, given: Any, kinds: Kinds) -> Any:  # noqa: ANN401  whatever the field holds
    """A value of one of these kinds; in text a number, truth value, object or null is as JSON writes it."""
    value = _read(given) if isinstance(given, str) else given
    if value is None or type(value) in kinds or (type(value) is int and float in kinds):
        return value
    if str in kinds or given in kinds:
        return given
    wanted = " or ".join(
        kind if isinstance(kind, str) else WORDS.get(kind, "a JSON object") for kind in kinds
    )
    raise UsageError(f"{name} is {given!r}", fix=f"give {name} {wanted}")


def _read(word: str) -> Any:  # noqa: ANN401
    try:
        return json.loads(word.lower() if word.lower() in ("true", "false", "null") else word)
    except ValueError:
        return None if word.lower() == "none" else word
