"""Files of answers: an id and an answer a line, or tagged words; written, read back and compared.

Fields stand between tabs; one with a tab, a line end or a quote in it is quoted by the rules of CSV, so that
Python's csv module and pandas, told of the tabs, read what was written.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tokbench.errors import DataError, clipped
from tokbench.finetuning.data.conll_layout import Layout
from tokbench.finetuning.data.glue import LONGEST
from tokbench.finetuning.data.tagging import Tagged, conll, read_sentences

if TYPE_CHECKING:
    from tokbench.finetuning.tag_scheme import TagScheme

PREDICTION = "prediction"
SPECIAL = frozenset('\t\n\r"')
Pair = tuple[str, str]


def write_answers(path: Path, pairs: Sequence[Pair], *, id_column: str) -> None:
    """Write ids and answers below a header; DataError where the file does not read back as the same."""
    rows = [(id_column, PREDICTION), *pairs]
    path.write_text(
        "".join(f"{csv_field(one)}\t{csv_field(other)}\n" for one, other in rows), "utf-8", newline=""
    )
    again = list(_read(path))
    wrong = next((at for at, row in enumerate(rows) if at >= len(again) or again[at] != [*row]), None)
    if wrong is not None or len(again) != len(rows):
        raise _differs(path, f"row {wrong}: {clipped(rows[wrong or 0])}")


def csv_field(field: str) -> str:
    """A field as it stands in a file: in quotes, its own doubled, where it would end early otherwise.

    >>> print(csv_field("pos"), csv_field('say "no" to it'))
    pos "say ""no"" to it"
    """
    return '"' + field.replace('"', '""') + '"' if SPECIAL & {*field} else field


def _read(path: Path) -> Iterator[list[str]]:
    csv.field_size_limit(max(csv.field_size_limit(), LONGEST))
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.reader(file, delimiter="\t", strict=True)


def write_tagged(
    path: Path, rows: Tagged, predicted: Sequence[Sequence[str]], scheme: TagScheme | None
) -> None:
    """Write words and their tags; DataError where the file does not read back as the same words and tags."""
    path.write_text(conll(rows, predicted, scheme), "utf-8", newline="")
    again = read_sentences(path, hidden=True, like=Layout(word=0, tag=1)).found
    there = [
        (units, [label for unit, label in zip(units, labels, strict=True) if not unit.isspace()])
        for units, labels in again
    ]
    wanted = [([*units], [*labels]) for units, labels in zip(rows.units, predicted, strict=True)]
    if there != wanted:
        wrong = next((one for one, other in zip(wanted, there, strict=False) if one != other), wanted[-1])
        raise _differs(path, f"sentence {clipped(' '.join(wrong[0]))}")


def _differs(path: Path, where: str) -> DataError:
    return DataError(
        f"{path} does not read back as it was written, {where}",
        fix="take tabs, line ends and marks of comments out of the words or the names of labels",
    )
