"""Chunks of bytes to blocks cut at line ends; only LF ends a line (CRLF is LF, and U+2028 is a character)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokbench.corpus.compression import CHUNK, Done, unpacked
from tokbench.corpus.decoding import Decoding
from tokbench.errors import DataError

if TYPE_CHECKING:
    from tokbench.corpus.source import Source

SIEVED_CHUNK = 1 << 17  # bytes read at a time for a sieve; 64 KiB to 512 KiB were equally fast
RECORD_LIMIT = 1 << 26  # characters in one row or item: it must fit in memory several times over


@dataclass(frozen=True)
class Sieved:
    """A block of whole lines without the blank ones: its UTF-8, and how many are in it and left out of it."""

    utf8: bytes
    texts: int
    blank: int


# Sieves a block of whole lines; None when it holds anything unusual: NUL, CR, a long line, what is no UTF-8.
Sieve = Callable[[bytes], Sieved | None]


@dataclass(frozen=True)
class TextPart:
    """Some texts of a source: those that end in it, and the beginning of one that goes on in the next part.

    When the part before had such a beginning, the first text is its end. `utf8` is the texts, each followed
    by a line feed, when the reader has that at hand; it saves making it again. A part that is `sieved` has
    nothing else.
    """

    texts: list[str]
    unfinished: str = ""
    utf8: bytes = b""
    sieved: Sieved | None = None


def line_blocks(chunks: Iterable[bytes], *, size: int = CHUNK) -> Iterator[bytes]:
    r"""Blocks of whole lines, the last one ended if need be; a line beyond `size` comes in several blocks.

    A block that does not end with a line feed is part of such a line and goes on in the next block; it is cut
    between characters. The blocks joined are the chunks joined, with at most one line feed more at the end.

    >>> list(line_blocks([b"one\ntw", b"o\nthree"]))
    [b'one\n', b'two\n', b'three\n']
    """
    rest, inside = b"", False
    for chunk in chunks:
        cut = chunk.rfind(b"\n") + 1
        if cut:
            yield rest + chunk[:cut]
            rest, inside = chunk[cut:], False
        else:
            rest += chunk
        if len(rest) >= size:
            border = _border(rest)
            yield rest[:border]
            rest, inside = rest[border:], True
    if rest or inside:
        yield rest + b"\n"


def _border(block: bytes) -> int:
    """Where a block may be cut: not within a character's bytes, not between CR and LF."""
    for back, byte in enumerate(reversed(block[-4:]), start=1):
        if byte >= 0xC0:  # the first byte of a character of several bytes
            return len(block) - back
        if byte < 0x80:
            break
    return len(block) - block.endswith(b"\r")


def read_txt(source: Source, done: Done, sieve: Sieve | None = None) -> Iterator[TextPart]:
    """The texts of a plain file: its lines, sieved where there is a sieve and it can."""
    decoding, lines, inside = Decoding(source), 0, False
    size = SIEVED_CHUNK if sieve else CHUNK
    for block in line_blocks(unpacked(source, done, size), size=size):
        begins, inside = not inside, not block.endswith(b"\n")
        whole = begins and not inside and not decoding.is_at_mark(block)
        sieved = sieve(block) if sieve and whole else None
        if sieved:
            decoding.pass_by(block, lines=lines)
            lines = sieved.texts + sieved.blank
            yield TextPart([], sieved=sieved)
            continue
        utf8, text = decoding.block(block, lines=lines)
        texts = text.split("\n")
        unfinished = texts.pop()  # "" when the block ends with a line feed
        lines = len(texts)
        yield TextPart(texts, unfinished, utf8)


def text_blocks(source: Source, done: Done) -> Iterator[str]:
    """A source's text in blocks as `line_blocks` cuts them, decoded and with LF line ends."""
    decoding, lines = Decoding(source), 0
    for block in line_blocks(unpacked(source, done)):
        _, text = decoding.block(block, lines=lines)
        lines = text.count("\n")
        yield text


def whole_blocks(source: Source, done: Done, *, limit: int = RECORD_LIMIT) -> Iterator[str]:
    """Blocks of whole lines only, for formats in which a line is a record; one beyond `limit` is refused."""
    held: list[str] = []
    size = line = 0
    for text in text_blocks(source, done):
        held.append(text)
        size += len(text)
        if text.endswith("\n"):
            yield "".join(held)
            line += sum(part.count("\n") for part in held)
            held, size = [], 0
        elif size > limit:
            raise DataError(
                f"{source.name}, line {line + 1} is longer than {limit:,} characters",
                fix="a record must fit in memory: cut it into several, or put the text into a .txt file",
            )


LIMIT = 1 << 16  # characters in a piece


def split_long_text(text: str, limit: int = LIMIT) -> tuple[list[str], str]:
    """Pieces of at most `limit` characters and a rest, which is no longer either; joined they are the text.

    Where a piece ends does not depend on what follows it, so a text may come in parts: cut(rest + next).

    >>> split_long_text("one two three", 9)
    (['one two'], ' three')
    """
    pieces, start = [], 0
    while len(text) - start > limit:
        end = start + _border_in_text(text[start : start + limit + 1])
        pieces.append(text[start:end])
        start = end
    return pieces, text[start:]


def _border_in_text(window: str) -> int:
    """Where to cut: before the one space in front of the last word, which stays with it as GPT-2 splits.

    A window of a single word or of white space only is cut where it must be.
    """
    words = window.rsplit(maxsplit=1)
    if len(words) == 2:
        return len(window.rstrip()) - len(words[1]) - 1
    return len(window) - 1
