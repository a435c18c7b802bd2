"""A RowPlan carried out on a model: embeddings, head, ties, head bias and config; proved afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from tokenizers import Tokenizer
from torch import Tensor
from transformers import PreTrainedModel

from tokbench.errors import NegativeResultError, UsageError, did_you_mean
from tokbench.io.quiet import quiet

if TYPE_CHECKING:
    from tokbench.model.row_plan import RowPlan

AT_ONCE = 16_384
Pieces = Sequence[Sequence[int]]  # for each new row the old rows it is made of; none for a spare row


def pieces_mean(old: Tensor, pieces: Pieces) -> Tensor:
    """The mean of the old rows that the token was split into; the mean of all where it had none."""
    lengths = torch.tensor([len(each) for each in pieces], dtype=torch.long)
    flat = torch.tensor([row for each in pieces for row in each], dtype=torch.long)
    owner = torch.repeat_interleave(torch.arange(len(pieces)), lengths)
    sums = torch.zeros(len(pieces), old.shape[1]).index_add_(0, owner, old[flat].float())
    return torch.where(lengths[:, None] > 0, sums / lengths.clamp(min=1)[:, None], mean(old, pieces))


def mean(old: Tensor, pieces: Pieces) -> Tensor:
    """The mean of all old rows, the same for every new one."""
    return old.mean(0, dtype=torch.float32).expand(len(pieces), -1)


def zero(old: Tensor, pieces: Pieces) -> Tensor:
    """Nothing: the row says nothing until it is trained."""
    return torch.zeros(len(pieces), old.shape[1])


def normal(old: Tensor, pieces: Pieces) -> Tensor:
    """Drawn from N(mu, Sigma), where mu and Sigma are the mean and the covariance of the old rows.

    mu = sum(e) / V and Sigma = sum((e - mu)(e - mu)^T) / V, unscaled, so that new rows are as long and as far
    apart as old ones. Source: Hewitt, Initializing New Word Embeddings for Pretrained Language Models, 2021;
    transformers scales Sigma by 1e-9, which makes all new rows one. Draws follow torch's seed.
    """
    center = old.mean(0, dtype=torch.float64)
    spread = torch.zeros(old.shape[1], old.shape[1], dtype=torch.float64)
    for rows in torch.split(old, AT_ONCE):  # a large vocabulary in double precision would be gigabytes
        apart = rows.double() - center
        spread += apart.T @ apart
    values, directions = torch.linalg.eigh(spread / max(len(old), 1))
    drawn = torch.randn(len(pieces), old.shape[1], dtype=torch.float64)
    # V < H leaves directions without spread, whose eigenvalues come out as tiny negative numbers
    new: Tensor = (drawn * values.clamp(min=0).sqrt()) @ directions.T + center
    return new.float()


INITIALIZERS: dict[str, Callable[[Tensor, Pieces], Tensor]] = {
    "pieces": pieces_mean,
    "mean": mean,
    "normal": normal,
    "zero": zero,
}


def initializer(name: str) -> Callable[[Tensor, Pieces], Tensor]:
    """The way of that name; UsageError names the known ones."""
    if name not in INITIALIZERS:
        raise UsageError(f"rows cannot start with {name}", fix=did_you_mean(name, INITIALIZERS))
    return INITIALIZERS[name]


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
    described: Mapping[int, Sequence[int]] | None = None,
    seed: int = 0,
) -> Resized:
    """Change the model in place as the plan says; `pieces` is new id → old ids for the rows made of them.

    Rows in `described` are the mean of these old rows, whatever the others start with.

    NegativeResultError when an old row, a tie or the config is not what it should be afterwards.
    """
    make = initializer(start)
    _refuse_another_model(model, plan)
    head, padding = head_kind(model), _padding(model)
    old = {name: weight.detach().clone() for name, weight in vocabulary_weights(model).items()}
    if plan.resize_needed:
        with quiet(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model.resize_token_embeddings(plan.size, mean_resizing=False)
    _prove_shape(model, plan, old, head=head, padding=padding)
    origins = [(pieces or {}).get(row, ()) for row in plan.started]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for name, weight in vocabulary_weights(model).items():
            trained = _matrix(old[name])[: plan.tokens_before]
            rows = make(trained, origins).clone()
            _describe(rows, plan, trained, described or {})
            _start_rows(weight, plan, rows)
    _prove_rows(model, plan, old)
    return Resized(
        rows_before=plan.rows_before,
        rows=plan.size,
        started=len(plan.started),
        head=head,
        bias="bias" in old,
        padding_idx=padding,
        initializer=start,
    )


def embedding_rows(model: PreTrainedModel) -> int:
    """V: the rows of the input embedding, spare ones included."""
    return int(_embedding(model).weight.shape[0])


def head_kind(model: PreTrainedModel) -> str:
    """Whether the output matrix is "tied" to the input's, its "own", or "none"."""
    head = _head(model)
    if head is None:
        return "none"
    own, shared = head.weight, _embedding(model).weight
    same = own is shared or (not own.is_meta and own.data_ptr() == shared.data_ptr())
    return "tied" if same else "own"


