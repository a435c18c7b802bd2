"""Where each row of a new vocabulary comes from: a token of the same role or spelling, or several tokens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tokbench.adapt.starts.aligned_rows import aligned_rows
from tokbench.adapt.starts.focus_rows import similar_rows, token_vectors
from tokbench.adapt.starts.shared_tokens import shared
from tokbench.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from tokbench.adapt.starts.aligned_rows import AlignedRows
    from tokbench.adapt.starts.shared_tokens import Vocabulary

ALIGNED, PIECES, COPY, FOCUS = "aligned", "pieces", "copy", "focus"
DRAWN = ("mean", "normal", "zero")  # all rows but those of roles
STARTS = (ALIGNED, PIECES, COPY, FOCUS, *DRAWN)
FROM_TEXTS = (ALIGNED, FOCUS)

Found = tuple[Sequence[int], Sequence[float]]  # old ids, and the share of each


def start_named(name: str, *, texts: bool) -> str:
    """The start of that name, or the best one; UsageError for one that does not exist or lacks its texts."""
    start = name or (ALIGNED if texts else PIECES)
    if start not in STARTS:
        raise UsageError(f"rows cannot start with {start}", fix=did_you_mean(start, STARTS))
    if start in FROM_TEXTS and not texts:
        raise UsageError(
            f"the start {start} looks at texts, and no corpus was named",
            fix="--corpus corpus.txt, or --start pieces",
        )
    return start


@dataclass(frozen=True, eq=False)
class RowStarts:
    """Where each new row comes from.

    kept: new id → the old id whose row it has. pieces: new id → the old ids whose mean it is, by `weights`
    where it has some. origin: new id → role, copied, or the start that it has; those of no origin, such as
    special tokens of no counterpart, are made as `way` says. counted: what the texts told, if there were any.
    """

    start: str
    kept: dict[int, int]
    pieces: dict[int, Sequence[int]] = field(default_factory=dict)
    weights: dict[int, Sequence[float]] = field(default_factory=dict)
    origin: dict[int, str] = field(default_factory=dict)
    counted: AlignedRows | None = None

    @property
    def way(self) -> str:
        """The initializer of rows that are not kept."""
        return self.start if self.start in DRAWN else "mean" if self.start == COPY else "pieces"

    def take(self, origin: str, rows: Mapping[int, Found]) -> None:
        """Rows that are means of old ones; of one alone it is a copy, bit by bit."""
        for number, (ids, shares) in rows.items():
            if number in self.origin or not ids:
                continue
            self.origin[number] = origin
            if len(ids) == 1:
                self.kept[number] = ids[0]
            else:
                self.pieces[number] = ids
                if shares:
                    self.weights[number] = shares


def row_starts(
    start: str, new: Vocabulary, old: Vocabulary, roles: Mapping[int, int], texts: Sequence[str] = ()
) -> RowStarts:
    """The rows of all new tokens by a start; `roles` are new id → old id of special tokens, which go first.

    "aligned" has those of its texts' tokens by what stands there, and the rest as "pieces" does, which copies
    tokens of the same spelling and makes others of the old tokenizer's pieces of them. "copy" copies alone,
    "focus" makes the others of tokens that stand in similar places. The rest leave all to `way`.
    """
    sized = {"size": new.size, "rows": max(old.ids.values(), default=-1) + 1}
    counted = aligned_rows([texts], new.library, old.library, **sized) if texts else None
    made = RowStarts(start, dict(roles), origin=dict.fromkeys(roles, "role"), counted=counted)
    for origin, rows in _ways(start, new, old, made, texts):
        made.take(origin, rows)
    return made


def _ways(
    start: str, new: Vocabulary, old: Vocabulary, made: RowStarts, texts: Sequence[str]
) -> Iterator[tuple[str, Mapping[int, Found]]]:
    """The rows that a start has, best first."""
    if start in DRAWN:
        return
    if start == ALIGNED and made.counted is not None:
        yield ALIGNED, {number: made.counted.of(number) for number in new.spellings}
    same = shared(new, old)
    yield "copied", {number: ((before,), ()) for number, before in same.items()}
    rest = [number for number in sorted(new.spellings) if number not in made.origin]
    if start == FOCUS:
        yield FOCUS, similar_rows(token_vectors([texts], new.library, new.size), same, rest)
    elif start != COPY:
        pieces = old.pieces([new.spellings[number] for number in rest])
        yield PIECES, {number: (ids, ()) for number, ids in zip(rest, pieces, strict=True)}
