"""What a column of labels is: classes or scores, told by the kinds of its values, not by their spelling.

`1_0` and `nan` are words. Whole numbers are classes while they are few, numbers with fractions are scores;
where both fit, or one class is written in two ways, nothing is guessed and `task_kind` decides.
"""

from __future__ import annotations

import json
import math
import re
import shlex
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from tokbench.errors import DataError, UsageError, clipped, plural
from tokbench.finetuning.data.scalars import scalar
from tokbench.finetuning.tasks import CLASSES, SCORES

NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
COMMA = re.compile(r"[+-]?\d+,\d+", re.ASCII)  # a number as half of Europe writes it
TRUTHS = ("true", "false")
MISSING = ("nan", "na", "n/a", "null", "none", "-", "?")  # words that programs write where nothing is
MOST_NUMBERED = 20  # classes whose names are numbers: more may as well be scores
MOST_CLASSES = 1_000
LONGEST_LABEL = 1_000  # characters
LARGEST = 10**18  # a score: its square is a float of 32 bits, and so is the sum of a batch
EXACT = 2**53  # whole numbers up to it are told apart as floats
HOW = f"--set task_kind={CLASSES}", f"--set task_kind={SCORES}"


@dataclass(frozen=True)
class LabelReading:
    """How a column of labels is read: `labels` are the classes in the order of their ids, () for scores.

    `why` says in a sentence what was taken for what, and what changes it; `notes` are doubts.
    """

    labels: tuple[str, ...]
    why: str = ""
    notes: tuple[str, ...] = ()


@dataclass
class Spelling:
    """One way in which labels stand in a column: the word for it, the first such value, where, how many."""

    word: str
    value: object
    place: str
    rows: int = 0

    @property
    def number(self) -> Decimal | None:
        """The number that it is; a truth is none."""
        return None if isinstance(self.value, bool) else number_in(self.word)

    @property
    def fraction(self) -> bool:
        """Whether it is a number that is not whole."""
        return self.number is not None and self.number != self.number.to_integral_value()


def spellings(found: Iterable[tuple[str, object]]) -> list[Spelling]:
    """What labels (place, value) are written like, each once, in the order of their first rows."""
    known: dict[tuple[type, str], Spelling] = {}
    for place, value in found:
        word = as_written(value)
        if word is not None:
            known.setdefault((type(value), word), Spelling(word, value, place)).rows += 1
    return [*known.values()]


def as_written(label: object) -> str | None:
    """A label of someone's own file as the one word that stands for it; None where there is none.

    A number that is none (NaN), as programs write where nothing is, is no label; the word "nan" may be one.

    >>> [as_written(each) for each in (1, "1", " 1 ", 1.0, "1.0", True, 2.5, "", None, float("nan"))]
    ['1', '1', '1', '1', '1.0', 'true', '2.5', None, None, None]
    """
    if isinstance(label, float) and math.isnan(label):
        return None
    if isinstance(label, bool):
        return str(label).lower()
    if isinstance(label, float) and label.is_integer() and abs(label) <= EXACT:
        return str(int(label))
    word = "" if label is None else str(label).strip()
    return word or None


def number_in(word: str) -> Decimal | None:
    """The number that a word is, None for any other word.

    >>> number_in("1.50"), number_in("1_0"), number_in("nan"), number_in("\N{FULLWIDTH DIGIT ONE}")
    (Decimal('1.50'), None, None, None)
    """
    return Decimal(word) if NUMBER.fullmatch(word) else None


def read_labels(
    found: Iterable[tuple[str, object]], column: str, *, kind: str = "auto", names: Sequence[str] = ()
) -> LabelReading:
    """Whether these labels (place, value) are classes or scores, and which; `kind` settles it.

    `names` are those of all classes, in the order of their ids, where the file itself says them.

    Raises DataError or UsageError where two readings fit, with the options that choose one.
    """
    several = spellings(found)
    _must_be_short(several, column)
    if kind == SCORES:
        _must_differ(several, column)
        return LabelReading((), f"{column} holds scores, as task_kind says")
    if names:
        return _named(several, column, names, chosen=kind == CLASSES)
    if kind == CLASSES:
        return _classes(several, column, chosen=True)
    _must_be_one_kind(several, column)
    _must_be_finite(several, column)
    if any(each.fraction for each in several) and all(_may_be_number(each) for each in several):
        return _scores(several, column)
    if several and all(each.number is not None for each in several):
        _must_not_be_scores(several, column)
    _must_have_points(several, column)
    return _classes(several, column, chosen=False)


