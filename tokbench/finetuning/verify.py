"""Proofs of a finished run: the saved folder gives the same logits, and what was learned has moved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedModel

from tokbench.finetuning.data.batches import Batches
from tokbench.finetuning.data.rows import Rows
from tokbench.finetuning.data.tagging import Tagged
from tokbench.finetuning.data.tokenize import EncodedRows, seen_ids, tokenize_rows
from tokbench.finetuning.device import Machine
from tokbench.finetuning.engines.loop import FitResult, predict
from tokbench.finetuning.models import load_classifier
from tokbench.finetuning.prepare import LoadedParts, copied_rows
from tokbench.finetuning.saving import load_tokenizer
from tokbench.finetuning.tasks import Task

COMPARED_ROWS = 256  # of the first dev split
LISTED_TOKENS = 20
ABSENT = "not in the data"


@dataclass(frozen=True)
class Reload:
    """The largest difference between logits before saving and after loading, and whether ids are the same."""

    difference: float
    same_ids: bool


def reload(
    model: PreTrainedModel,
    folder: Path,
    rows: Rows | Tagged,
    *,
    task: Task,
    batches: Batches,
    machine: Machine,
) -> Reload:
    """Load tokenizer and model from `folder`, encode and predict again, and compare with what was trained."""
    some = rows.pick(range(min(COMPARED_ROWS, len(rows))))
    kept = batches.encoded.first(len(some))
    again = tokenize_rows(load_tokenizer(folder), some, max_length=batches.feed.max_length, task=task)
    same = np.array_equal(kept.ids, again.ids) and np.array_equal(kept.starts, again.starts)
    loaded = load_classifier(folder, task, seed=0).model
    machine.hold(loaded)
    _lay_out_alike(model, loaded)
    before = predict(model, replace(batches, encoded=kept), machine=machine)
    after = predict(loaded, replace(batches, encoded=again), machine=machine)
    return Reload(float(np.abs(before - after).max()), same)


def _lay_out_alike(*models: PreTrainedModel) -> None:
    """Copy all weights to where torch puts new ones: read from a file they may lie on odd addresses.

    A processor adds in another order there, which for a head with one output was a difference of 1e-9.
    """
    for model in models:
        for each in model.parameters():
            each.data = each.data.clone()


def fates(parts: LoadedParts, train: EncodedRows, fit: FitResult) -> tuple[dict[str, str], tuple[str, ...]]:
    """What became of each added token's row, and the tokens of the rows that never got a gradient."""
    seen = seen_ids(train, len(fit.gradient))
    without = np.flatnonzero(seen & ~fit.gradient)
    names = tuple(str(name) for name in parts.tokenizer.convert_ids_to_tokens(without.tolist()))
    moved = dict(zip(parts.added.values(), _moved(parts), strict=True))
    found = {}
    for token, number in parts.added.items():
        if not seen[number]:
            found[token] = ABSENT
        elif not fit.gradient[number]:
            found[token] = "no gradient"
        else:
            found[token] = (
                "moved" if moved[number] else "a gradient, but no move in the weights that were kept"
            )
    return _listed(found), names


def _moved(parts: LoadedParts) -> NDArray[np.bool_]:
    """For each added token whether its row differs from what it was before training."""
    return np.asarray((copied_rows(parts.model, parts.added) != parts.start).any(axis=1))


def _listed(found: Mapping[str, str]) -> dict[str, str]:
    """All of them, unless a tokenizer has hundreds in reserve: then only those that were in the data."""
    if len(found) <= LISTED_TOKENS:
        return dict(found)
    return {token: fate for token, fate in found.items() if fate != ABSENT}
