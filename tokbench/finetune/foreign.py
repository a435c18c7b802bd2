"""Settings that belong to somebody else's trainer: which names it takes, and words as the values it wants."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from tokbench.errors import AskedWrongly
from tokbench.finetune.plan import Plan
from tokbench.finetune.settings import NAMES, settings_of

SECRET = ("token", "hub", "password")  # never taken as words: they would be written down with the choices


def own_fields(plan: Plan, known: Iterable[str], *, planned: Mapping[str, str]) -> dict[str, Any]:
    """The plan's settings that are fields of its engine; AskedWrongly for one that nobody knows.

    `planned` are fields that a choice of the plan or a common setting stands for, with the name of that.
    """
    mine = tuple(name for name in known if not any(word in name for word in SECRET))
    settings = settings_of(plan.settings, others=mine)
    if settings.accumulate > 1:
        raise AskedWrongly(
            f"accumulate is a setting of the loop, and the engine is {plan.engine}", fix="--engine loop"
        )
    given = {name: word for name, word in plan.settings.items() if name not in NAMES}
    for name in given:
        if name in planned:
            raise AskedWrongly(f"{name} is not set by name: it follows from the plan", fix=planned[name])
    return {name: _value(word) for name, word in given.items()}


def _value(word: str) -> Any:  # noqa: ANN401  whatever the field holds
    """A number, a truth value or null as JSON writes them; anything else is a word."""
    try:
        return json.loads(word.lower() if word.lower() in ("true", "false", "none", "null") else word)
    except ValueError:
        return None if word.lower() == "none" else word