def _named(several: Sequence[Spelling], column: str, names: Sequence[str], *, chosen: bool) -> LabelReading:
    """The classes that the file names; those that no row has stay, so that ids are the file's own."""
    twice = next((name for at, name in enumerate(names) if name in names[:at]), None)
    if twice is not None:
        raise DataError(
            f"the file names two classes of {column!r} {clipped(twice)}: one class, or two?",
            fix="give each its own name, or name another column by --label-column",
        )
    other = next((each for each in several if each.word not in names and each.word != "-1"), None)
    if other is not None:
        raise DataError(
            f"{other.place}: {clipped(other.value)} is no class that the file names for {column!r}",
            fix=f"its names: {_few(names)}",
        )
    hidden = next((each.place for each in several if each.word == "-1" and "-1" not in names), "")
    if hidden and chosen:
        raise DataError(
            f"{hidden}: {column!r} is -1, and no class that the file names is",
            fix="take such rows out: they are for prediction only",
        )
    must_be_classes(
        [each.word for each in several], sum(each.rows for each in several), column, hidden=hidden
    )
    return LabelReading(tuple(names), f"the file names the classes of {column}")


def positive_second(found: LabelReading, positive: str | None) -> LabelReading:
    """The reading with the positive one of two classes second, where F1 looks for it; UsageError for others.

    >>> positive_second(LabelReading(("ham", "spam")), "ham").labels
    ('spam', 'ham')
    """
    if positive is None:
        return found
    if len(found.labels) != 2:
        raise UsageError(
            f"positive is one of two classes, and there are {plural(len(found.labels), 'class', 'classes')}",
            fix="leave out --set positive",
        )
    if positive not in found.labels:
        raise UsageError(f"no class is {positive!r}", fix=f"--set positive={found.labels[1]}")
    other = next(label for label in found.labels if label != positive)
    return replace(found, labels=(other, positive))


def _may_be_number(each: Spelling) -> bool:
    return each.number is not None or _missing(each)


def _missing(each: Spelling) -> bool:
    return each.word.casefold() in MISSING


def _must_be_one_kind(several: Sequence[Spelling], column: str) -> None:
    """Nothing, or an error for truths among other labels, and for a missing value that may be a class."""
    truths = [each for each in several if each.word.casefold() in TRUTHS]
    typed = any(isinstance(each.value, bool) for each in truths)
    others = [each for each in several if each not in truths and (typed or each.number is not None)]
    if truths and others:
        one, other = truths[0], others[0]
        raise DataError(
            f"{column!r} holds labels of two kinds: {clipped(one.value)} ({one.place}) and"
            f" {clipped(other.value)} ({other.place})",
            fix=f"write them alike, or {HOW[0]} takes each as a class",
        )
    absent = next((each for each in several if _missing(each)), None)
    numbers = any(each.number is not None for each in several) and all(map(_may_be_number, several))
    if absent and numbers and not any(each.fraction for each in several):  # of scores it is named with rows
        raise DataError(
            f"{absent.place}: {column!r} is {clipped(absent.value)} among numbers: a class, or missing?",
            fix=f"take such rows out, or {HOW[0]} makes a class of it",
        )


def _scores(several: Sequence[Spelling], column: str) -> LabelReading:
    _must_differ(several, column)
    numbers = {each.number for each in several if each.number is not None}
    if len(numbers) == 2 and sum(each.rows for each in several) > 2 * len(numbers):
        raise UsageError(
            f"{column!r} holds {_few(each.word for each in several)} alone: two classes, or scores?",
            fix=" or ".join(HOW),
        )
    return LabelReading((), f"{column} holds numbers with fractions: scores ({HOW[0]} takes classes)")


def _must_differ(several: Sequence[Spelling], column: str) -> None:
    """Nothing, or an error for scores that are all one, or too large to be squared."""
    numbers = [each.number for each in several if each.number is not None]
    rows = sum(each.rows for each in several)
    if rows > 1 and len(numbers) == len(several) and len(set(numbers)) == 1:
        raise DataError(
            f"every row's {column!r} is {numbers[0]}: there is nothing to learn",
            fix="give rows of other scores, or name the column with the scores by --label-column",
        )
    large = next((each for each in several if each.number is not None and abs(each.number) > LARGEST), None)
    if large is not None:
        raise DataError(
            f"{large.place}: {column!r} is {clipped(large.value)}, too large a score for the model's numbers",
            fix="divide all scores, so that they spread by about 1",
        )


