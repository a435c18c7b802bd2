"""Bytes to text: UTF-8 and nothing else, and where it is not, the place, a guess and a remedy."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from tokbench.corpus.signatures import not_text, wide_encoding
from tokbench.errors import DataError

if TYPE_CHECKING:
    from tokbench.corpus.source import Source

UNPACK = {"gz": "gzip -dc", "zst": "zstd -dc", "xz": "xz -dc", "bz2": "bzip2 -dc"}


def encoding_of(block: bytes, *, at_start: bool) -> str:
    """The likeliest encoding of bytes that are not UTF-8 text, by its iconv name.

    >>> encoding_of("café".encode("latin-1"), at_start=True)
    'ISO-8859-1'
    >>> encoding_of("안녕하세요".encode("cp949"), at_start=True)
    'CP949'
    """
    wide = wide_encoding(block) if at_start else ""
    if wide:
        return wide
    if _mostly_utf8(block):
        return "UTF-8"
    if _is_hangul(block):
        return "CP949"
    # 0x80–0x9f are control characters in Latin-1 and quotes, dashes and the euro sign in Windows' superset.
    return "CP1252" if any(0x80 <= byte < 0xA0 for byte in block) else "ISO-8859-1"


def _mostly_utf8(block: bytes) -> bool:
    """Whether the damage is a few bytes in text that is UTF-8 otherwise."""
    text = block.decode("utf-8", "replace")
    beyond_ascii = sum(not character.isascii() for character in text)
    return beyond_ascii > 4 * text.count("\ufffd")


def _is_hangul(block: bytes) -> bool:
    try:
        text = block.decode("cp949")
    except UnicodeDecodeError:
        return False
    beyond_ascii = [character for character in text if not character.isascii()]
    return 2 * sum("가" <= character <= "힣" for character in beyond_ascii) > len(beyond_ascii)


def half_character(error: UnicodeEncodeError) -> DataError:
    """What to say of a text that cannot be encoded: it holds one half of a surrogate pair."""
    near = error.object[max(0, error.start - 20) : error.end + 20]
    return DataError(
        f"a text holds half a character (a lone surrogate) near {near!r}",
        fix="write the corpus anew as UTF-8; in JSON, \\ud83d needs its second half",
    )


def repaired(source: Source, command: str) -> str:
    """The shell command that sends a source through `command` into a new file beside it.

    >>> from tokbench.corpus.source import Source
    >>> repaired(Source("in.txt", Path("in.txt"), "txt", "", 1), "iconv -f UTF-16 -t UTF-8")
    'iconv -f UTF-16 -t UTF-8 < in.txt > in.utf8.txt'
    """
    if source.is_stdin:
        return f"put it before tokbench: … | {command} | tokbench … -"
    if source.place:
        out = shlex.quote(Path(source.name).with_suffix(".utf8.txt").name)
        unpack = f" | {UNPACK[source.compression]}" if source.compression else ""
        return f"{source.place.cat}{unpack} | {command} > {out}"
    name = shlex.quote(source.name)
    plain = Path(source.name).with_suffix("") if source.compression else Path(source.name)
    out = shlex.quote(str(plain.with_suffix(f".utf8{plain.suffix}")))
    if source.compression:
        return f"{UNPACK[source.compression]} {name} | {command} > {out}"
    return f"{command} < {name} > {out}"


MARK = "\ufeff".encode()  # the byte order mark, dropped at the start of a file
CR = ord("\r")


class Decoding:
    """Takes the blocks of one source, one after the other, and knows at which byte and line it is."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._offset = 0  # of the block at hand, in the unpacked file
        self._lines = 0  # that end before the block at hand; what else counts lines may tell
        self._block = b""
        self._has_letters = False  # beyond ASCII, in the blocks before

    def block(self, block: bytes, *, lines: int) -> tuple[bytes, str]:
        """The block as UTF-8 and as text: byte order mark dropped, CRLF made LF, NUL and other bytes refused.

        `lines` is the number of lines that end in the block before; the caller splits, so it knows.
        """
        self.pass_by(block, lines=lines)
        if 0 in block:
            raise self._nul()
        data = block[len(MARK) :] if not self._offset and block.startswith(MARK) else block
        if CR in data:
            data = data.replace(b"\r\n", b"\n")
        try:
            return data, data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise self._not_utf8() from error

    def is_at_mark(self, block: bytes) -> bool:
        """Whether this block, the next one, begins with a byte order mark to be dropped."""
        return not self._block and block.startswith(MARK)

    def pass_by(self, block: bytes, *, lines: int) -> None:
        """Take a block as it is, because somebody else has read it; `lines` as for `block`."""
        self._offset += len(self._block)
        self._has_letters = self._has_letters or not self._block.isascii()
        self._lines += lines
        self._block = block

    def _not_utf8(self) -> DataError:
        at = _first_bad(self._block)
        binary = self._binary()
        if binary:
            return binary
        encoding = encoding_of(self._block, at_start=not self._offset)
        begun = self._is_begun(at)
        if begun and self._is_cut(at):
            what, command = "the file is cut inside its last character", f"head -c {self._offset + at}"
        elif begun or encoding == "UTF-8":
            what, command = "the text around it is UTF-8, so it is damaged", "iconv -f UTF-8 -t UTF-8 -c"
        else:
            what, command = f"it looks like {encoding}", f"iconv -f {encoding} -t UTF-8"
        return DataError(
            f"{self.source.name} is not UTF-8: byte 0x{self._block[at]:02x} at {self._place(at)}; {what}",
            fix=repaired(self.source, command),
        )

    def _is_begun(self, at: int) -> bool:
        """Whether the first bytes of a character, and no more, end the block, after other such."""
        rest = self._block[at:].removesuffix(b"\n")  # which is put to a last line that has none
        try:
            rest.decode("utf-8")
        except UnicodeDecodeError as error:
            others = self._has_letters or not self._block[:at].isascii()
            return others and error.start == 0 and error.end == len(rest) and "end of data" in error.reason
        return False

    def _is_cut(self, at: int) -> bool:
        """Whether the file ends after these first bytes; of a compressed one and of stdin nobody knows."""
        if self.source.path is None or self.source.compression:
            return False
        rest = self._block[at:]
        return self.source.path.stat().st_size == self._offset + at + len(rest) - rest.endswith(b"\n")

    def _nul(self) -> DataError:
        binary = self._binary()
        if binary:
            return binary
        encoding = encoding_of(self._block, at_start=not self._offset)
        what, command = "", "tr -d '\\000'"
        if encoding.startswith("UTF-16") or encoding == "UTF-32":
            what, command = f"; it looks like {encoding}", f"iconv -f {encoding} -t UTF-8"
        share = 100 * self._block.count(0) / len(self._block)
        return DataError(
            f"{self.source.name} holds NUL bytes ({share:.2g} % of this part), "
            f"the first at {self._place(self._block.index(0))}{what}",
            fix=repaired(self.source, command),
        )

    def _binary(self) -> DataError | None:
        """What to say when the file's beginning shows that it is no text at all."""
        known = None if self._offset else not_text(self._block)
        if known is None:
            return None
        what, action = known
        return DataError(f"{self.source.name} is not text: it looks like {what}", fix=action)

    def _place(self, at: int) -> str:
        line = self._lines + self._block.count(b"\n", 0, at) + 1
        return f"byte offset {self._offset + at} (line {line})"


def _first_bad(block: bytes) -> int:
    """Where the first byte is that is not UTF-8."""
    try:
        block.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start
    return len(block)
