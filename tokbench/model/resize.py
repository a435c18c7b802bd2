"""A RowPlan carried out on a model: embeddings, head, ties, head bias and config; proved afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from tokbench.errors import AnswerIsNo, AskedWrongly
from tokbench.model.initializers import initializer
from tokbench.model.quiet import quiet
from tokbench.model.rows import RowPlan


@dataclass(frozen=True, kw_only=True)
class Resized:
    """What was done to a model: its rows, and what follows them.

    `head` is "tied" (the output matrix is the input's), "own" or "none"; `bias` says whether the head has
    one value a row; `padding_idx` is the row that the embedding never trains.
    """

    rows_before: int
    rows: int
    started: int
    head: str
    bias: bool
    padding_idx: int | None
    initializer: str


def apply(
    model: PreTrainedModel,
    plan: RowPlan,
    *,
    start: str = "pieces",
    pieces: Mapping[int, Sequence[int]] | None = None,
    seed: int = 0,
) -> Resized:
    """Change the model in place as the plan says; `pieces` is new id → old ids for the rows made of them.

    AnswerIsNo when an old row, a tie or the config is not what it should be afterwards.
    """
    make = initializer(start)
    _refuse_another_model(model, plan)
    head, before = head_kind(model), _vocabulary_weights(model)
    old = {name: weight.detach().clone() for name, weight in before.items()}
    if plan.resize_needed:
        with quiet(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model.resize_token_embeddings(plan.size, mean_resizing=False)
    origins = [(pieces or {}).get(row, ()) for row in plan.started]
    for name, weight in _vocabulary_weights(model).items():
        _start_rows(weight, plan, make(_matrix(old[name])[: plan.tokens_before], origins))
    _prove(model, plan, old, head)
    return Resized(
        rows_before=plan.rows_before,
        rows=plan.size,
        started=len(plan.started),
        head=head,
        bias="bias" in old,
        padding_idx=getattr(_embedding(model), "padding_idx", None),
        initializer=start,
    )


def rows_of(model: PreTrainedModel) -> int:
    """V: the rows of the input embedding, spare ones included."""
    return int(_embedding(model).weight.shape[0])


def head_kind(model: PreTrainedModel) -> str:
    """Whether the output matrix is "tied" to the input's, its "own", or "none"."""
    head = _head(model)
    if head is None:
        return "none"
    return "tied" if head.weight.data_ptr() == _embedding(model).weight.data_ptr() else "own"


def _vocabulary_weights(model: PreTrainedModel) -> dict[str, Tensor]:
    """The tensors with a row (or one value) a token, each storage once."""
    head, found = _head(model), {"input": _embedding(model).weight}
    if head is not None and head_kind(model) == "own":
        found["output"] = head.weight
    if getattr(head, "bias", None) is not None:
        found["bias"] = head.bias
    return found


def _embedding(model: PreTrainedModel) -> Any:  # noqa: ANN401  an Embedding, or what a model has in its place
    return model.get_input_embeddings()


def _head(model: PreTrainedModel) -> Any:  # noqa: ANN401  a Linear, an Embedding or None
    return model.get_output_embeddings()  # type: ignore[no-untyped-call]


def _matrix(weight: Tensor) -> Tensor:
    return weight if weight.dim() == 2 else weight[:, None]


def _start_rows(weight: Tensor, plan: RowPlan, rows: Tensor) -> None:
    with torch.no_grad():
        _matrix(weight)[list(plan.started)] = rows.to(weight.dtype)


def _refuse_another_model(model: PreTrainedModel, plan: RowPlan) -> None:
    if rows_of(model) != plan.rows_before:
        raise AskedWrongly(
            f"the plan is for {plan.rows_before:,} rows, and the model has {rows_of(model):,}",
            fix="plan again with this model",
        )


def _prove(model: PreTrainedModel, plan: RowPlan, old: Mapping[str, Tensor], head: str) -> None:
    new = _vocabulary_weights(model)
    kept, origin = (torch.tensor(list(side)) for side in (plan.kept.keys(), plan.kept.values()))
    for name, weight in new.items():
        if weight.shape[0] != plan.size:
            raise AnswerIsNo(f"the {name} has {weight.shape[0]:,} rows, not {plan.size:,}")
        if not torch.equal(weight.detach()[kept], old[name][origin]):
            raise AnswerIsNo(f"old rows of the {name} changed")
    if new.keys() != old.keys() or head_kind(model) != head:
        raise AnswerIsNo(f"the head was {head} and is {head_kind(model)}")
    if model.config.get_text_config().vocab_size != plan.size:
        raise AnswerIsNo(
            f"config.vocab_size is {model.config.get_text_config().vocab_size:,}, not {plan.size:,}"
        )
