"""What Typer finds wrong with a command line, in our words: one sentence, and a command that helps."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import typer

from tokbench.cli.commands import COMMANDS
from tokbench.errors import UsageError, clipped, did_you_mean

# Typer keeps its copy of Click to itself; the classes above its public one are what it raises.
Fault: type[Exception] = typer.BadParameter.__mro__[2]
KINDS = {"int": "a whole number", "float": "a number", "bool": "yes or no", "path": "a path"}


def in_our_words(fault: Any, words: Sequence[str]) -> UsageError:  # noqa: ANN401  Typer's exceptions are private
    """The error that says what this exception of Typer's, about these words, says."""
    name = next((word for word in words if not word.startswith("-")), "")
    if name not in COMMANDS:
        if name and not getattr(fault, "option_name", ""):
            return UsageError(
                f"tokbench has no command {clipped(name)}", fix=_nearest(name, COMMANDS) or "tokbench -h"
            )
        return UsageError(_plain(fault.format_message()), fix="tokbench -h")
    command = f"tokbench {name}"
    if type(fault).__name__ == "NoSuchOption":
        known = [each for param in fault.ctx.command.params for each in param.opts] if fault.ctx else []
        option = fault.option_name
        return UsageError(
            f"{command} has no option {clipped(option)}", fix=_nearest(option, known) or f"{command} -h"
        )
    param = getattr(fault, "param", None)
    what = _plain(fault.format_message()) if param is None else _value(fault, param)
    return UsageError(f"{command}: {what}", fix=f"{command} -h")


def _nearest(word: str, known: Iterable[str]) -> str:
    """The hint that names what is spelled like it, or nothing."""
    bare = {each.strip("-"): each for each in known}
    near = did_you_mean(word.strip("-"), bare)
    return (
        re.sub(r"[\w-]+(?=\?| or )", lambda each: bare.get(each[0], each[0]), near)
        if near.endswith("?")
        else ""
    )


def _value(fault: Any, param: Any) -> str:  # noqa: ANN401
    """What a parameter needs and did not get."""
    names: Sequence[str] = sorted(param.opts, key=len)
    name = names[-1] if names and names[-1].startswith("-") else param.name
    if not getattr(fault, "message", ""):
        return f"{name} is missing"
    given, is_of, _ = fault.message.partition(" is not ")
    wanted = next((words for kind, words in KINDS.items() if param.type.name.startswith(kind)), "")
    if not (is_of and wanted):
        return f"{name}: {_plain(fault.message)}"
    low, high = getattr(param.type, "min", None), getattr(param.type, "max", None)
    limits = [f"at least {low}"] * (low is not None) + [f"at most {high}"] * (high is not None)
    return f"{name} takes {wanted}{' of ' * bool(limits)}{' and '.join(limits)}, not {_given(given)}"


def _given(words: str) -> str:
    return clipped(words[1:-1]) if words[:1] in "'\"" else words


def _plain(message: str) -> str:
    """Typer's sentence as ours begin and end."""
    words = message.strip().removesuffix(".")
    return words[:1].lower() + words[1:]
