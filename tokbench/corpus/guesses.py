"""What bytes that are not UTF-8 text may be instead, and the command that makes them so."""

from __future__ import annotations

import shlex
from pathlib import Path

from tokbench.corpus.sources import Source

UNPACK = {"gz": "gzip -dc", "zst": "zstd -dc", "xz": "xz -dc", "bz2": "bzip2 -dc"}

# First bytes → what the file is → what to do with it.
BEGINNINGS = (
    (b"\x1f\x8b", "gzip data", "give it the suffix .gz"),
    (b"\x28\xb5\x2f\xfd", "zstd data", "give it the suffix .zst"),
    (b"\xfd7zXZ\x00", "xz data", "give it the suffix .xz"),
    (b"BZh", "bzip2 data", "give it the suffix .bz2"),
    (b"PAR1", "a parquet file", "give it the suffix .parquet"),
    (b"PK\x03\x04", "a zip archive", "unpack it and name the files in it"),
    (b"%PDF", "a PDF", "take its text out first"),
    (b"\x89PNG", "a PNG picture", "name a text file"),
    (b"\xff\xd8\xff", "a JPEG picture", "name a text file"),
)
TAR_MARK = slice(257, 262)  # where a tar archive says "ustar" (POSIX pax, "ustar Interchange Format")


def not_text(start: bytes) -> tuple[str, str] | None:
    """What a file with these first bytes is and what to do, when it is no text at all."""
    for beginning, what, action in BEGINNINGS:
        if start.startswith(beginning):
            return what, action
    if start[TAR_MARK] == b"ustar":
        return "a tar archive", "unpack it and name the files in it"
    return None


def encoding_of(block: bytes, *, at_start: bool) -> str:
    """The likeliest encoding of bytes that are not UTF-8 text, by its iconv name.

    >>> encoding_of("café".encode("latin-1"), at_start=True)
    'ISO-8859-1'
    >>> encoding_of("안녕하세요".encode("cp949"), at_start=True)
    'CP949'
    """
    wide = _wide(block) if at_start else ""
    if wide:
        return wide
    if _mostly_utf8(block):
        return "UTF-8"
    if _is_hangul(block):
        return "CP949"
    # 0x80–0x9f are control characters in Latin-1 and quotes, dashes and the euro sign in Windows' superset.
    return "CP1252" if any(0x80 <= byte < 0xA0 for byte in block) else "ISO-8859-1"


def _wide(block: bytes) -> str:
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


def repaired(source: Source, command: str) -> str:
    """The shell command that sends a source through `command` into a new file beside it.

    >>> repaired(Source("in.txt", Path("in.txt"), "txt", "", 1), "iconv -f UTF-16 -t UTF-8")
    'iconv -f UTF-16 -t UTF-8 < in.txt > in.utf8.txt'
    """
    if source.path is None:
        return f"put it before tokbench: … | {command} | tokbench … -"
    name = shlex.quote(source.name)
    plain = Path(source.name).with_suffix("") if source.compression else Path(source.name)
    out = shlex.quote(str(plain.with_suffix(f".utf8{plain.suffix}")))
    if source.compression:
        return f"{UNPACK[source.compression]} {name} | {command} > {out}"
    return f"{command} < {name} > {out}"
