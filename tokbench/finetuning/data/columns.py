"""Which columns of a table hold what: those that were named, or the only ones with usual names."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokbench.corpus.tables import OTHER_SEPARATOR
from tokbench.errors import DataError, UsageError, did_you_mean
from tokbench.finetuning.data.scalars import listed_columns

if TYPE_CHECKING:
    from tokbench.corpus.source import Source

TEXTS = ("text", "sentence", "content", "document", "review", "comment", "utterance", "tweet", "message")
PAIRS = (
    ("sentence1", "sentence2"),
    ("sentence_1", "sentence_2"),
    ("sentence_a", "sentence_b"),
    ("premise", "hypothesis"),
    ("question1", "question2"),
    ("question", "sentence"),
    ("text1", "text2"),
    ("text_a", "text_b"),
    ("#1 string", "#2 string"),
)
LABELS = ("label", "labels", "gold_label", "class", "target", "category", "sentiment", "score", "similarity",
          "rating", "stars", "intent", "emotion", "topic", "is_duplicate", "quality")  # fmt: skip
IDS = ("id", "idx", "index", "guid", "uid", "_id", "pairid")
MOST = 5  # readings that an error names
OPTIONS = {"text": "--text-column", "label": "--label-column", "id": "--set id_column="}


@dataclass(frozen=True)
class Columns:
    """The columns of a row's text, its second text, its label and its id; "" where there is none."""

    text: str
    pair: str = ""
    label: str = ""
    id: str = ""

    @property
    def named(self) -> dict[str, str]:
        """What each column is for, and its name."""
        roles = {"text": self.text, "pair": self.pair, "label": self.label, "id": self.id}
        return {role: name for role, name in roles.items() if name}

    @property
    def texts(self) -> tuple[str, ...]:
        """The columns that are encoded."""
        return (self.text, self.pair) if self.pair else (self.text,)


def choose_columns(
    names: Sequence[str],
    source: Source,
    *,
    text: str | None = None,
    pair: str | None = None,
    label: str | None = None,
    id: str | None = None,
    labelled: bool = True,
) -> Columns:
    """The columns that are given, and for the others those of usual names.

    UsageError where more than one fits or none does, DataError for a given one that is not there. A second
    text is looked for only where the first one is not given.
    """
    if text is None:
        text, found = _texts(names, source)
        pair = pair or found
    if labelled and label is None:
        label = _only("label", _fitting(names, LABELS), names, source)
    if id is None:
        ids = [name for name in _fitting(names, IDS) if name not in (text, pair, label)]
        id = ids[0] if len(ids) == 1 else ""
    columns = Columns(text, pair or "", label if labelled and label else "", id)
    for name in columns.named.values():
        if name not in names:
            raise no_column(source, name, names)
    return columns


def _texts(names: Sequence[str], source: Source) -> tuple[str, str]:
    """The column of the text and that of the second one, "" where there is one text only."""
    lower = {name.casefold(): name for name in names}
    pairs = [(lower[one], lower[two]) for one, two in PAIRS if one in lower and two in lower]
    paired = {name for pair in pairs for name in pair}
    alone = [name for name in _fitting(names, TEXTS) if name not in paired]
    readings = [f"{one} with {two}" for one, two in pairs] + alone
    if len(readings) > 1:
        option = f"--text-column {shlex.quote(pairs[0][0] if pairs else alone[0])}"
        second = f" --pair-column {shlex.quote(pairs[0][1])}" if pairs else ""
        raise UsageError(
            f"{source.name}: the text may be {_or(readings)}: which is it?", fix=f"{option}{second}"
        )
    return pairs[0] if pairs else (_only("text", alone, names, source), "")


def _only(role: str, fitting: Sequence[str], names: Sequence[str], source: Source) -> str:
    """The one column that fits; UsageError where there is none or more than one."""
    option = OPTIONS[role]
    if len(fitting) > 1:
        raise UsageError(
            f"{source.name}: the {role} may be {_or(fitting)}: which is it?",
            fix=f"{option} {shlex.quote(fitting[0])}",
        )
    if not fitting:
        parted = _parted_otherwise(source, names)
        raise parted or UsageError(
            f"{source.name}: {option} is needed", fix=f"its columns: {listed_columns(names)}"
        )
    return fitting[0]


def _or(readings: Sequence[str]) -> str:
    """The readings in words, of many the first ones.

    >>> _or(["a", "b", "c"]), _or([*"abcdefgh"])
    ('a, b or c', 'a, b, c, d, e or 3 others')
    """
    shown = [name[:40] for name in readings[:MOST]]
    last = f"{len(readings) - MOST:,} others" if len(readings) > MOST else shown.pop()
    return f"{', '.join(shown)} or {last}"


def _fitting(names: Iterable[str], usual: Sequence[str]) -> list[str]:
    """The columns with such a name, or inside an object with such a name."""
    return [name for name in names if {name.casefold(), name.casefold().partition(".")[0]} & {*usual}]


def no_column(source: Source, column: str, columns: Sequence[str]) -> DataError:
    """What to say of a column that is not there: the nearest, or what parts the fields instead."""
    inside = [name for name in columns if name.startswith(f"{column}.")]
    if inside:
        return DataError(
            f"{source.name}: {column!r} holds objects, and one value of them is needed",
            fix=f"with a dot, one of: {listed_columns(inside)}",
        )
    near = did_you_mean(column, columns)
    hint = f"{near} " if near.startswith("did you mean") else ""
    return _parted_otherwise(source, columns) or DataError(
        f"{source.name} has no column {column!r}", fix=f"{hint}its columns: {listed_columns(columns)}"
    )


def _parted_otherwise(source: Source, columns: Sequence[str]) -> DataError | None:
    """What to say of a table of one column whose name holds another separator."""
    other = OTHER_SEPARATOR.fullmatch(columns[0]) if len(columns) == 1 else None
    if other and source.format in ("csv", "tsv"):
        return DataError(
            f"{source.name} has one column, {columns[0]!r}: it seems to be parted by {other[1].strip(' ')!r}",
            fix="use commas in .csv files and tabs in .tsv files",
        )
    return None
