"""One value of a table as a text, whichever format it stood in; what is no scalar is refused by its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal

from tokbench.errors import DataError, clipped

Scalar = str | bool | int | float | None
FEW = 3  # keys of an object that an error shows
SHOWN = 20  # columns that an error lists


def scalar(value: object, place: str, column: str) -> Scalar:
    """A value that stands for itself: a text that can be encoded, a number, a truth, or None.

    Dates and decimal numbers become texts. DataError for objects, lists and bytes, and for texts that no
    tokenizer takes: with NUL, or with half a surrogate pair, which JSON's escapes can spell.
    """
    if isinstance(value, str):
        return _whole(value, place, column)
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Decimal | date | datetime | time):
        return str(value)
    raise DataError(f"{place}: {column!r} is {_kind(value)}, not a text", fix=_remedy(value, column))


def scalar_text(value: object, place: str, column: str) -> str | None:
    """The text of a scalar, in one way for all formats; None where there is none.

    >>> [scalar_text(each, "line 1", "text") for each in ("a", 1984, 0.5, True, None)]
    ['a', '1984', '0.5', 'true', None]
    """
    found = scalar(value, place, column)
    if isinstance(found, bool):
        return str(found).lower()
    return None if found is None else str(found)


def _whole(text: str, place: str, column: str) -> str:
    if "\0" in text:
        raise DataError(f"{place}: {column!r} holds a NUL character", fix="take it out of that row")
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError as error:
        half = f"\\u{ord(text[error.start]):x}"
        raise DataError(
            f"{place}: {column!r} holds half a surrogate pair, {half}", fix="take it out of that row"
        ) from error
    return text


def _kind(value: object) -> str:
    if isinstance(value, Mapping):
        keys = ", ".join(clipped(key) for key in [*value][:FEW])
        return f"an object with {keys}{', …' if len(value) > FEW else ''}" if value else "an empty object"
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return f"a list of {len(value):,}"
    return "bytes" if isinstance(value, bytes) else f"a {type(value).__name__}"


def _remedy(value: object, column: str) -> str:
    if isinstance(value, Mapping) and value:
        inside = next(iter(flattened({column: value})))
        return f"name a value in it with a dot: {inside[:80]}"
    return "name another column, or write a text or a number there"


def flattened(row: Mapping[str, object]) -> dict[str, object]:
    """The row with a column for each value inside an object, named with dots.

    >>> flattened({"id": 1, "labels": {"label": 4.9, "real-label": 4.86}})
    {'id': 1, 'labels.label': 4.9, 'labels.real-label': 4.86}
    """
    return dict(_leaves(row, ""))


def _leaves(row: Mapping[str, object], before: str) -> Iterator[tuple[str, object]]:
    for name, value in row.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def value_at(row: Mapping[str, object], column: str) -> object:
    """The value of a column, which may be named with dots; KeyError where there is none.

    >>> value_at({"labels": {"real-label": 4.86}}, "labels.real-label"), value_at({"a.b": 1}, "a.b")
    (4.86, 1)
    """
    if column in row:
        return row[column]
    for name, value in row.items():
        if isinstance(value, Mapping) and column.startswith(f"{name}."):
            return value_at(value, column[len(name) + 1 :])
    raise KeyError(column)


def listed_columns(names: Sequence[str]) -> str:
    """The names of columns, those of many or of long ones cut: a table without a header has texts for names.

    >>> listed_columns(["a", "b" * 50])
    'a, bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb…'
    """
    shown = ", ".join(name if len(name) <= 40 else f"{name[:39]}…" for name in names[:SHOWN])
    return f"{shown} and {len(names) - SHOWN:,} more" if len(names) > SHOWN else shown
