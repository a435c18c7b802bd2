"""A RowPlan carried out on a model: every tensor that its vocabulary sizes, and the config; then proved."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from tokbench.errors import NegativeResultError, UsageError, did_you_mean
from tokbench.model.vocabulary_tables import moving_keys, set_key, vocabulary_keys, vocabulary_tables
from tokbench.model.vocabulary_tensors import VocabularyTensor, keys_to_grow

if TYPE_CHECKING:
    from tokbench.model.row_plan import RowPlan

AT_ONCE = 16_384
Pieces = Sequence[Sequence[int]]  # for each new row the old rows it is made of; none for a spare row
Weights = Sequence[Sequence[float] | None]  # for each new row the shares of its pieces; None: equal ones


def pieces_mean(old: Tensor, pieces: Pieces) -> Tensor:
    """The mean of the old rows that the token was split into; the mean of all where it had none."""
    return weighted_mean(old, pieces, [None] * len(pieces))


def weighted_mean(old: Tensor, pieces: Pieces, weights: Weights) -> Tensor:
    """The mean of old rows (V, H) for each new row (N, H), by their shares; the mean of all without pieces.

    float32; `AT_ONCE` pieces are held at a time.
    """
    made = mean(old, pieces).clone()
    for start, stop in _runs([len(each) for each in pieces]):
        made[start:stop] = _weighted(old, pieces[start:stop], weights[start:stop], made[start:stop])
    return made


def _weighted(old: Tensor, pieces: Pieces, weights: Weights, otherwise: Tensor) -> Tensor:
    lengths = torch.tensor([len(each) for each in pieces], dtype=torch.long)
    flat = torch.tensor([row for each in pieces for row in each], dtype=torch.long)
    owner = torch.repeat_interleave(torch.arange(len(pieces)), lengths)
    rows = old[flat].float()
    if any(each is not None for each in weights):
        shares = [own or [1.0] * len(each) for own, each in zip(weights, pieces, strict=True)]
        rows *= torch.tensor([share for each in shares for share in each], dtype=torch.float32)[:, None]
        whole = torch.tensor([float(sum(each)) for each in shares])
    else:
        whole = lengths.clamp(min=1).float()
    sums = torch.zeros(len(pieces), old.shape[1]).index_add_(0, owner, rows)
    return torch.where(lengths[:, None] > 0, sums / whole[:, None], otherwise)


def _runs(lengths: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Stretches of rows with about AT_ONCE pieces together."""
    start, held = 0, 0
    for at, length in enumerate(lengths):
        held += length
        if held >= AT_ONCE:
            yield start, at + 1
            start, held = at + 1, 0
    if start < len(lengths):
        yield start, len(lengths)


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
class GrownTable:
    """A tensor over the vocabulary: its name, the key that sizes it, its rows before and after."""

    name: str
    key: str
    rows_before: int
    rows: int


@dataclass(frozen=True, kw_only=True)
class Resized:
    """What was done to a model: its rows, and what follows them.

    `head` is "tied" (the output matrix is the input's), "own" or "none"; `bias` says whether the head has
    one value a row; `padding_idx` is the row that the embedding never trains. `tables` are all tensors that
    the vocabulary sizes; `described` the new rows that start as the mean of given words.
    """

    rows_before: int
    rows: int
    started: int
    head: str
    bias: bool
    padding_idx: int | None
    initializer: str
    tables: tuple[GrownTable, ...] = ()
    described: tuple[int, ...] = ()


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
    make = initializer(start)
    keys = grown_keys(model, keys)
    before = snapshot(model, keys)
    if before.rows != plan.rows_before:
        raise UsageError(
            f"the plan is for {plan.rows_before:,} rows, and the model has {before.rows:,}",
            fix="plan again with this model",
        )
    origins = Origins.of(plan, pieces or {}, weights or {}, described or {})
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for table in before.tables:
            rows = started_rows(table.old, plan, make, origins)
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

    def size(self, plan: RowPlan) -> int:
        """Its rows afterwards; a second table with fewer rows grows only where a new token needs one."""
        if self.first or len(self.old) == plan.rows_before or plan.moved is not None:
            return plan.size
        needed = plan.started and plan.started[-1] >= len(self.old)
        return max(plan.size, len(self.old)) if needed else len(self.old)

    def kept(self, plan: RowPlan) -> tuple[Tensor, Tensor]:
        """The rows afterwards that have an ancestor in this table, and their ancestors."""
        if plan.moved is None:  # a second table may have rows beyond the plan's
            held = min(self.size(plan), len(self.old))
            rows = torch.ones(held, dtype=torch.bool)
            rows[[row for row in plan.started if row < held]] = False
            return (same := rows.nonzero()[:, 0]), same
        pairs = torch.tensor([*plan.moved.items()], dtype=torch.long).reshape(-1, 2)
        pairs = pairs[pairs[:, 1] < len(self.old)]
        return pairs[:, 0], pairs[:, 1]


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
            raise UsageError(
                f"config.json ties {name} to {tensor.name}, and the file holds other numbers for each",
                fix='write "tie_word_embeddings": false into config.json, if it was trained with two',
            )


