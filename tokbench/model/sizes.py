"""How large a model is, and what growing makes of its rows and bytes: plain figures. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokbench.model.row_plan import RowPlan


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


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Bytes of a model's weights before and after, and what one row costs in all its matrices together."""

    before: int
    after: int
    row_bytes: int


@dataclass(frozen=True, kw_only=True)
class ModelSize:
    """A model's rows, its kind of head, its bytes, and what one row costs in all its vocabulary matrices.

    `ids` are the special ids of its configs, which must have a row as well: key → id. `writes_times` says
    that its class writes times among the tokens, as Whisper's does.
    """

    rows: int
    head: str
    weight_bytes: int
    row_bytes: int
    ids: dict[str, int]
    writes_times: bool = False


def memory(measure: ModelSize, plan: RowPlan) -> Memory:
    """The bytes of the weights before and after the plan."""
    more = (plan.size - plan.rows_before) * measure.row_bytes
    return Memory(before=measure.weight_bytes, after=measure.weight_bytes + more, row_bytes=measure.row_bytes)
