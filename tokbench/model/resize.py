"""A RowPlan carried out on a model: every tensor that its vocabulary sizes, and the config; then proved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor
from transformers import PreTrainedModel

from tokbench.errors import NegativeResultError, UsageError
from tokbench.model.initializers import Origins, initializer
from tokbench.model.row_plan import STARTED, RowInit, row_origins
from tokbench.model.sizes import GrownTable, Resized
from tokbench.model.vocabulary_tables import moving_keys, set_key, vocabulary_keys, vocabulary_tables
from tokbench.model.vocabulary_tensors import VocabularyTensor, keys_to_grow, untied

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tokbench.model.row_plan import RowPlan


def grown_keys(model: PreTrainedModel, vocabulary: Sequence[str] = ()) -> tuple[str, ...]:
    """The keys that grow with a tokenizer: those named, or the only one that the class reads tokens by.

    UsageError names the class and the reason where it cannot grow.
    """
    tables = vocabulary_tables(model)
    return keys_to_grow(tables, type(model).__name__, vocabulary, moving_keys(model.config, tables))


def apply(
    model: PreTrainedModel,
    plan: RowPlan,
    *,
    keys: Sequence[str] = (),
    start: str = "pieces",
    pieces: Mapping[int, Sequence[int]] | None = None,
    weights: Mapping[int, Sequence[float]] | None = None,
    described: Mapping[int, Sequence[int]] | None = None,
    seed: int = 0,
) -> Resized:
    """Change the model in place as the plan says; `pieces` is new id → old ids for the rows made of them.

    `weights` are the shares of these old rows, with the start "pieces"; a row without has equal ones.

    Every tensor that a key of the vocabulary sizes follows, whatever dimension its tokens are in, and so do
    the numbers that modules keep beside them. Rows in `described` are the mean of these old rows, whatever
    the others start with.

    NegativeResultError when an old row, a tie or the config is not what it should be afterwards.
    """
    initializer(start)
    init = RowInit(
        label=start, way=start, pieces=pieces or {}, weights=weights or {}, described=described or {}
    )
    keys = grown_keys(model, keys)
    before = snapshot(model, keys)
    if before.rows != plan.rows_before:
        raise UsageError(
            f"the plan is for {plan.rows_before:,} rows, and the model has {before.rows:,}",
            fix="plan again with this model",
        )
    origins = Origins.of(plan, init)
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for table in before.tables:
            rows = started_rows(table.old, plan, origins)
            _put(model, table, _whole(table, plan, rows))
    _follow(model, plan, before)
    prove_rows(model, plan, before)
    return Resized(
        rows_before=plan.rows_before,
        rows=plan.size,
        started=len(plan.started),
        head=before.head,
        bias=any(table.is_bias for table in before.tables),
        padding_idx=before.padding,
        initializer=start,
        tables=tuple(
            GrownTable(name=each.name, key=each.key, rows_before=len(each.old), rows=each.size(plan))
            for each in before.tables
        ),
        described=tuple(sorted(described or {})),
    )


@dataclass(frozen=True)
class HeldTable:
    """A tensor over the vocabulary as it was: `old` has a row a token (R, all other dimensions)."""

    key: str
    tensor: VocabularyTensor
    old: Tensor
    first: bool  # of the vocabulary's own key, not of a key beside it

    @property
    def name(self) -> str:
        """The tensor's first name."""
        return self.tensor.name

    @property
    def is_bias(self) -> bool:
        """Whether it has one value a token."""
        return self.old.shape[1] == 1

    def origins(self, plan: RowPlan) -> Tensor:
        """The old row that each row has afterwards; STARTED where none."""
        return torch.from_numpy(row_origins(plan, len(self.old), first=self.first))

    def size(self, plan: RowPlan) -> int:
        """Its rows afterwards."""
        return len(self.origins(plan))


@dataclass(frozen=True)
class Snapshot:
    """A model's vocabulary before it grows: its tables, and what must still be true of them afterwards."""

    keys: tuple[str, ...]
    rows: int
    tables: tuple[HeldTable, ...]
    head: str
    padding: int | None


