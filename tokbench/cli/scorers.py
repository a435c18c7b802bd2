"""Which language model reads which tokenizer, as `--model` says it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

from tokbench.errors import AskedWrongly, MissingExtra

if TYPE_CHECKING:
    from tokbench.model.likelihood import Likelihood  # with torch


def scorers_of(tokenizers: Sequence[str], models: Sequence[str]) -> list[Likelihood | None]:
    """The model of each tokenizer, None for one without; a model named twice is loaded once."""
    names = paired(tokenizers, models)
    if not any(names):
        return [None] * len(tokenizers)
    if find_spec("torch") is None:
        raise MissingExtra("bits per byte", "torch", extra="train")
    from tokbench.model.likelihood import opened

    loaded = {name: opened(name) for name in dict.fromkeys(names) if name}
    return [loaded[name] if name else None for name in names]


def paired(tokenizers: Sequence[str], models: Sequence[str]) -> list[str | None]:
    """A model's name for each tokenizer: `TOKENIZER=MODEL` by name, the others by their order.

    >>> paired(["a", "b", "c"], ["c=large", "small"])
    ['small', None, 'large']
    """
    found: dict[int, str] = {}
    in_order = 0
    for word in models:
        name, sign, model = word.partition("=")
        if sign and name in tokenizers:
            place = tokenizers.index(name)
        else:
            model, place, in_order = word, in_order, in_order + 1
        if place in found:
            raise AskedWrongly(
                f"{tokenizers[place]} has two models, {found[place]} and {model}", fix="name one for each"
            )
        if not model or place >= len(tokenizers):
            raise AskedWrongly(
                f"--model {word} belongs to no tokenizer: there are {len(tokenizers)}",
                fix="name a model for each tokenizer, in their order, or TOKENIZER=MODEL",
            )
        found[place] = model
    return [found.get(place) for place in range(len(tokenizers))]
