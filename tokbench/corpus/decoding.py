"""Bytes to text: UTF-8 and nothing else, and where it is not, the place, a guess and a remedy."""

from __future__ import annotations

from tokbench.corpus.guesses import encoding_of, not_text, repaired
from tokbench.corpus.sources import Source
from tokbench.errors import DataProblem

MARK = "\ufeff".encode()  # the byte order mark, dropped at the start of a file
CR = ord("\r")


class Decoding:
    """Takes the blocks of one source, one after the other, and knows at which byte and line it is."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._offset = 0  # of the block at hand, in the unpacked file
        self._lines = 0  # that end before the block at hand; what else counts lines may tell
        self._block = b""

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
        self._lines += lines
        self._block = block

    def _not_utf8(self) -> DataProblem:
        at = _first_bad(self._block)
        binary = self._binary()
        if binary:
            return binary
        encoding = encoding_of(self._block, at_start=not self._offset)
        if encoding == "UTF-8":
            what, command = "the text around it is UTF-8, so it is damaged", "iconv -f UTF-8 -t UTF-8 -c"
        else:
            what, command = f"it looks like {encoding}", f"iconv -f {encoding} -t UTF-8"
        return DataProblem(
            f"{self.source.name} is not UTF-8: byte 0x{self._block[at]:02x} at {self._place(at)}; {what}",
            fix=repaired(self.source, command),
        )

    def _nul(self) -> DataProblem:
        binary = self._binary()
        if binary:
            return binary
        encoding = encoding_of(self._block, at_start=not self._offset)
        what, command = "", "tr -d '\\000'"
        if encoding.startswith("UTF-16") or encoding == "UTF-32":
            what, command = f"; it looks like {encoding}", f"iconv -f {encoding} -t UTF-8"
        share = 100 * self._block.count(0) / len(self._block)
        return DataProblem(
            f"{self.source.name} holds NUL bytes ({share:.2g} % of this part), "
            f"the first at {self._place(self._block.index(0))}{what}",
            fix=repaired(self.source, command),
        )

    def _binary(self) -> DataProblem | None:
        """What to say when the file's beginning shows that it is no text at all."""
        known = None if self._offset else not_text(self._block)
        if known is None:
            return None
        what, action = known
        return DataProblem(f"{self.source.name} is not text: it looks like {what}", fix=action)

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
