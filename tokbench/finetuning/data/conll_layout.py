"""Which column of a CoNLL file holds the word and which its tag: numbered, tag first, CoNLL-U, GermEval.

Most files have the word first and the tag last. Where words are numbered (1, 2, … in each sentence) the word
is second, and lines with # are comments. CoNLL-U has ten columns, its tag the universal one; GermEval 2014
has the outer entities before those inside them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from tokbench.errors import DataError, UsageError, plural
from tokbench.finetuning.tag_scheme import PLAIN, find_scheme

SPACES = re.compile(" +")
NUMBERED = re.compile(r"\d+(?:[-.]\d+)?", re.ASCII)
CONLLU_FIELDS, GERMEVAL_FIELDS = 10, 4
UPOS, XPOS = 3, 4
LOOKED_AT = 20_000  # lines by which columns are told apart
MOST_TAGS = 1_000
FEW = 20  # words by which nothing can be told
LAST = -1
HEADS = (("word", "words", "token", "tokens", "form", "char"),
         ("tag", "tags", "label", "labels", "ner", "ner_tag", "ner_tags", "ne_tag", "pos",
          "upos"))  # fmt: skip

Fields = list[str]


@dataclass(frozen=True)
class Layout:
    """The places of word and tag among a line's fields, from 0; LAST is the last one, whichever that is.

    Where words are `numbered`, lines with # are comments, and numbers such as 1-2 and 1.1 no words of their
    own. `header` is a first line that names the columns. `why` says what was found, and what changes it.
    """

    word: int = 0
    tag: int = LAST
    width: int = 2
    numbered: bool = False
    header: bool = False
    why: str = ""

    @property
    def columns(self) -> dict[str, str]:
        """The columns as people count them."""
        return {"text": str(self.word + 1), "tags": str(self.width if self.tag == LAST else self.tag + 1)}


def fields_of(line: str) -> Fields:
    """The fields of a line, between tabs where it has some, else between spaces."""
    return line.split("\t") if "\t" in line else SPACES.split(line.strip(" "))


def is_comment(line: str) -> bool:
    """Whether a line is a note in any file: KLUE's begin with two marks, CoNLL-2003's name a document."""
    return line.startswith(("## ", "-DOCSTART-"))


def find_layout(
    lines: Sequence[str], name: str, *, word: int | None = None, tag: int | None = None, hidden: bool = False
) -> Layout:
    """The layout of a file's lines; `word` and `tag` are columns that were named, counted from 1.

    With `hidden` tags may be missing, and are not looked for. UsageError where two readings fit.
    """
    rows = [
        fields_of(line)
        for line in islice(lines, LOOKED_AT)
        if line.strip() and not is_comment(line) and not line.startswith("#")
    ]
    width = max(map(len, rows), default=2)
    for option, column in (("--text-column", word), ("--label-column", tag)):
        if column is not None and not 1 <= column <= max(width, 1):
            usual = 1 if option == "--text-column" else width
            raise UsageError(
                f"{name} has {plural(width, 'column')}, and no column {column}", fix=f"{option} {usual}"
            )
    if word is not None and word == tag:
        raise UsageError(
            f"column {word} cannot hold both the words and their tags",
            fix=f"--text-column 1 --label-column {max(width, 2)}",
        )
    named = word is not None or tag is not None
    numbered = _numbered(lines, least=2 if hidden else 3)
    heads = None if named else _heads(rows)
    if heads is not None:
        why = "" if heads == (0, width - 1) else "the first line names the columns of words and tags"
        return Layout(*heads, width, numbered, header=True, why=why)
    found = _found(rows, name, numbered=numbered, hidden=hidden, chosen=tag is not None)
    place = found.tag if tag is None else tag - 1
    at = found.word if word is None else word - 1
    if at == place and word is None:
        at = 1 - min(place, 1)
    if at == place and tag is None:
        place = LAST
    return Layout(at, place, width, numbered, why="" if named else found.why)


def _numbered(lines: Sequence[str], *, least: int) -> bool:
    """Whether the first field of every line counts the words of its sentence."""
    expected, seen = 0, 0
    for line in islice(lines, LOOKED_AT):
        fields = fields_of(line)
        if not line.strip():
            expected = 0
        elif not (line.startswith("#") and not NUMBERED.fullmatch(fields[0])):
            if len(fields) < least or not NUMBERED.fullmatch(fields[0]):
                return False
            if fields[0].isdecimal():
                if expected and int(fields[0]) != expected:
                    return False
                expected = int(fields[0]) + 1
                seen += 1
    return seen > 1


def _found(rows: Sequence[Fields], name: str, *, numbered: bool, hidden: bool, chosen: bool) -> Layout:
    """Word and tag where nobody has named them."""
    width = max(map(len, rows), default=2)
    if numbered:
        return _of_numbered(rows, name, width, told=hidden or chosen)
    if hidden or chosen or width < 2:
        return Layout()
    return _of_words(rows, name, width)


def _of_numbered(rows: Sequence[Fields], name: str, width: int, *, told: bool) -> Layout:
    changes = "--text-column and --label-column name others"
    if width == CONLLU_FIELDS:
        tag = UPOS if any(len(row) > UPOS and row[UPOS] != "_" for row in rows) else XPOS
        which = "the universal tags" if tag == UPOS else "the language's own tags"
        why = f"CoNLL-U: words in column 2, {which} in column {tag + 1}, ranges and empty nodes left out"
        return Layout(1, tag, why=f"{why}; {changes}")
    if width == GERMEVAL_FIELDS and _marked(rows, 2) and (_marked(rows, 3) or _empty(rows, 3)):
        why = "numbered words: the words in column 2, outer entities in column 3"
        return Layout(1, 2, why=f"{why} (--label-column 4 takes the inner ones)")
    between = [] if told or _marked(rows, LAST) else [at for at in range(2, width - 1) if _marked(rows, at)]
    if between:
        raise _either(name, between[0] + 1, width)
    return Layout(1, LAST, why=f"numbered words: the words in column 2, tags in the last; {changes}")


def _of_words(rows: Sequence[Fields], name: str, width: int) -> Layout:
    """Which of the first and the last column holds the tags, where words are not numbered."""
    if _marked(rows, LAST):
        return Layout()
    first, last = ({row[at] for row in rows} for at in (0, LAST))
    if width == 2 and len(first) < len(last) and (_marked(rows, 0) or _with_outside(first, last)):
        return Layout(1, 0, why="tags in column 1, the words after them; --text-column 1 turns it round")
    between = [at for at in range(1, width - 1) if _marked(rows, at)]
    if between or (len(first) < len(last) and len(rows) >= FEW):
        raise _either(name, between[0] + 1 if between else 1, width)
    return Layout()


def _either(name: str, one: int, other: int) -> UsageError:
    """Two columns may hold the tags; where it is the first, words are after it."""
    words = " --text-column 2" if one == 1 else ""
    return UsageError(
        f"{name}: the tags may be in column {one} or in column {other}: which is it?",
        fix=f"--label-column {one}{words}, or --label-column {other}",
    )


def _empty(rows: Sequence[Fields], at: int) -> bool:
    """Whether a column says of every word that it is in no entity."""
    return {row[at].strip() for row in rows if len(row) > at} <= {"O"}


def _marked(rows: Sequence[Fields], at: int) -> bool:
    """Whether a column's values are marks of entities and their types, as B-PER is."""
    values = {row[at].strip() for row in rows if len(row) > max(at, 0)}
    if len(values) > MOST_TAGS:
        return False
    try:
        scheme = find_scheme(values)
    except DataError:  # some of them are
        return at != 0
    return scheme is not None and scheme.name != PLAIN and len(values) > 1