def _rows_first(weight: Tensor, tensor: VocabularyTensor) -> Tensor:
    """A copy of a tensor as a matrix with a row a token."""
    moved = weight.detach().movedim(tensor.dimension, 0)
    return moved.reshape(moved.shape[0], -1).clone()


@dataclass(frozen=True)
class Origins:
    """What the started rows of a plan are made of, in its order: old rows, their shares, and descriptions."""

    pieces: Pieces
    weights: Weights
    described: Mapping[int, Sequence[int]]

    @classmethod
    def of(
        cls,
        plan: RowPlan,
        pieces: Mapping[int, Sequence[int]],
        weights: Mapping[int, Sequence[float]],
        described: Mapping[int, Sequence[int]],
    ) -> Origins:
        """Those of new id → old ids, and new id → shares."""
        return cls(
            [pieces.get(row, ()) for row in plan.started],
            [weights.get(row) for row in plan.started],
            described,
        )

    def within(self, rows: int) -> tuple[Pieces, Weights]:
        """Pieces and shares without the old rows that a table of so many does not have."""
        if all(row < rows for each in self.pieces for row in each):
            return self.pieces, self.weights
        places = [[at for at, row in enumerate(each) if row < rows] for each in self.pieces]
        return (
            [[each[at] for at in held] for each, held in zip(self.pieces, places, strict=True)],
            [each and [each[at] for at in held] for each, held in zip(self.weights, places, strict=True)],
        )


def started_rows(
    old: Tensor, plan: RowPlan, make: Callable[[Tensor, Pieces], Tensor], origins: Origins
) -> Tensor:
    """The new rows of one table (R, ...), in the order of the plan; whole numbers are the first piece's."""
    trained = old[: plan.tokens_before]
    known, shares = origins.within(len(trained))
    if not trained.is_floating_point():
        return trained[[each[0] if each else 0 for each in known]]
    if 0 in trained.shape:
        return trained.new_zeros(len(known), trained.shape[1])
    rows = weighted_mean(trained, known, shares) if make is pieces_mean else make(trained, known).clone()
    _describe(rows, plan, trained, origins.described)
    return rows


def _whole(table: HeldTable, plan: RowPlan, rows: Tensor) -> Tensor:
    """The table with old and new rows, in its own shape and number type.

    Between a second table's rows and the first new one lie ids that the class reads as id 0 there: their
    rows are that one's.
    """
    size, old = table.size(plan), table.old
    new = old.new_empty(size, old.shape[1])
    at, origin = table.kept(plan)
    new[at] = old[origin]
    if len(at) < size:
        new[~torch.isin(torch.arange(size), at)] = old[:1]
    places = [row for row in plan.started if row < size]
    new[places] = rows[: len(places)].to(old.dtype)
    others = [length for at, length in enumerate(table.tensor.shape) if at != table.tensor.dimension]
    return new.reshape(size, *others).movedim(0, table.tensor.dimension).contiguous()


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
    at, origin = table.kept(plan)
    if not torch.equal(_rows_first(weight, table.tensor)[at], table.old[origin]):
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


def _describe(rows: Tensor, plan: RowPlan, trained: Tensor, described: Mapping[int, Sequence[int]]) -> None:
    if described:
        place = {row: at for at, row in enumerate(plan.started)}
        known = [[row for row in each if row < len(trained)] for each in described.values()]
        rows[[place[row] for row in described]] = pieces_mean(trained, known)


def padding_row(model: PreTrainedModel) -> int | None:
    """The row of the input embedding that is never trained; None where all are."""
    found: int | None = getattr(_embedding(model), "padding_idx", None)
    return found


def _shape(weight: Tensor) -> str:
    return f"{weight.dtype} {' x '.join(map(str, weight.shape))}"
