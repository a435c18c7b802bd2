"""A vector for each text by a model as it stands: the mean of its last hidden states, of length 1."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn.functional import normalize
from transformers import PreTrainedModel

from tokbench.model.readers import UntriedError, positions, reader_of
from tokbench.model.vocabulary_tables import vocabulary_tables

LONGEST = 128  # tokens of a text that are read
LAST = ("encoder_last_hidden_state", "last_hidden_state")
LAYER = re.compile(r"(?:encoder_)?hidden_states\.(\d+)")


def sentence_vectors(model: PreTrainedModel, texts: Sequence[Sequence[int]]) -> Tensor | None:
    """A row (N, H) for each text of ids, the first LONGEST of them; of two stacks it is the encoder's.

    None for a model that gives no hidden states, or none to texts alone; a text without ids has zeros.
    """
    longest = min(LONGEST, max(1, (positions(model) or LONGEST + 2) - 2))  # RoBERTa keeps two
    kept = [list(ids[:longest]) for ids in texts]
    model.train(mode=False)
    try:
        first = next((ids for ids in kept if ids), [0])
        reader = reader_of(model, first, vocabulary_tables(model).inputs, hidden=True, blanks=False)
    except UntriedError:
        return None
    rows = []
    for ids in kept:
        states = _last(reader.answers(ids)) if ids else None
        if ids and states is None:
            return None
        rows.append(None if states is None else states[0].float().mean(0))
    width = next((len(row) for row in rows if row is not None), 0)
    return normalize(torch.stack([torch.zeros(width) if row is None else row for row in rows]), dim=1)


def _last(found: Mapping[str, Tensor]) -> Tensor | None:
    """The last hidden states (1, T, H) among what a class returned."""
    layers = {int(match[1]): name for name in found if (match := LAYER.fullmatch(name))}
    names = [*LAST, *([layers[max(layers)]] if layers else [])]
    return next((found[name] for name in names if name in found and found[name].dim() == 3), None)


def cosines(one: Tensor, other: Tensor) -> Tensor:
    """Of each row (N, H) of one with that of the other."""
    return (normalize(one, dim=1) * normalize(other, dim=1)).sum(1)
