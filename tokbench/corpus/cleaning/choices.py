"""What shall be done to a corpus: the steps that were asked for, read from words, checked before any work."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from tokbench.errors import UsageError, did_you_mean

UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", re.IGNORECASE)
FORMS = ("nfc", "nfd", "nfkc", "nfkd")  # Unicode Standard Annex 15
DEDUP_UNITS = ("text", "line", "paragraph", "document")
FLAGS = ("html", "lower", "strip", "near", "shuffle")
VALUED = {  # word of --clean that takes a value: an example of one
    "match": "match=[a-z]",
    "not-match": "not-match=^http",
    "min-chars": "min-chars=10",
    "max-chars": "max-chars=2000",
    "sort": "sort=text",
    "seed": "seed=1",
}
OPEN_ENDED = ("match=", "not-match=")  # a pattern may hold commas: it goes on to the end of its word
WORDS = (*FLAGS, *FORMS, "dedup", *VALUED)


def size(words: str) -> int:
    """Bytes written with a unit; K, M, G and T are powers of 1,024.

    >>> size("512MB") == size("0.5GiB") == 1 << 29
    True
    """
    found = SIZE.fullmatch(words.strip())
    if not found:
        raise UsageError(f"{words!r} is no size in bytes", fix="write for example --memory 512MB")
    number, unit = found.groups()
    return int(float(number) * UNITS[unit.upper()])


@dataclass(frozen=True)
class SampleSize:
    """How much is sampled: so many rows, a share of them (0 < share <= 1), or so many bytes of UTF-8."""

    unit: Literal["rows", "share", "bytes"]
    amount: float

    def __str__(self) -> str:
        if self.unit == "share":
            return f"{100 * self.amount:g} %"
        return f"{int(self.amount):,} {self.unit}"


def sample_size(words: str) -> SampleSize:
    """What a sample's size means: 1000 rows, 0.1 or 10% of them, 1GB of text.

    >>> [str(sample_size(words)) for words in ("1000", "10%", "0.1", "1KB")]
    ['1,000 rows', '10 %', '10 %', '1,024 bytes']
    """
    found, share = SIZE.fullmatch(words.strip()), words.strip().removesuffix("%")
    try:
        number = float(share)
    except ValueError:
        number = math.nan
    if words.strip().endswith("%") and 0 < number <= 100:
        return SampleSize("share", number / 100)
    if words.strip().isdecimal() and number:
        return SampleSize("rows", number)
    if "." in words and 0 < number <= 1:
        return SampleSize("share", number)
    if found and math.isnan(number) and size(words):
        return SampleSize("bytes", size(words))
    raise UsageError(
        f"{words!r} is no size of a sample", fix="rows as 100000, a share as 0.1 or 10%, bytes as 1GB"
    )


@dataclass(frozen=True, kw_only=True)
class Cleaning:
    """The steps to take, and with what; one that is not asked for has its empty value.

    unicode: nfc, nfd, nfkc or nfkd. dedup: the unit of which a second one is dropped: text (a line of plain
    text, a row of a table), line, paragraph or document (a plain file, a row). near: near duplicates of that
    unit go, too; text when there is no dedup. weights: name of a source →
    its share of the bytes, in any measure. sample: as `sample_size` reads it. sort: "text" or a column.
    split: name → share, 1 in all. column, keep and rename are the text's column, others that go along, and
    new names. The same choices give the same texts.

    >>> import tokbench as tb
    >>> tb.Cleaning(html=True, dedup="line", sample="10%").record
    {'html': True, 'dedup': 'line', 'sample': '10%'}
    """

    column: str = ""
    keep: tuple[str, ...] = ()
    rename: Mapping[str, str] | None = None
    html: bool = False
    unicode: str = ""
    lower: bool = False
    strip: bool = False
    match: str = ""
    not_match: str = ""
    dedup: str = ""
    near: bool = False
    min_chars: int = 0
    max_chars: int = 0
    weights: Mapping[str, float] | None = None
    sample: str = ""
    sort: str = ""
    shuffle: bool = False
    seed: int = 0
    split: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        _check(self)

    @property
    def record(self) -> dict[str, Any]:
        """The choices that were made, as JSON: `cleaning_from` makes them again."""
        given = {each.name: getattr(self, each.name) for each in fields(self)}
        return {
            name: dict(value)
            if isinstance(value, Mapping)
            else list(value)
            if isinstance(value, tuple)
            else value
            for name, value in given.items()
            if value != Cleaning.__dataclass_fields__[name].default
        }

    @property
    def does_nothing(self) -> bool:
        """Whether the texts stay as they are read."""
        return self == Cleaning(column=self.column)

    @property
    def text_name(self) -> str:
        """What the column of the texts is called in what is written."""
        name = self.column or "text"
        return (self.rename or {}).get(name, name)


def cleaning_from(record: Mapping[str, Any]) -> Cleaning:
    """The choices that `Cleaning.record` has told.

    >>> cleaning_from(parse_cleaning("html,nfc").record) == Cleaning(html=True, unicode="nfc")
    True
    """
    known = {each.name for each in fields(Cleaning)}
    chosen: dict[str, Any] = {key: value for key, value in record.items() if key in known}
    return Cleaning(**chosen | {"keep": tuple(chosen.get("keep", ()))})


def parse_cleaning(
    clean: str | Sequence[str] = (),
    *,
    weights: str | Mapping[str, float] = "",
    sample: str | int | float = "",
    split: str | Mapping[str, float] = "",
    unit: str = "",
    **more: Any,  # noqa: ANN401  other fields of Cleaning; an empty value chooses nothing
) -> Cleaning:
    """The choices in the words of --clean, separated by commas, and in the options beside it.

    >>> parse_cleaning("html,NFC,dedup=line", sample="10%").record
    {'html': True, 'unicode': 'nfc', 'dedup': 'line', 'sample': '10%'}
    """
    chosen = _chosen_words(clean)
    chosen |= {key: value for key, value in more.items() if value}
    chosen |= {"keep": tuple(chosen["keep"])} if chosen.get("keep") else {}
    if unit and not chosen.get("dedup"):
        raise UsageError(
            f"--unit {unit} is the unit of dedup, which is not asked for", fix="add --clean dedup"
        )
    if unit:
        chosen["dedup"] = unit
    if weights:
        chosen["weights"] = parse_weights(weights) if isinstance(weights, str) else dict(weights)
    if sample not in ("", None):
        chosen["sample"] = str(sample)
    if split:
        chosen["split"] = parse_split(split) if isinstance(split, str) else dict(split)
    return Cleaning(**chosen)


def _chosen_words(clean: str | Sequence[str]) -> dict[str, Any]:
    """The fields that the words of --clean set."""
    chosen: dict[str, Any] = {}
    for word in _words(clean):
        for key, value in _meaning(word).items():
            if chosen.get(key, value) != value:
                raise UsageError(f"--clean says {key} twice: {chosen[key]} and {value}", fix="leave out one")
            chosen[key] = value
    return chosen


def _words(clean: str | Sequence[str]) -> list[str]:
    """Each word of --clean; a pattern goes on to the end, with its commas."""
    found: list[str] = []
    for given in [clean] if isinstance(clean, str) else clean:
        rest = given.strip()
        while rest:
            if rest.lower().startswith(OPEN_ENDED):
                word, rest = rest, ""
            else:
                word, _, rest = rest.partition(",")
            found += [word.strip()] if word.strip() else []
            rest = rest.lstrip()
    return found


def _meaning(word: str) -> dict[str, Any]:
    """The field that a word of --clean sets."""
    name, sign, value = word.partition("=")
    name = name.strip().lower().replace("_", "-")
    if name not in WORDS:
        raise UsageError(f"there is no step {name!r} in --clean", fix=did_you_mean(name, WORDS))
    if name in (*FLAGS, *FORMS) and sign:
        raise UsageError(f"{name} in --clean takes no value", fix=f"write {name} alone")
    if name in VALUED and not value:
        raise UsageError(f"{name} in --clean needs a value", fix=f"write for example {VALUED[name]}")
    if name in FORMS:
        return {"unicode": name}
    if name in FLAGS:
        return {name: True}
    if name == "dedup":
        return {"dedup": value or "text"}
    return {name.replace("-", "_"): value if name in ("match", "not-match", "sort") else _number(name, value)}


def _number(name: str, value: str) -> int:
    try:
        return int(value)
    except ValueError as error:
        raise UsageError(f"{name}={value} is no number", fix=f"write for example {name}=10") from error


def parse_weights(words: str) -> dict[str, float]:
    """Sources and the measure of bytes that each shall have: en=3,ko=1 is three bytes to one.

    >>> parse_weights("en=3,ko=1"), parse_weights("en=75%,ko=25%"), parse_weights("3,1")
    ({'en': 3.0, 'ko': 1.0}, {'en': 75.0, 'ko': 25.0}, {'1': 3.0, '2': 1.0})
    """
    found: dict[str, float] = {}
    percent = [word.strip().endswith("%") for word in words.split(",")]
    for at, word in enumerate(words.split(","), 1):
        name, sign, value = word.rpartition("=")
        name = name.strip() if sign else str(at)
        if name in found:
            raise UsageError(f"--weights names {name} twice", fix="give each source one weight")
        found[name] = _positive("--weights", word, value.strip().removesuffix("%"))
    if any(percent) and (not all(percent) or abs(sum(found.values()) - 100) > 1e-6):
        mixed = (
            "some are per cent and some are not"
            if not all(percent)
            else f"they sum to {sum(found.values()):g} %"
        )
        raise UsageError(
            f"--weights {words}: {mixed}",
            fix="let all sum to 100 %, or leave out the signs: 3,1 is 75 % to 25 %",
        )
    return found


def parse_split(words: str) -> dict[str, float]:
    """Names of files and the share of the texts that each shall have; they sum to 1, or to 100 %.

    >>> parse_split("train=.9,test=.1"), parse_split("train=90%,test=10%")
    ({'train': 0.9, 'test': 0.1}, {'train': 0.9, 'test': 0.1})
    """
    found: dict[str, float] = {}
    for word in words.split(","):
        name, sign, value = (part.strip() for part in word.partition("="))
        if not (name and sign):
            raise UsageError(
                f"{word!r} in --split is not of the form name=share", fix="--split train=.9,test=.1"
            )
        if name in found:
            raise UsageError(f"--split names {name} twice", fix="--split train=.9,test=.1")
        share = _positive("--split", word, value.removesuffix("%"))
        found[name] = share / 100 if value.endswith("%") else share
    return found


def _positive(option: str, word: str, value: str) -> float:
    try:
        number = float(value)
    except ValueError as error:
        raise UsageError(
            f"{word!r} in {option} holds no number", fix=f"write for example {option} a=3,b=1"
        ) from error
    if not 0 < number < math.inf:
        raise UsageError(f"{word!r} in {option} is not above zero", fix="leave that one out")
    return number


def _check(choices: Cleaning) -> None:
    """UsageError for values that mean nothing, or that forbid each other."""
    _one_of("a Unicode form", choices.unicode, FORMS)
    _one_of("a unit of dedup", choices.dedup, DEDUP_UNITS)
    _check_pattern("match", choices.match)
    _check_pattern("not-match", choices.not_match)
    if min(choices.min_chars, choices.max_chars, choices.seed) < 0:
        raise UsageError(
            "min-chars, max-chars and the seed are not below zero", fix="leave out the one that is"
        )
    if choices.max_chars and choices.max_chars < choices.min_chars:
        raise UsageError(
            f"no text has at least {choices.min_chars:,} and at most {choices.max_chars:,} characters",
            fix="min-chars is the smaller of the two",
        )
    if choices.shuffle and choices.sort:
        raise UsageError("give either --sort or --shuffle, not both", fix="leave out --shuffle")
    if choices.sample:
        sample_size(choices.sample)
    total = sum((choices.split or {"all": 1.0}).values())
    if abs(total - 1) > 1e-6:
        raise UsageError(
            f"the shares of --split sum to {total:g}, not to 1",
            fix="--split train=.9,test=.1 is 90 % and 10 %",
        )


def _check_pattern(name: str, pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise UsageError(
            f"{name} {pattern!r} is no regular expression: {error}",
            fix=f"to find it letter by letter: {re.escape(pattern)}",
        ) from error


def _one_of(what: str, value: str, known: Sequence[str]) -> None:
    if value and value not in known:
        raise UsageError(f"{value!r} is not {what}", fix=did_you_mean(value, known))
