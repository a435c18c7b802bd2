"""Tag schemes: how labels of words say where an entity begins and ends, and which scheme labels follow.

Readings and names are seqeval's (Nakayama 2018, version 1.2.2): its default, which reads every scheme of B,
I, E and S leniently as the CoNLL-2000 script does, and its strict ones by name.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product

from tokbench.errors import DataError, UsageError

Entity = tuple[str, int, int]  # type, first unit, unit after the last

OUTSIDES = ("O", "o", "0", "OUT", "OUTSIDE", "OTHER", "Other", "other", "NONE", "None", "none", "_")
DELIMITERS = ("-", "_", ".", ":", "/")
UNTYPED = "_"  # the type of a tag that is a mark alone

# Scheme → its marks besides O, and for begins, goes on and ends which (mark before, mark now, types) count;
# types: = the same, ! different, * either. `.` is any mark. As seqeval's schemes have them.
_STRICT: dict[str, tuple[str, str, str, str]] = {
    "IOB1": ("IB", "OI* II! BI* IB= BB=", "BI= II=", "II! IO* IB* BO* BI! BB="),
    "IOB2": ("IB", ".B*", "BI= II=", "IO* II! IB* BO* BI! BB*"),
    "IOE1": ("IE", "OI* II! EI* EE=", "II= IE=", "II! IO* IE! EI= EE="),
    "IOE2": ("IE", "OI* OE* EI* EE* II! IE!", "IE= II=", "E.*"),
    "IOBES": ("IBES", ".B* .S*", "BI= BE= II= IE=", "S.* E.*"),
    "BILOU": ("BILU", ".B* .U*", "BI= BL= II= IL=", "U.* L.*"),
}
STRICT = tuple(_STRICT)
# Families of marks by which labels are recognised; BMES is what Chinese corpora call IOBES.
_FAMILIES = (
    ("IOB", frozenset("BI")),
    ("IOE", frozenset("IE")),
    ("IOBES", frozenset("IBES")),
    ("BILOU", frozenset("BILU")),
    ("BMES", frozenset("BMES")),
)
AUTO, PLAIN, NO_ENTITIES = "auto", "IO", "none"
SCHEMES = (AUTO, *STRICT, PLAIN, NO_ENTITIES)
_LENIENT_MARK = {"L": "E", "U": "S", "M": "I", "W": "S"}


@dataclass(frozen=True)
class TagScheme:
    """How labels are read: the scheme's name, the label outside of entities, where the mark stands.

    `name` is a strict scheme (STRICT), a family that is read leniently (IOB, IOE, IOBES, BMES), or IO: the
    whole label is a type, and neighbours of one type are one entity.
    """

    name: str = "IOB"
    outside: str = "O"
    delimiter: str = "-"
    suffix: bool = False

    def split(self, tag: str) -> tuple[str, str]:
        """Mark and type of a label: B and PER of B-PER, O and nothing outside.

        >>> TagScheme().split("B-PER"), TagScheme(delimiter="_", suffix=True).split("PER_E")
        (('B', 'PER'), ('E', 'PER'))
        """
        if tag in ("", self.outside):
            return "O", ""
        if self.name == PLAIN:
            return "I", tag
        mark, rest = (tag[-1], tag[:-1]) if self.suffix else (tag[0], tag[1:])
        return mark, rest.strip(self.delimiter) or UNTYPED

    def join(self, mark: str, kind: str) -> str:
        """The label of this mark and type."""
        if kind == UNTYPED:
            return mark
        return f"{kind}{self.delimiter}{mark}" if self.suffix else f"{mark}{self.delimiter}{kind}"

    def continued(self, tag: str) -> str:
        """The label that goes on with an entity which this one begins: I-X for B-X, any other itself."""
        mark, kind = self.split(tag)
        return self.join("I", kind) if mark == "B" and self.name not in (PLAIN, "BMES") else tag

    @property
    def words(self) -> str:
        """The scheme in words, for a reader who would choose another."""
        if self.name == PLAIN:
            return f"labels are types (IO), neighbours of one type are one entity; outside is {self.outside}"
        strictly = "strictly" if self.name in STRICT else "leniently, as seqeval's default does"
        return f"labels are read as {self.name} {strictly}; outside is {self.outside}"


def find_scheme(labels: Iterable[str], *, scheme: str = AUTO, outside: str = "") -> TagScheme | None:
    """The scheme that these labels follow; None for labels that name no entities, such as parts of speech.

    `scheme` and `outside` settle what is otherwise found. Raises DataError where labels follow no scheme or
    more than one, UsageError where they do not follow the one that is named.

    >>> find_scheme(["O", "B-PER", "I-PER"])
    TagScheme(name='IOB', outside='O', delimiter='-', suffix=False)
    >>> find_scheme(["U_PER", "B_PER", "L_PER", "0"]).words
    'labels are read as BILOU strictly; outside is 0'
    >>> find_scheme(["NOUN", "VERB"]) is None
    True
    """
    known = sorted({label for label in labels if label})
    if scheme == NO_ENTITIES:
        return None
    named = outside or _outside(known)
    if outside and outside not in known:
        raise UsageError(
            f"no label is {outside!r}", fix=f"--set outside={shlex.quote(_outside(known) or known[0])}"
        )
    inside = [label for label in known if label != named]
    if scheme == PLAIN:
        return TagScheme(PLAIN, named or OUTSIDES[0])
    fitting = list(_fitting(inside, named or OUTSIDES[0], scheme))
    if len(fitting) == 1 or (fitting and len({(each.delimiter, each.suffix) for each in fitting}) == 1):
        return fitting[0]
    if scheme != AUTO:
        raise UsageError(
            f"the labels {_few(inside)} are not all marks of {scheme} and a type",
            fix=f"--set tag_scheme={AUTO}",
        )
    if fitting:
        raise DataError(
            f"the labels {_few(inside)} can be read with the mark before or behind the type",
            fix="write them as B-TYPE",
        )
    return TagScheme(outside=named) if named and not inside else _without_marks(inside, named)


def _without_marks(inside: Sequence[str], outside: str) -> TagScheme | None:
    marked = [label for label in inside if label[:2] in {f"{mark}-" for mark in "BIESLU"}]
    if marked and outside:
        other = next((label for label in inside if label not in marked), marked[0])
        raise DataError(
            f"the labels {marked[0]} and {other} do not follow one tag scheme",
            fix=f"--set tag_scheme={PLAIN} takes each as a type, --set tag_scheme={NO_ENTITIES} as a class",
        )
    return TagScheme(PLAIN, outside) if outside else None


def must_be_told_apart(labels: Iterable[str], scheme: TagScheme) -> None:
    """Nothing, or DataError where labels may as well be tags that are written in another way.

    Those are numbers of tags, marks in small letters or with nothing between, and types that only case
    tells apart: read as types of their own they would make other entities.
    """
    inside = sorted({label for label in labels if label} - {scheme.outside})
    other = _written_otherwise(inside) if scheme.name == PLAIN else ""
    if other:
        raise DataError(
            f"the labels {_few(inside)} are {other}, or types of their own",
            fix=f"write them as B-TYPE, or --set tag_scheme={PLAIN} takes each as a type",
        )
    first: dict[str, str] = {}
    for kind in sorted({scheme.split(label)[1] for label in inside}):
        known = first.setdefault(kind.casefold(), kind)
        if known != kind:
            keep = PLAIN if scheme.name == PLAIN else _strict_name(scheme)
            raise DataError(
                f"the types {known} and {kind} differ by case alone: one type, or two?",
                fix=f"write them alike, or --set tag_scheme={keep} keeps them apart",
            )


def _written_otherwise(types: Sequence[str]) -> str:
    """What these types may be instead, in words; "" where they are nothing but types."""
    if types and all(label.isdecimal() for label in types):
        return "numbers of tags"
    capitals = [label.upper() for label in types]
    if capitals != [*types] and any(_fitting(capitals, OUTSIDES[0], AUTO)):
        return "tags in small letters"
    begun = {label[1:] for label in types if label[0] in "BU"}
    gone_on = {label[1:] for label in types if label[0] in "IEL"}
    if (
        begun
        and gone_on
        and gone_on <= begun
        and "" not in begun
        and all(each[0] in "BIESLU" for each in types)
    ):
        return "tags without a mark between"
    return ""


def _outside(labels: Sequence[str]) -> str:
    """The label for what is in no entity, by its name; "" where none has one of those names."""
    return next((name for name in OUTSIDES if name in labels), "")


def _fitting(inside: Sequence[str], outside: str, wanted: str) -> Iterator[TagScheme]:
    """Every reading in which each label is a mark and a type, those with fewer marks first."""
    for delimiter, suffix in product(DELIMITERS, (False, True)):
        marks = {_mark(label, delimiter, suffix=suffix) for label in inside}
        if None in marks or not marks or (suffix and all(len(label) == 1 for label in inside)):
            continue
        if all(len(label) == 1 for label in inside) and delimiter != DELIMITERS[0]:
            continue
        if wanted != AUTO:
            if marks <= set(_STRICT[wanted][0]):
                yield TagScheme(wanted, outside, delimiter, suffix)
            continue
        for name, family in _FAMILIES:
            if marks <= family:
                yield TagScheme(name, outside, delimiter, suffix)
                break


def _mark(label: str, delimiter: str, *, suffix: bool) -> str | None:
    """The mark of a label, None where it has none beside the delimiter."""
    if len(label) == 1:
        return label
    mark, beside = (label[-1], label[-2]) if suffix else (label[0], label[1])
    return mark if beside == delimiter and len(label) > 2 else None


def _few(labels: Sequence[str]) -> str:
    return ", ".join(label[:40] for label in labels[:4]) + (", …" if len(labels) > 4 else "")


def entities(tags: Sequence[str], scheme: TagScheme | None = None) -> list[Entity]:
    """The entities of one sequence, in the scheme's reading: strict where it is named as one of STRICT.

    A sequence may hold several sentences with an empty tag after each.

    >>> entities(["B-PER", "I-PER", "O", "I-LOC"])
    [('PER', 0, 2), ('LOC', 3, 4)]
    >>> entities(["U-LOC", "U-LOC"], TagScheme("BILOU"))
    [('LOC', 0, 1), ('LOC', 1, 2)]
    """
    scheme = scheme or TagScheme()
    if scheme.name in STRICT:
        return strict_entities(tags, scheme)
    found: list[Entity] = []
    start, kind, before = -1, "", ("O", "")
    for place, tag in enumerate((*tags, "")):
        mark, of = scheme.split(tag)
        now = _LENIENT_MARK.get(mark, mark), of
        if start >= 0 and _ends(before, now):
            found.append((kind, start, place))
            start = -1
        if _begins(before, now):
            start, kind = place, of
        before = now
    return found


def _ends(before: tuple[str, str], now: tuple[str, str]) -> bool:
    return before[0] in "ES" or now[0] in "BSO" or before[1] != now[1]


def _begins(before: tuple[str, str], now: tuple[str, str]) -> bool:
    if now[0] == "O":
        return False
    return now[0] in "BS" or before[0] in "ESO" or before[1] != now[1]


def strict_entities(tags: Sequence[str], scheme: TagScheme | None = None) -> list[Entity]:
    """The entities of one sequence as the scheme writes them (IOB2 by default); what it does not, is none.

    >>> strict_entities(["B-PER", "I-PER", "O", "I-LOC"])
    [('PER', 0, 2)]
    """
    scheme = scheme or TagScheme("IOB2")
    begins, goes_on, ends = (_moves(each) for each in _STRICT[_strict_name(scheme)][1:])
    found, start, before = [], -1, ("O", "")
    for place, tag in enumerate((*tags, "")):
        now = scheme.split(tag)
        move = (before[0], now[0], "=" if before[1] == now[1] else "!")
        if start >= 0 and move not in goes_on:
            if move in ends:
                found.append((before[1], start, place))
            start = -1
        if start < 0 and now[0] != "O" and move in begins:
            start = place
        before = now
    return found


def _strict_name(scheme: TagScheme) -> str:
    """The strict scheme of a family: IOB2 for IOB, IOE2 for IOE."""
    return {"IOB": "IOB2", "IOE": "IOE2", "BMES": "IOBES"}.get(scheme.name, scheme.name)


@cache
def _moves(pattern: str) -> frozenset[tuple[str, str, str]]:
    """Every (mark before, mark now, = or !) of a pattern such as `II! .B*`."""
    marks = "OIBESLU"
    found: set[tuple[str, str, str]] = set()
    for each in pattern.split():
        before, now = (marks if mark == "." else mark for mark in each[:2])
        found.update(product(before, now, "=!" if each[2] == "*" else each[2]))
    return frozenset(found)