def _with_outside(first: Iterable[str], last: Iterable[str]) -> bool:
    """Whether the first of two columns has a label outside of entities, and the last has none."""
    try:
        return find_scheme(first) is not None and find_scheme(last) is None
    except DataError:
        return False


def _heads(rows: Sequence[Fields]) -> tuple[int, int] | None:
    """Where words and tags stand, as a first line says that names the columns; None where there is none."""
    names = [field.strip().casefold() for field in rows[0]] if rows else []
    words = [at for at, name in enumerate(names) if name in HEADS[0]]
    tags = [at for at, name in enumerate(names) if name in HEADS[1]]
    if len(words) != 1 or not tags:
        return None
    tag = tags[-1]
    once = sum(len(row) > tag and row[tag] == rows[0][tag] for row in rows) == 1
    return (words[0], tag) if once else None


def words_of(lines: Iterable[str], layout: Layout) -> Iterator[tuple[int, str, Fields | None]]:
    """Number, line and fields of every line that counts; no fields (None) where a sentence ends."""
    header = layout.header
    starts, known = True, _known_tags(lines, layout) if not layout.numbered else frozenset()
    for number, line in enumerate(lines, 1):
        fields = fields_of(line)
        if is_comment(line) or _comments(line, fields, layout, known, starts=starts):
            continue
        if _ends(line):
            starts = True
            yield number, line, None
            continue
        starts = False
        if header and _names_tags(fields, layout):
            pass
        elif not (layout.numbered and not fields[0].isdecimal()):
            yield number, line, fields
        header = False


def _names_tags(fields: Fields, layout: Layout) -> bool:
    """Whether a first line names the column of the tags, as that of the train file does."""
    return len(fields) > max(layout.tag, 0) and fields[layout.tag].strip().casefold() in HEADS[1]


def _ends(line: str) -> bool:
    """Whether a sentence ends at this line: an empty one, or one of tabs or spaces alone."""
    return not line.replace("\t", "") or (not line.strip() and line.strip(" ") == line.strip(" \t"))


def _comments(line: str, fields: Fields, layout: Layout, known: frozenset[str], *, starts: bool) -> bool:
    """Whether a line with # is a comment: among numbers always, else before a sentence if no tag ends it."""
    if not line.startswith("#"):
        return False
    if layout.numbered:
        return not NUMBERED.fullmatch(fields[0])
    return starts and line.startswith("# ") and bool(known) and fields[-1] not in known


def _known_tags(lines: Iterable[str], layout: Layout) -> frozenset[str]:
    """The tags of the lines that begin with no #."""
    rows = (fields_of(line) for line in lines if line.strip() and not line.startswith("#"))
    return frozenset(row[layout.tag] for row in rows if len(row) > max(layout.tag, 1))