def _must_be_finite(several: Sequence[Spelling], column: str) -> None:
    """Nothing, or an error for an infinite number, which is no score and hardly a class."""
    endless = next(
        (each for each in several if isinstance(each.value, float) and math.isinf(each.value)), None
    )
    if endless is not None:
        raise DataError(
            f"{endless.place}: {column!r} is {endless.value}, which is no score",
            fix=f"take such rows out, or {HOW[0]} makes a class of it",
        )


def _must_have_points(several: Sequence[Spelling], column: str) -> None:
    """Nothing, or an error for numbers with a decimal comma: words they are, and scores may be meant."""
    comma = next((each for each in several if COMMA.fullmatch(each.word)), None)
    if comma and all(each.number is not None or COMMA.fullmatch(each.word) for each in several):
        raise DataError(
            f"{comma.place}: {column!r} is {clipped(comma.value)}, a number with a comma: class, or score?",
            fix=f"write a score with a point, or {HOW[0]} takes classes",
        )


def _must_be_short(several: Sequence[Spelling], column: str) -> None:
    """Nothing, or an error for a text where a label should be."""
    long = next((each for each in several if len(each.word) > LONGEST_LABEL), None)
    if long is not None:
        raise DataError(
            f"{long.place}: {column!r} is a text of {len(long.word):,} characters, no label",
            fix="name the column with the labels by --label-column",
        )


def _must_not_be_scores(several: Sequence[Spelling], column: str) -> None:
    """Nothing, or an error where whole numbers may be scores as well as classes."""
    numbers = {each.number for each in several}
    pointed = next((each for each in several if isinstance(each.value, float) or "." in each.word), None)
    if pointed is not None:
        raise UsageError(
            f"{pointed.place}: {column!r} is {clipped(pointed.value)}, a whole number written with a point:"
            f" {plural(len(numbers), 'class', 'classes')}, or scores?",
            fix=" or ".join(HOW),
        )
    if len(numbers) > MOST_NUMBERED:
        raise UsageError(
            f"column {column!r} holds {plural(len(numbers), 'label')} in"
            f" {plural(sum(each.rows for each in several), 'row')}, whole numbers all: classes, or scores?",
            fix=f"{' or '.join(HOW)}; or name the column with the labels by --label-column",
        )


def _classes(several: Sequence[Spelling], column: str, *, chosen: bool) -> LabelReading:
    labels = ordered_labels(each.word for each in several)
    numbers = {each.word: each.number for each in several if each.number is not None}
    rows = Counter[str]()
    for each in several:
        rows[each.word] += each.rows
    alike = [*_alike(labels, _folded), *_alike(labels, lambda label: numbers.get(label, label))]
    if alike and not chosen:
        one, other = alike[0]
        raise DataError(
            f"{column!r} holds {clipped(one)} ({plural(rows[one], 'row')}) and {clipped(other)}"
            f" ({plural(rows[other], 'row')}): one class, or two?",
            fix=f"write them alike, or {HOW[0]} keeps them apart",
        )
    hidden = next((each.place for each in several if each.word == "-1" and not chosen), "")
    must_be_classes(labels, rows.total(), column, hidden=hidden, chosen=chosen)
    notes = [f"the labels {clipped(one)} and {clipped(other)} are two classes" for one, other in alike]
    words = [label for label in labels if label not in numbers]
    if numbers and words and not chosen:
        notes.append(f"{column} holds numbers and words, {_few(numbers)} and {_few(words)}: all are classes")
    why = f"{column} holds whole numbers, and few: classes ({HOW[1]} takes scores)"
    return LabelReading(labels, why if numbers and not words and not chosen else "", tuple(notes))


def _folded(label: str) -> str:
    """A label without what is easily written in two ways: case, spaces, composed letters, unseen marks."""
    seen = "".join(each for each in label if unicodedata.category(each) != "Cf")
    return " ".join(unicodedata.normalize("NFKC", seen).casefold().split())


def _alike(labels: Iterable[str], key: Callable[[str], object]) -> Iterator[tuple[str, str]]:
    """Pairs of labels that have one key."""
    first: dict[object, str] = {}
    for label in labels:
        known = first.setdefault(key(label), label)
        if known != label:
            yield known, label


