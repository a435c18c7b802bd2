"""Texts that Python objects hold: lists and iterators, and columns of datasets, pandas, polars and Arrow.

None of these libraries is imported: an object is known by what it offers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from tokbench.corpus.source import Source
from tokbench.corpus.tables import choose_column
from tokbench.errors import DataError

AT_ONCE = 1 << 16  # values of an Arrow array that are Python objects at the same time
GIVE = "give a path, a list of texts, or a table and its column"


@dataclass(frozen=True)
class HeldTexts:
    """The texts of an object, as often as it can be iterated; a value that is missing is an empty text.

    name: what errors call the object; notes: what was guessed. DataError, while iterating, for a value that
    is no text.
    """

    values: Iterable[Any]
    name: str = "texts"
    notes: tuple[str, ...] = ()

    @property
    def only_once(self) -> bool:
        """Whether the object is an iterator, which a second pass would find empty."""
        return iter(self.values) is self.values

    def __iter__(self) -> Iterator[str]:
        for value in self.values:
            if value is None:
                yield ""
            elif isinstance(value, str):
                yield value
            else:
                raise DataError(
                    f"{self.name} hold {value!r:.60}, which is not a text",
                    fix="give texts as str; of a table name their column",
                )


def held_texts(holder: Any, column: str | None) -> HeldTexts:  # noqa: ANN401  whatever holds texts
    """The texts of this object, or of this column of it.

    >>> list(held_texts({"a": 1}.keys(), None)), list(held_texts(["one", None], None))
    (['a'], ['one', ''])
    """
    _refuse_wrapped(holder)
    names = getattr(holder, "column_names", None)
    names = getattr(holder, "columns", None) if names is None else names
    if names is not None:
        named = [name for name in names if isinstance(name, str)]
        table = Source(name="the table", path=None, format="table", compression="", size=0)
        chosen = choose_column(named, column, table, partial(_first_row, holder, named))
        return HeldTexts(_values(holder[chosen]), f"the values of the column {chosen!r}", tuple(table.notes))
    if column is not None:
        raise DataError(f"these texts have no column {column!r}", fix="leave out the column")
    if isinstance(holder, bytes | bytearray) or not isinstance(holder, Iterable):
        raise DataError(f"{holder!r:.40} is no corpus", fix=GIVE)
    return HeldTexts(_values(holder))


def _first_row(holder: Any, names: list[str]) -> list[Any]:  # noqa: ANN401
    """The first value of each column, for an error that lists them."""
    return [next(iter(_values(holder[name])), None) for name in names]


def _refuse_wrapped(holder: object) -> None:
    """DataError for what holds its texts one step further inside."""
    kind = type(holder).__name__
    if isinstance(holder, Mapping):
        inside = f": {', '.join(map(repr, list(holder)[:3]))}" if holder else ""
        raise DataError(
            f"a {kind} is no corpus, what is inside it may be one{inside}", fix="give one of them"
        )
    if hasattr(holder, "collect"):
        raise DataError(f"a {kind} has no rows yet", fix="give what its collect() returns")


def _values(column: Any) -> Iterable[Any]:  # noqa: ANN401
    """The values of a column, what is missing as None, few of them at the same time."""
    if hasattr(column, "to_pylist"):
        return _ArrowValues(column)
    if hasattr(column, "isna"):
        return _PandasValues(column)
    values: Iterable[Any] = column
    return values


@dataclass(frozen=True)
class _ArrowValues:
    """An array or a chunked array of Arrow."""

    array: Any

    def __iter__(self) -> Iterator[Any]:
        for start in range(0, len(self.array), AT_ONCE):
            yield from self.array.slice(start, AT_ONCE).to_pylist()


@dataclass(frozen=True)
class _PandasValues:
    """A series or an index of pandas, where a missing text is None, NaN or NA."""

    series: Any

    def __iter__(self) -> Iterator[Any]:
        for value, missing in zip(self.series, self.series.isna(), strict=True):
            yield None if missing else value
