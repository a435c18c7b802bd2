"""RowPlan and RowInit: how an embedding (V_old, H) becomes (V_new, H), how new rows start. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from tokenizers import Tokenizer

from tokbench.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tokbench.pretrained.added_tokens import Added


WITHOUT_MODEL = "leave --model out: the tokenizer grows alone, and the model stays as it is"


@dataclass(frozen=True, eq=False)  # equal to any mapping of the same pairs, as mappings are
class Unmoved(Mapping[int, int]):
    """Rows that stay where they are: a mapping of each id to itself, without writing 150,000 pairs.

    >>> kept = Unmoved((range(0, 3), range(5, 6)))
    >>> kept[5], 4 in kept, list(kept), kept
    (5, False, [0, 1, 2, 5], rows 0-2, 5)
    """

    ranges: tuple[range, ...]

    def __getitem__(self, row: int) -> int:
        if not any(row in each for each in self.ranges):
            raise KeyError(row)
        return row

    def __iter__(self) -> Iterator[int]:
        for each in self.ranges:
            yield from each

    def __len__(self) -> int:
        return sum(map(len, self.ranges))

    def __repr__(self) -> str:
        return f"rows {', '.join(map(_span, self.ranges))}" if self.ranges else "no rows"


@dataclass(frozen=True, kw_only=True)
class RowPlan:
    """Where every row of the new matrix comes from: each is kept or started, never both.

    `started` are the rows without an ancestor, in order; `size` is V_new, spare rows included, and
    `rows_before` V_old. `tokens_before` and `tokens` are the tokenizer's highest id + 1 before and after;
    rows beyond it are spare. `moved` is new id → old id of the kept rows where tokens have other ids than
    they had; None where each row that is kept stays where it is.
    """

    started: tuple[int, ...]
    size: int
    rows_before: int
    tokens_before: int
    tokens: int
    moved: Mapping[int, int] | None = field(default=None, repr=False, metadata={"json": False})

    @property
    def kept(self) -> Mapping[int, int]:
        """New id → old id of every row that has an ancestor: all that are not started."""
        if self.moved is not None:
            return self.moved
        return Unmoved(tuple(_gaps(self.started, min(self.rows_before, self.size))))

    @property
    def resize_needed(self) -> bool:
        """Whether the matrix changes its size; spare rows may have been enough."""
        return self.size != self.rows_before

    @property
    def spare_used(self) -> tuple[int, ...]:
        """Old rows that no token used, and a new token does now."""
        if self.moved is not None:
            return ()
        return tuple(row for row in self.started if row < self.rows_before)

    @property
    def dropped(self) -> int:
        """How many old rows go; of rows that stay only spare ones can, and only when that was asked for."""
        if self.moved is not None:
            return self.rows_before - len(set(self.moved.values()))
        return max(self.rows_before - self.size, 0)

    @property
    def spare_left(self) -> int:
        """How many rows are still without a token."""
        return self.size - self.tokens


STARTED = -2  # in place of an old row, and next to none


def row_origins(plan: RowPlan, rows: int, *, first: bool) -> NDArray[np.int64]:
    """The old row that each new row of a table has, STARTED where none; as many as the table gets.

    The table has `rows` rows; `first` says whether it is of the vocabulary's own key. A second table with
    fewer rows grows only where a new token needs one: between its rows and that one lie ids that the class
    reads as id 0 there, whose rows are that one's.
    """
    import numpy as np  # which a look at a model need not wait for

    size = plan.size
    if not first and rows != plan.rows_before and plan.moved is None:
        needed = plan.started and plan.started[-1] >= rows
        size = max(plan.size, rows) if needed else rows
    origins = np.zeros(size, np.int64)
    if plan.moved is None:
        held = min(size, rows)
        origins[:held] = np.arange(held)
    else:
        pairs = np.array([*plan.moved.items()], np.int64).reshape(-1, 2)
        pairs = pairs[pairs[:, 1] < rows]
        origins[pairs[:, 0]] = pairs[:, 1]
    started = np.array(plan.started, np.int64)
    origins[started[started < size]] = STARTED
    return origins


def plan_added(
    rows: int,
    tokens_before: int,
    new_ids: Iterable[int],
    pad_to_multiple_of: int | None = None,
    *,
    shrink: bool = False,
) -> RowPlan:
    """The plan for tokens added to a vocabulary: spare rows first, then as many more as are needed.

    A matrix that has to grow is rounded up to the multiple; one that has room stays, unless `shrink` asks
    for its spare rows to go as far as the multiple allows.
    """
    multiple = _multiple(pad_to_multiple_of)
    new = sorted(set(new_ids))
    if new and new[0] < 0:
        raise UsageError(f"{new[0]} is no id", fix="ids start at 0")
    tokens = max([tokens_before, *(number + 1 for number in new)])
    rounded = _rounded_up(tokens, multiple)
    size = rounded if tokens > rows or (shrink and rounded < rows) else rows
    started = tuple(sorted({*new, *range(rows, size)}))
    return RowPlan(
        started=started,
        size=size,
        rows_before=rows,
        tokens_before=tokens_before,
        tokens=tokens,
    )


def plan_moved(
    rows: int,
    kept: Mapping[int, int],
    tokens_before: int,
    tokens: int,
    pad_to_multiple_of: int | None = None,
) -> RowPlan:
    """The plan for another vocabulary of `tokens` ids: `kept` is new id → the old id whose row it has.

    The matrix gets a row a token, rounded up to the multiple; what is not kept is started. A row may be kept
    by several tokens. UsageError for an id that is none of the old rows or none of the new ones.
    """
    size = _rounded_up(tokens, _multiple(pad_to_multiple_of))
    for new, old in kept.items():
        if not (0 <= old < rows and 0 <= new < size):
            raise UsageError(
                f"row {old:,} of {rows:,} cannot become row {new:,} of {size:,}",
                fix="take the tokenizer that the model was trained with",
            )
    return RowPlan(
        started=tuple(row for row in range(size) if row not in kept),
        size=size,
        rows_before=rows,
        tokens_before=tokens_before,
        tokens=tokens,
        moved=MappingProxyType(dict(sorted(kept.items()))),
    )


def _multiple(asked: int | None) -> int:
    if asked is not None and asked < 1:
        raise UsageError(f"rows cannot be a multiple of {asked}", fix="give 1 or more, such as 64")
    return asked or 1


def _rounded_up(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple


def _gaps(taken: Iterable[int], rows: int) -> Iterator[range]:
    """The stretches of the first `rows` rows between the taken ones."""
    start = 0
    for row in [*(row for row in taken if row < rows), rows]:
        if start < row:
            yield range(start, row)
        start = row + 1


def stretches(rows: Sequence[int]) -> list[range]:
    """Numbers in order as ranges without gaps."""
    found: list[range] = []
    for row in rows:
        if found and found[-1].stop == row:
            found[-1] = range(found[-1].start, row + 1)
        else:
            found.append(range(row, row + 1))
    return found


def _span(rows: range) -> str:
    return str(rows[0]) if len(rows) == 1 else f"{rows[0]}-{rows[-1]}"


COPY = "copy="


@dataclass(frozen=True, kw_only=True)
class RowInit:
    """How new rows start: the initializer's name, and new id → old ids for the rows made of others.

    `label` is how it was asked for; `described` goes before `pieces`. `weights` are new id → the share of
    each of its pieces, which sum to 1; those without are equal.
    """

    label: str
    way: str
    pieces: Mapping[int, Sequence[int]]
    weights: Mapping[int, Sequence[float]] = field(default_factory=dict)
    described: Mapping[int, Sequence[int]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Renumbering:
    """A vocabulary in the place of another: `kept` is new id → the old id whose row it has, `start` the rest.

    `inputs` are texts by their old ids, all of them kept: what the model says to them must stay. `ids` is old
    id → new id where every id that configs state has one; None where only those of roles follow.
    """

    kept: Mapping[int, int]
    start: RowInit
    inputs: Sequence[Sequence[int]]
    ids: Mapping[int, int] | None = None


def row_init(
    start: str, added: Added, old: Tokenizer, *, unknown: int | None, descriptions: Mapping[str, str]
) -> RowInit:
    """The start of every added token; UsageError for a token that does not exist or is not new.

    `copy=TOKEN` gives every new token that token's row; a description is split by the OLD tokenizer.
    """
    new = {**added.special, **added.regular}
    pieces: Mapping[int, Sequence[int]] = {new[token]: ids for token, ids in added.pieces.items()}
    way = start
    if start.startswith(COPY):
        way, row = "pieces", _row_of(start.removeprefix(COPY), old)
        pieces = dict.fromkeys(new.values(), (row,))
    described = {
        _new_id(token, new): _pieces_of(token, words, old, unknown) for token, words in descriptions.items()
    }
    return RowInit(label=start, way=way, pieces=pieces, described=described)


def _row_of(token: str, old: Tokenizer) -> int:
    row = old.token_to_id(token)
    if row is None:
        raise UsageError(
            f"new rows cannot copy {token or 'nothing'}: it has no id", fix="name a token it has"
        )
    return row


def _new_id(token: str, new: Mapping[str, int]) -> int:
    if token not in new:
        raise UsageError(
            f"{token} is described, but it is not among the new tokens",
            fix="describe only what --special or --token adds",
        )
    return new[token]


def _pieces_of(token: str, words: str, old: Tokenizer, unknown: int | None) -> tuple[int, ...]:
    ids = tuple(row for row in old.encode(words, add_special_tokens=False).ids if row != unknown)
    if not ids:
        raise UsageError(
            f"the description of {token} says nothing to this tokenizer: {words!r}", fix="use other words"
        )
    return ids