def vocabulary_weights(model: PreTrainedModel) -> dict[str, Tensor]:
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


def _describe(rows: Tensor, plan: RowPlan, trained: Tensor, described: Mapping[int, Sequence[int]]) -> None:
    if described:
        place = {row: at for at, row in enumerate(plan.started)}
        rows[[place[row] for row in described]] = pieces_mean(trained, list(described.values()))


def _start_rows(weight: Tensor, plan: RowPlan, rows: Tensor) -> None:
    with torch.no_grad():
        _matrix(weight)[list(plan.started)] = rows.to(weight.dtype)


def _refuse_another_model(model: PreTrainedModel, plan: RowPlan) -> None:
    if embedding_rows(model) != plan.rows_before:
        raise UsageError(
            f"the plan is for {plan.rows_before:,} rows, and the model has {embedding_rows(model):,}",
            fix="plan again with this model",
        )


def _padding(model: PreTrainedModel) -> int | None:
    found: int | None = getattr(_embedding(model), "padding_idx", None)
    return found


def _prove_shape(
    model: PreTrainedModel, plan: RowPlan, old: Mapping[str, Tensor], *, head: str, padding: int | None
) -> None:
    """Whatever resized the matrices: they have the plan's rows, and all that hangs on them is as it was."""
    new, now = vocabulary_weights(model), head_kind(model)
    if now != head or new.keys() != old.keys():
        raise NegativeResultError(
            f"the head was {head} and is {now}, of {', '.join(new)} instead of {', '.join(old)}"
        )
    for name, weight in new.items():
        if weight.shape != (plan.size, *old[name].shape[1:]) or weight.dtype != old[name].dtype:
            raise NegativeResultError(
                f"the {name} is {_shape(weight)}, not {plan.size:,} rows of {_shape(old[name])}"
            )
    if _padding(model) != padding:
        raise NegativeResultError(f"the row that is never trained was {padding} and is {_padding(model)}")
    stated = model.config.get_text_config().vocab_size
    if stated != plan.size:
        raise NegativeResultError(f"config.vocab_size is {stated:,}, not {plan.size:,}")


def _prove_rows(model: PreTrainedModel, plan: RowPlan, old: Mapping[str, Tensor]) -> None:
    """Every kept row has the bits of its ancestor."""
    kept, origin = (
        torch.tensor(list(side), dtype=torch.long) for side in (plan.kept.keys(), plan.kept.values())
    )
    for name, weight in vocabulary_weights(model).items():
        if not torch.equal(weight.detach()[kept], old[name][origin]):
            raise NegativeResultError(f"old rows of the {name} changed")


def _shape(weight: Tensor) -> str:
    return f"{weight.dtype} {' x '.join(map(str, weight.shape))}"


LONGEST = 32  # tokens of a probe; every model has that many positions
PROBES = (
    "The quick brown fox jumps over the lazy dog.",
    "It was the best of times, it was the worst of times.",
    "빠른 갈색 여우가 게으른 개를 뛰어넘는다.",
    "def add(a, b):\n    return a + b  # 1 + 2 = 3",
    "naïve café, 12.5 % of 3,000 €",
    "Ünïcödé 😀 emoji, and    spaces",
)


@dataclass(frozen=True)
class ResizeProof:
    """How many old texts gave the same hidden states before and after, and the largest difference seen."""

    texts: int
    largest_difference: float

    @property
    def holds(self) -> bool:
        """Whether the hidden states are the same bit by bit."""
        return self.largest_difference == 0.0


def old_inputs(old: Tokenizer, new: Tokenizer, texts: Sequence[str] = PROBES) -> list[list[int]]:
    """The ids of the texts that both tokenizers split alike: those are the texts nothing may change for.

    What a template puts around them is left out of the comparison, for a role may have moved.
    """
    inside = [[each.encode(text, add_special_tokens=False).ids for text in texts] for each in (old, new)]
    alike = [text for text, before, after in zip(texts, *inside, strict=True) if before == after]
    inputs = (old.encode(text).ids[:LONGEST] for text in alike)
    return [ids for ids in inputs if ids]


def hidden_states(model: PreTrainedModel, inputs: Sequence[Sequence[int]]) -> list[Tensor]:
    """The last hidden states (T, H) of each input."""
    body = model.get_encoder() if model.config.is_encoder_decoder else model.base_model
    with torch.inference_mode():
        return [body(input_ids=torch.tensor([list(ids)]))[0][0] for ids in inputs]


def largest_difference(before: Sequence[Tensor], after: Sequence[Tensor]) -> ResizeProof:
    """The largest difference between two runs of hidden_states."""
    differences = [_difference(old, new) for old, new in zip(before, after, strict=True)]
    return ResizeProof(len(differences), max(differences, default=0.0))


def _difference(old: Tensor, new: Tensor) -> float:
    return 0.0 if torch.equal(old, new) else float((old.double() - new.double()).abs().max())
