"""Settings that belong to somebody else's trainer: which names it takes, and words as the values it wants."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from tokbench.errors import UsageError, did_you_mean
from tokbench.finetuning.config import NAMES, Plan, settings_of

SECRET = ("token", "hub", "password")  # never taken as words: they would be written down with the choices
Kinds = tuple[type | str, ...]  # types, and words that stand for themselves
WORDS: Mapping[type, str] = {bool: "true or false", int: "a whole number", float: "a number", str: "a word"}


@dataclass(frozen=True)
class Fields:
    """The fields of a trainer, by what becomes of them when they are named after --set."""

    known: tuple[str, ...]  # all of them, in the version that is installed
    taken: Mapping[str, Kinds]  # those that do something here, with the kinds of value they take
    planned: Mapping[str, str]  # those that follow from the plan or a common setting, with the name of that

    def chosen(self, plan: Plan) -> dict[str, Any]:
        """The plan's settings that are fields of its engine; AskedWrongly for one that would do nothing."""
        given = {name: word for name, word in plan.settings.items() if name not in NAMES}
        for name in given:
            if name not in self.harmless:
                raise UsageError(f"there is no setting {name!r}", fix=self._near(name))
            if name in self.planned:
                raise UsageError(
                    f"{name} is not set by name: it follows from the plan", fix=self.planned[name]
                )
            if name not in self.taken:
                raise UsageError(
                    f"{name} would change nothing: batches, rates, evaluations and files are tokbench's",
                    fix=f"the {plan.engine} engine takes {', '.join(self.own)}",
                )
        settings_of(plan.settings, others=tuple(given))
        return {name: _value(name, word, self.taken[name]) for name, word in given.items()}

    @property
    def harmless(self) -> tuple[str, ...]:
        """The fields that may be written down with the choices."""
        return tuple(name for name in self.known if not any(word in name for word in SECRET))

    @property
    def own(self) -> tuple[str, ...]:
        """The fields that do something, where the installed trainer has them."""
        return tuple(name for name in self.taken if name in self.known)

    def _near(self, name: str) -> str:
        """The names that are nearly this one, or else those that can be set: not all of a hundred fields."""
        close = get_close_matches(name, (*NAMES, *self.harmless))
        return did_you_mean(name, close or (*NAMES, *self.own))


def _value(name: str, word: str, kinds: Kinds) -> Any:  # noqa: ANN401  whatever the field holds
    """A word as a value of one of these kinds: a number, truth value, object or null as JSON writes them."""
    value = _read(word)
    if value is None or type(value) in kinds or (type(value) is int and float in kinds):
        return value
    if str in kinds or word in kinds:
        return word
    wanted = " or ".join(
        kind if isinstance(kind, str) else WORDS.get(kind, "a JSON object") for kind in kinds
    )
    raise UsageError(f"{name} is {word!r}", fix=f"give {name} {wanted}")


def _read(word: str) -> Any:  # noqa: ANN401
    try:
        return json.loads(word.lower() if word.lower() in ("true", "false", "null") else word)
    except ValueError:
        return None if word.lower() == "none" else word