def snapshot(model: PreTrainedModel, keys: Sequence[str]) -> Snapshot:
    """The tables of these keys and of keys beside them, copied.

    UsageError where the class ties matrices that the file holds with other numbers each: growing one of
    them would lose the other.
    """
    found = vocabulary_tables(model)
    tables = []
    for key in keys:
        for each in (key, *found.beside(key)):
            for tensor in found.tensors[each]:
                _refuse_untied(model, tensor)
                tables.append(
                    HeldTable(each, tensor, _rows_first(_get(model, tensor.name), tensor), each == key)
                )
    return Snapshot(tuple(keys), found.values[keys[0]], tuple(tables), head_kind(model), padding_row(model))


def _refuse_untied(model: PreTrainedModel, tensor: VocabularyTensor) -> None:
    first = _get(model, tensor.name)
    for name in tensor.aliases:
        other = _get(model, name)
        if other is not first and not torch.equal(other, first):
            raise untied(name, tensor.name)


def _rows_first(weight: Tensor, tensor: VocabularyTensor) -> Tensor:
    """A copy of a tensor as a matrix with a row a token."""
    moved = weight.detach().movedim(tensor.dimension, 0)
    return moved.reshape(moved.shape[0], -1).clone()


@dataclass(frozen=True)
class HeldRows:
    """The trained rows (V, H) of a matrix in memory, as initializers read them."""

    trained: Tensor

    @property
    def shape(self) -> tuple[int, int]:
        """V and H."""
        rows, width = self.trained.shape
        return rows, width

    def take(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """These rows (N, H)."""
        return cast("NDArray[np.float32]", self.trained[torch.from_numpy(ids)].float().numpy())

    def parts(self, rows: int) -> Iterator[NDArray[Any]]:
        """All rows, so many at a time; half precision as float32."""
        for part in torch.split(self.trained, rows):
            yield (part if part.dtype == torch.float64 else part.float()).numpy()


def started_rows(old: Tensor, plan: RowPlan, origins: Origins) -> Tensor:
    """The new rows of one table (R, ...), in the order of the plan; whole numbers are the first piece's."""
    trained = old[: plan.tokens_before]
    if not trained.is_floating_point():
        return trained[origins.first_pieces(len(trained))]
    parts = [torch.from_numpy(part) for part in origins.started(HeldRows(trained))]
    return torch.cat(parts) if parts else trained.new_zeros(0, trained.shape[1], dtype=torch.float32)


def _whole(table: HeldTable, plan: RowPlan, rows: Tensor) -> Tensor:
    """The table with old and new rows, in its own shape and number type."""
    origins, old = table.origins(plan), table.old
    new = old.new_empty(len(origins), old.shape[1])
    kept = origins != STARTED
    new[kept] = old[origins[kept]]
    new[~kept] = rows[: int((~kept).sum())].to(old.dtype)
    others = [length for at, length in enumerate(table.tensor.shape) if at != table.tensor.dimension]
    return new.reshape(len(new), *others).movedim(0, table.tensor.dimension).contiguous()


def _get(model: PreTrainedModel, name: str) -> Tensor:
    module, _, leaf = name.rpartition(".")
    found: Tensor = getattr(model.get_submodule(module), leaf)
    return found


def _put(model: PreTrainedModel, table: HeldTable, whole: Tensor) -> None:
    """Give a tensor its new content under all its names; in place where its size stays."""
    first = _get(model, table.name)
    if first.shape == whole.shape:
        first.copy_(whole)
        new = first
    elif table.tensor.buffer:
        new = whole
    else:
        new = torch.nn.Parameter(whole, requires_grad=first.requires_grad)
    for name in table.tensor.names:
        module, _, leaf = name.rpartition(".")
        setattr(model.get_submodule(module), leaf, new)


def _follow(model: PreTrainedModel, plan: RowPlan, before: Snapshot) -> None:
    """The config's keys, and the numbers of modules that are a key's value and a constant."""
    found = vocabulary_tables(model)
    sizes = {table.key: table.size(plan) for table in before.tables}
    for key, size in sizes.items():
        for module, attribute, beyond in found.numbers[key]:
            *outer, last = attribute.split(".")
            holder: Any = model.get_submodule(module)
            for part in outer:
                holder = getattr(holder, part)
            if getattr(holder, last) == found.values[key] + beyond:
                setattr(holder, last, size + beyond)
    for key in before.keys:
        for silent in found.silent(key):
            set_key(model.config, silent, plan.size)
    if plan.moved is not None and before.padding is not None:
        embedding: Any = model.get_input_embeddings()
        embedding.padding_idx = moved_row(plan, before.padding)


def moved_row(plan: RowPlan, row: int) -> int | None:
    """Where an old row is afterwards, the first place of several; None where it has none."""
    if plan.moved is None:
        return row
    return next((new for new, old in plan.moved.items() if old == row), None)


def prove_rows(model: PreTrainedModel, plan: RowPlan, before: Snapshot) -> None:
    """Whatever resized the tables: each has its rows, kept ones their bits, and all that hangs on them is so.

    NegativeResultError says what is not.
    """
    now = head_kind(model)
    if now != before.head:
        raise NegativeResultError(f"the head was {before.head} and is {now}")
    padding = None if before.padding is None else moved_row(plan, before.padding)
    if padding_row(model) != padding:
        raise NegativeResultError(f"the row that is never trained was {padding} and is {padding_row(model)}")
    for table in before.tables:
        _prove_table(model, plan, table)
    values = dict(vocabulary_keys(model.config))
    for key in before.keys:
        if values[key] != plan.size:
            raise NegativeResultError(f"{key} is {values[key]:,}, not {plan.size:,}")


def _prove_table(model: PreTrainedModel, plan: RowPlan, table: HeldTable) -> None:
    weight, size = _get(model, table.name), table.size(plan)
    for name in table.tensor.names:
        if _get(model, name) is not weight:
            raise NegativeResultError(f"{name} was tied to {table.name} and is not")
    shape = list(table.tensor.shape)
    shape[table.tensor.dimension] = size
    if list(weight.shape) != shape or weight.dtype != table.old.dtype:
        raise NegativeResultError(f"{table.name} is {_shape(weight)}, not {' x '.join(map(str, shape))}")
    origins = table.origins(plan)
    kept = origins != STARTED
    if not torch.equal(_rows_first(weight, table.tensor)[kept], table.old[origins[kept]]):
        raise NegativeResultError(f"old rows of {table.name} changed")


def embedding_rows(model: PreTrainedModel) -> int:
    """V: the rows of the input embedding, spare ones included."""
    weight = getattr(_embedding(model), "weight", None)
    if weight is not None:
        return int(weight.shape[0])
    tables = vocabulary_tables(model)
    return tables.values[tables.text[0]] if tables.text else 0


def head_kind(model: PreTrainedModel) -> str:
    """Whether the output matrix is "tied" to the input's, its "own", or "none"."""
    own, shared = (getattr(each, "weight", None) for each in (_head(model), _embedding(model)))
    if own is None:
        return "none"
    same = own is shared or (shared is not None and not own.is_meta and own.data_ptr() == shared.data_ptr())
    return "tied" if same else "own"


def vocabulary_weights(model: PreTrainedModel, keys: Sequence[str] = ()) -> dict[str, Tensor]:
    """The tensors with a row (or one value) a token, by name, each storage once."""
    tables = vocabulary_tables(model)
    every = [each for key in keys or tables.text for each in (key, *tables.beside(key))]
    return {
        tensor.name: _get(model, tensor.name).movedim(tensor.dimension, 0)
        for key in every
        for tensor in tables.tensors[key]
    }


def _embedding(model: PreTrainedModel) -> Any:  # noqa: ANN401  an Embedding, or what a model has in its place
    try:
        return model.get_input_embeddings()
    except NotImplementedError:  # of several stacks: the class names none of them
        return None


def _head(model: PreTrainedModel) -> Any:  # noqa: ANN401  a Linear, an Embedding or None
    try:
        return model.get_output_embeddings()  # type: ignore[no-untyped-call]
    except NotImplementedError:
        return None


def padding_row(model: PreTrainedModel) -> int | None:
    """The row of the input embedding that is never trained; None where all are."""
    found: int | None = getattr(_embedding(model), "padding_idx", None)
    return found


def _shape(weight: Tensor) -> str:
    return f"{weight.dtype} {' x '.join(map(str, weight.shape))}"