def _few(labels: Iterable[str]) -> str:
    some = [*labels]
    return ", ".join(label[:40] for label in some[:4]) + (", …" if len(some) > 4 else "")


PARTING = ",;|"  # marks that may part the labels in a cell, or belong to one


def is_list(value: object) -> bool:
    """Whether a value is a list, or a text that spells one in JSON.

    >>> [is_list(each) for each in (["a"], '["a", "b"]', "[]", "[a]", "a")]
    [True, True, True, False, False]
    """
    return isinstance(value, list | tuple) or _spelt_list(value) is not None


def _spelt_list(value: object) -> list[object] | None:
    if not isinstance(value, str) or not value.strip().startswith("["):
        return None
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, list) else None


def label_set(value: object, place: str, column: str, separator: str | None) -> tuple[object, ...] | None:
    """The labels of a row, as they are written, each once; None where it says nothing of them.

    They are a list, in JSON also as a text, or parts of a text between separators. A row without a label is
    an empty list; a cell without a list is one label, unless it holds what may part several.
    """
    spelt = _spelt_list(value)
    items: list[object] | tuple[object, ...]
    if isinstance(value, list | tuple) or spelt is not None:
        items = value if isinstance(value, list | tuple) else spelt or []
    elif value is None or (isinstance(value, str) and not value.strip()):
        return None
    elif separator and isinstance(value, str):
        items = [part for part in map(str.strip, value.split(separator)) if part]
    else:
        items = [value]
        mark = next((mark for mark in PARTING if mark in str(value)), None)
        if mark and not separator:
            raise UsageError(
                f"{place}: {column!r} is {clipped(value)}: one label, or several?",
                fix=f"--set label_separator={shlex.quote(mark)}",
            )
    if any(as_written(scalar(item, place, column)) is None for item in items):
        raise DataError(f"{place}: {column!r} has a label without a name", fix="take it out of that list")
    return tuple(dict.fromkeys(items))


def read_label_sets(sets: Sequence[tuple[str, ...]], column: str, names: Sequence[str] = ()) -> LabelReading:
    """The labels of all rows in the order of their ids; DataError where there is nothing to learn."""
    if len(set(map(frozenset, sets))) < 2:
        raise DataError(
            f"every row's {column!r} is {clipped([*sets[0]] if sets else [])}: there is nothing to learn",
            fix="give rows with other labels, or name the column with the labels by --label-column",
        )
    labels = tuple(names) or ordered_labels(label for some in sets for label in some)
    if len(labels) > MOST_CLASSES:
        raise DataError(
            f"column {column!r} holds {plural(len(labels), 'label')}",
            fix="name the column with the labels by --label-column",
        )
    single = all(len(some) == 1 for some in sets)
    notes = ("every train row has one label alone: without --multi-label they are classes",) if single else ()
    return LabelReading(labels, f"{column} holds sets of labels, as --multi-label says", notes)


def ordered_labels(written: Iterable[str]) -> tuple[str, ...]:
    """Each label once: whole numbers by size, words by name. The place of a label is its class id.

    >>> ordered_labels(["10", "9", "10"]), ordered_labels(["pos", "neg"])
    (('9', '10'), ('neg', 'pos'))
    """
    labels = sorted(set(written))
    numbers = [number_in(label) for label in labels]
    if any(each is None for each in numbers):
        return tuple(labels)
    return tuple(sorted(labels, key=Decimal))


def must_be_classes(
    labels: Sequence[str], rows: int, column: str, *, hidden: str = "", chosen: bool = False
) -> None:
    """Nothing, or an error for labels nothing can be learned from; `hidden` is the first row with -1.

    Where someone has `chosen` classes, there may be as many as rows have.
    """
    if hidden:
        raise DataError(
            f"{hidden}: {column!r} is -1, which hides a label in rows for prediction, and may be a class",
            fix=f"take such rows out, or {HOW[0]} makes a class of it",
        )
    if len(labels) == 1:
        raise DataError(
            f"every row's {column!r} is {labels[0]!r}: there is nothing to learn",
            fix="give rows of two classes at least, or name the column with the labels by --label-column",
        )
    many = rows > 20 and len(labels) > rows / 2 and not chosen
    if many or len(labels) > MOST_CLASSES:
        raise DataError(
            f"column {column!r} holds {plural(len(labels), 'label')} in {plural(rows, 'row')}",
            fix="name the column with the labels by --label-column",
        )
