"""What a file is, told by its first bytes: read as that whatever its suffix says, or refused by its name."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tokbench.corpus.compression import open_bytes
from tokbench.corpus.compression import unpacked as unpacked_chunks
from tokbench.errors import DataError, TokbenchError

if TYPE_CHECKING:
    from tokbench.corpus.source import Source

ALONE = "give it as a file of its own, whatever its suffix"
UNPICKLE = "a pickle runs code when it is read: where you trust it, write its texts into a .jsonl file"
A_TEXT_FILE = "name a text file"
GZIP, BINARY = "gzip data", "binary data"
NOT_IN_TEXT = bytes({*range(9), *range(14, 27), *range(28, 32)})  # ESC is in logs, tab to CR in all texts
MANY = 0.01  # of the bytes
START = 4096  # bytes that are looked at
TAR_MARK = slice(257, 262)  # where a tar archive says "ustar" (POSIX pax, "ustar Interchange Format")


@dataclass(frozen=True)
class Signature:
    """What files begin with these bytes, and what to do with one that cannot be read as it is.

    `format` and `compression` are those of a Source that is read; both are "" for what is no corpus.
    """

    beginning: bytes
    what: str
    way_out: str = ALONE
    format: str = ""
    compression: str = ""


# Sources: RFC 1952, RFC 8878, the xz and bzip2 formats; parquet.apache.org; arrow.apache.org "IPC File
# Format" and "Encapsulated message format"; PKWARE APPNOTE 4.3; pickletools (opcode PROTO); numpy.lib.format.
SIGNATURES = (
    Signature(b"\x1f\x8b", GZIP, compression="gz"),
    Signature(b"\x28\xb5\x2f\xfd", "zstd data", compression="zst"),
    Signature(b"\xfd7zXZ\x00", "xz data", compression="xz"),
    *(Signature(b"BZh%d1AY&SY" % level, "bzip2 data", compression="bz2") for level in range(1, 10)),
    Signature(b"PAR1", "a parquet file", format="parquet"),
    Signature(b"ARROW1\0\0", "an Arrow file", format="arrow"),
    Signature(b"\xff\xff\xff\xff", "a stream of Arrow, as the datasets library keeps", format="arrow"),
    Signature(b"PK\x03\x04", "a zip archive", format="zip"),
    Signature(b"PK\x05\x06", "a zip archive", format="zip"),
    *(Signature(b"\x80" + bytes([protocol]), "a pickle", UNPICKLE) for protocol in range(2, 6)),
    Signature(b"FEA1", "a Feather file of version 1", "write it as parquet where pandas still reads it"),
    Signature(b"%PDF", "a PDF", "take its text out first: pdftotext is a program that does"),
    Signature(b"\x89PNG", "a PNG picture", A_TEXT_FILE),
    Signature(b"\xff\xd8\xff", "a JPEG picture", A_TEXT_FILE),
    Signature(b"\x93NUMPY", "an array of numpy", "name the texts it was made of"),
    Signature(
        b"SQLite format 3", "an SQLite database", "write the texts out of it into a .csv or .jsonl file"
    ),
    Signature(b"\x89HDF\r\n\x1a\n", "an HDF5 file", "write its texts into a .parquet or .jsonl file"),
    Signature(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office file", "save it as .csv or .txt"),
    Signature(b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it and name the files in it"),
    Signature(b"Rar!\x1a\x07", "a RAR archive", "unpack it and name the files in it"),
    Signature(b"GGUF", "a GGUF model", A_TEXT_FILE),
    Signature(b"\x7fELF", "a program", A_TEXT_FILE),
)
TAR = Signature(b"", "a tar archive", format="tar")
SAFETENSORS = Signature(b"", "a safetensors file", A_TEXT_FILE)


def signature_of(start: bytes) -> Signature | None:
    r"""What a file with these first bytes is; None for text, and for what nobody knows.

    >>> signature_of(b"PAR1\x15\x04").what, signature_of(b"PAR1 is a gene")
    ('a parquet file', None)
    """
    found = next((each for each in SIGNATURES if start.startswith(each.beginning)), None)
    if found is None and start[TAR_MARK] == b"ustar":
        found = TAR
    if found is None and start[8:10] == b'{"' and int.from_bytes(start[:8], "little") < 1 << 32:
        found = SAFETENSORS
    return None if found is None or _is_text(start) else found


def _is_text(start: bytes) -> bool:
    """Whether these bytes can begin a text: UTF-8 without control characters, perhaps cut within a letter."""
    if len(start) - len(start.translate(None, NOT_IN_TEXT)):
        return False
    try:
        start.decode()
    except UnicodeDecodeError as error:
        return error.end == len(start) and "end of data" in error.reason and error.start > 0
    return True


def not_text(start: bytes) -> tuple[str, str] | None:
    """What a file with these first bytes is and what to do, when it is no text at all."""
    found = signature_of(start)
    if found:
        return found.what, found.way_out
    controls = len(start) - len(start.translate(None, NOT_IN_TEXT))
    if controls - start.count(0) > MANY * len(start) and not wide_encoding(start):
        return BINARY, A_TEXT_FILE
    return None


def wide_encoding(block: bytes) -> str:
    """UTF-16 or UTF-32, by byte order mark or by where the NUL bytes are; "" when neither."""
    if block.startswith((b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")):
        return "UTF-32"
    if block.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "UTF-16"
    sample = block[:4096]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    units = len(sample) // 2
    # Spaces and digits alone are an eighth of Korean text, and their high bytes are all on one side.
    if max(even, odd) < max(2, units / 8) or 4 * min(even, odd) > max(even, odd):
        return ""
    return "UTF-16LE" if odd > even else "UTF-16BE"


def recognized(source: Source, *, suffix: str) -> Source:
    """The source as its first bytes say that it is; `suffix` is the format by its name, "" for none.

    What differs from the name is noted. DataError for what is no corpus, which is read no further.
    """
    found = signature_of(_start(source))
    if found and found.compression and found.compression != source.compression:
        source.note(f"it is {found.what}, and read as such")
        source = replace(source, compression=found.compression)
    elif found and source.compression and not found.compression:
        source = replace(source, compression="")
    if source.compression:
        found = signature_of(_start(source, unpacked=True))
        if found and (found.compression or found.format == "zip"):
            packed = f"{found.what} inside {source.compression} data"
            raise DataError(f"{source.name} is {packed}", fix="unpack it once, and name what comes out")
    if found is None or found.compression:
        return source
    if not found.format:
        raise DataError(f"{source.name} is not text: it looks like {found.what}", fix=found.way_out)
    if found.format != suffix:
        source.note(f"it is {found.what}, and read as one")
    return replace(source, format=found.format)


def _start(source: Source, *, unpacked: bool = False) -> bytes:
    """The first bytes, as they lie there or unpacked; none where they cannot be read: its reader says why."""
    try:
        if unpacked:
            return next(unpacked_chunks(source, lambda _: None, START), b"")[:START]
        with open_bytes(source) as file:
            return file.read(START)
    except (TokbenchError, OSError, ImportError):
        return b""


def python_line(code: str) -> str:
    r"""A shell's line that runs this Python code, quoted as plainly as it can be.

    >>> python_line("print('a')"), python_line("print('$a')")
    ('python -c "print(\'a\')"', 'python -c \'print(\'"\'"\'$a\'"\'"\')\'')
    """
    return f"python -c {shlex.quote(code)}" if set(code) & set('"$`\\!') else f'python -c "{code}"'
