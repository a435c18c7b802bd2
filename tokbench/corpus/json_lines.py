"""JSON and JSON lines: items that are strings, or objects of which one key holds the text.

A .jsonl file has an item a line. A .json file has one array of items, or items one after the other. Both are
decoded item by item while the file is read, so what must fit in memory is one item (RECORD_LIMIT characters).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from tokbench.corpus.lines import RECORD_LIMIT, text_blocks, whole_blocks
from tokbench.corpus.tables import as_text, choose_column
from tokbench.errors import DataError

if TYPE_CHECKING:
    from tokbench.corpus.compression import Done
    from tokbench.corpus.source import Source

SPACE = re.compile(r"[ \t\n\r]*")
NEAR_END = 16  # an error this near to the end of what is read may only mean that the rest is missing
DECODE = json.JSONDecoder().raw_decode
Item = tuple[str, object]  # where it is, and the value


def read_jsonl(source: Source, column: str | None, done: Done) -> Iterator[str]:
    """The texts of a file with one JSON string or object a line."""
    return _texts(line_items(source, done), source, column)


def read_json(source: Source, column: str | None, done: Done) -> Iterator[str]:
    """The texts of a file with an array of JSON strings or objects, or with several of them in a row."""
    return _texts(array_items(source, done), source, column)


def _texts(items: Iterator[Item], source: Source, column: str | None) -> Iterator[str]:
    """Strings as they are; of an object the column, which the first object decides when none is named."""
    chosen: str | None = None
    for place, item in items:
        if isinstance(item, dict):
            if chosen is None:
                chosen = choose_column(list(item), column, source, partial(list, item.values()))
            if chosen not in item:
                raise DataError(f"{source.name}, {place} has no {chosen!r}", fix="give every object that key")
            yield as_text(item[chosen], source, place)
        elif column is None or item is None:
            yield as_text(item, source, place)
        else:
            raise DataError(
                f"{source.name}, {place} is no object with a column {column!r}", fix="leave out --column"
            )


def array_items(source: Source, done: Done) -> Iterator[Item]:
    """Every item of a .json file, with its place."""
    return _items(_Window(source, text_blocks(source, done)))


def line_items(source: Source, done: Done) -> Iterator[Item]:
    """Every item of a .jsonl file, with its place; None for an empty line."""
    number = 0
    for block in whole_blocks(source, done):
        for line in block[:-1].split("\n"):
            number += 1
            try:
                item = _line_item(line.strip(" \t\r"))
            except (ValueError, RecursionError) as error:
                raise _not_json(source, f"line {number}", error) from error
            yield f"line {number}", item


def _line_item(line: str) -> object:
    """What json.loads gives, in a third of its time; None for an empty line."""
    if not line:
        return None
    item, end = DECODE(line)
    if end < len(line):
        raise json.JSONDecodeError("more after the item", line, end)
    return item


class _Window:
    """The part of a JSON text that is in memory, and how far it is read."""

    def __init__(self, source: Source, blocks: Iterator[str]) -> None:
        self.source, self._blocks = source, blocks
        self._text, self._at = "", 0
        self.line = 1

    def peek(self) -> str:
        """The next character that is not white space, "" at the end."""
        while True:
            blank = SPACE.match(self._text, self._at)
            self._advance(blank.end() if blank else self._at)
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._grow():
                return ""

    def skip(self) -> None:
        """Pass over the character that was peeked at."""
        self._advance(self._at + 1)

    def value(self) -> object:
        """The value that begins here, after reading on as far as it goes."""
        while True:
            try:
                value, end = DECODE(self._text, self._at)
            except json.JSONDecodeError as error:
                cut = error.msg.startswith("Unterminated") or error.pos > len(self._text) - NEAR_END
                if not (cut and self._grow()):
                    raise self.wrong(error) from error
            except (ValueError, RecursionError) as error:
                raise self.wrong(error) from error
            else:
                if len(self._text) - end < 3 and self._grow():
                    continue  # a number may go on, by .5 or e+7
                self._advance(end)
                return value

    def wrong(self, error: Exception | str) -> DataError:
        """The text does not go on here as JSON does."""
        return _not_json(self.source, f"the item that begins in line {self.line}", error)

    def _advance(self, end: int) -> None:
        self.line += self._text.count("\n", self._at, end)
        self._at = end

    def _grow(self) -> bool:
        """Read on until the unread part has doubled, so that long items are not decoded too often."""
        unread = self._text[self._at :]
        if len(unread) > RECORD_LIMIT:
            raise self.wrong(f"it has more than {RECORD_LIMIT:,} characters")
        held, size = [unread], len(unread)
        for block in self._blocks:
            held.append(block)
            size += len(block)
            if size >= 2 * len(unread):
                break
        if len(held) == 1:
            return False
        self._text, self._at = "".join(held), 0
        return True


def _items(window: _Window) -> Iterator[Item]:
    """The items of an array, or those that follow one another."""
    number = 0
    array = window.peek() == "["
    if array:
        window.skip()
    following = bool(window.peek()) and not (array and window.peek() == "]")
    while following:
        number += 1
        place = f"line {window.line} (item {number})"
        yield place, window.value()
        mark = window.peek()
        following = mark == "," if array else bool(mark)
        if array and following:
            window.skip()
            window.peek()
    if array:
        _close(window)


def _close(window: _Window) -> None:
    """The end of an array, and nothing after it."""
    if window.peek() != "]":
        raise window.wrong("the array is not closed by ]" if not window.peek() else "a comma or ] is missing")
    window.skip()
    if window.peek():
        raise window.wrong("there is more after the array")


def _not_json(source: Source, place: str, error: Exception | str) -> DataError:
    if isinstance(error, RecursionError):
        error = "it is nested too deeply"
    why = error.msg if isinstance(error, json.JSONDecodeError) else error
    other = "a .jsonl file has one JSON string or object a line" if source.format == "jsonl" else ""
    array = "a .json file has one array of strings or objects" if source.format == "json" else ""
    return DataError(f"{source.name}, {place} is not JSON: {why}", fix=other or array)
