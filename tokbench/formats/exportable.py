"""A tokenizer on its way into the files of another format, and the refusal that names the rule it breaks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tokenizers import AddedToken, Tokenizer

from tokbench.errors import UsageError
from tokbench.tracing.spelling import blocks_of


@dataclass(frozen=True)
class Exportable:
    """A tokenizer with what its files say of it.

    name: what errors call it. roles: role → special token; config: tokenizer_config.json. helps: the command
    that writes it in a format that keeps everything.
    """

    name: str
    tokenizer: Tokenizer
    roles: Mapping[str, str] = field(default_factory=dict)
    extra: tuple[str, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict)
    helps: str = ""

    @cached_property
    def spec(self) -> dict[str, Any]:
        """The tokenizer as tokenizer.json writes it."""
        written: dict[str, Any] = json.loads(self.tokenizer.to_str())
        return written

    @property
    def model(self) -> dict[str, Any]:
        """The model as tokenizer.json writes it."""
        model: dict[str, Any] = self.spec["model"]
        return model

    @cached_property
    def merges(self) -> list[tuple[str, str]]:
        """The merges of BPE in their order; tokenizer.json has them as pairs or with a space between."""
        found = self.model.get("merges", ())
        pairs = (each.split(" ", 1) if isinstance(each, str) else each for each in found)
        return [(left, right) for left, right in pairs]

    @cached_property
    def added(self) -> dict[int, AddedToken]:
        """Id → added token, in the order of the ids."""
        return dict(sorted(self.tokenizer.get_added_tokens_decoder().items()))

    @property
    def special(self) -> dict[str, int]:
        """Special token → id, in the order of the ids."""
        return {each.content: number for number, each in self.added.items() if each.special}

    def blocks(self, place: str) -> list[dict[str, Any]]:
        """The blocks at a place of the pipeline in order, as tokenizer.json writes them."""
        return blocks_of(self.spec, place)

    def refusal(self, format_: str, rule: str) -> UsageError:
        """The error for a tokenizer that breaks a rule of the format."""
        return UsageError(f"{self.name} cannot be written as {format_}: {rule}", fix=self.helps)


@dataclass(frozen=True)
class Written:
    """What was written for a format.

    file: the one that its package is given. special: special token → id, as the files say it. notes: what
    the format does otherwise or has no place for, a sentence each.
    """

    file: str
    special: Mapping[str, int]
    notes: tuple[str, ...] = ()
