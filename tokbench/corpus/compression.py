"""A file's bytes as they were before compression, a chunk at a time."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import shlex
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from tarfile import TarError
from typing import TYPE_CHECKING, Any, BinaryIO, cast
from zipfile import BadZipFile

from tokbench.errors import DataError, FileError

if TYPE_CHECKING:
    from tokbench.corpus.source import Source

# Bytes read at a time. Of 16 KiB to 1 MiB, 32 KiB was fastest (164 MB of English a CPU second, 88 at 1 MiB),
# since what is made of such a chunk stays in the processor's cache.
CHUNK = 1 << 15
ZST_CHUNK = 256  # zstd can pack 128 KiB into 4 bytes (RFC 8878, RLE block), so this holds at most 8 MiB

Done = Callable[[int], None]  # told how many bytes of the file on disk are read
TESTS = {"gz": "gzip -t", "zst": "zstd -t", "xz": "xz -t", "bz2": "bzip2 -t"}


def unpacked(source: Source, done: Done, size: int = CHUNK) -> Iterator[bytes]:
    """The bytes of a source, unpacked, in chunks of about `size`; damage is a DataError naming the file."""
    position = 0
    with open_bytes(source) as raw:
        chunks = _chunks(source, raw, size)
        while chunk := _next(source, chunks):
            position += len(chunk)
            done(position if source.is_stdin else raw.tell())
            yield chunk


def unpacked_file(source: Source, done: Done) -> io.BufferedReader:
    """The same bytes as a file that is read from its beginning to its end."""
    return io.BufferedReader(_Chunks(unpacked(source, done)), buffer_size=CHUNK)


class _Chunks(io.RawIOBase):
    """Chunks one after the other as a file."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._rest = chunks, memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401  as io has it
        if not self._rest:
            self._rest = memoryview(next(self._chunks, b""))
        taken = min(len(buffer), len(self._rest))
        buffer[:taken], self._rest = self._rest[:taken], self._rest[taken:]
        return taken


def open_bytes(source: Source) -> AbstractContextManager[BinaryIO]:
    """The bytes as they lie on a disk or elsewhere, or standard input, which is left open afterwards."""
    if source.place:
        return source.place.open()
    if source.path is None:
        return nullcontext(sys.stdin.buffer)
    try:
        return source.path.open("rb")
    except OSError as error:
        remedy = f"ls -l {shlex.quote(source.name)}"
        raise FileError(f"cannot open {source.name}: {error.strerror}", fix=remedy) from error


def _chunks(source: Source, raw: BinaryIO, size: int) -> Iterator[bytes]:
    if source.compression == "zst":
        return _zst_chunks(source, raw)
    unpackers: dict[str, Callable[[BinaryIO], object]] = {
        "gz": _gzip,
        "xz": lzma.LZMAFile,
        "bz2": bz2.BZ2File,
    }
    unpacker = unpackers.get(source.compression)
    stream = cast(BinaryIO, unpacker(raw)) if unpacker else raw
    return iter(partial(stream.read, size), b"")


def _gzip(raw: BinaryIO) -> gzip.GzipFile:
    return gzip.GzipFile(fileobj=raw, mode="rb")


def _next(source: Source, chunks: Iterator[bytes]) -> bytes:
    """The next chunk, b"" at the end; the unpackers' errors in words."""
    try:
        return next(chunks, b"")
    except EOFError as error:
        raise DataError(
            f"{source.name} is cut short: its {source.compression or source.format} data ends in the middle",
            fix=_again(source),
        ) from error
    except (zlib.error, lzma.LZMAError, BadZipFile, TarError) as error:
        raise _damaged(source, error) from error
    except OSError as error:
        if error.errno is None:  # so say gzip and bz2 that the data is bad; a disk's error has a number
            raise _damaged(source, error) from error
        again = source.place.again if source.place else "copy the file again"
        raise FileError(f"cannot read {source.name}: {error.strerror}", fix=again) from error


def _zst_chunks(source: Source, raw: BinaryIO) -> Iterator[bytes]:
    """Unpack zstd frame by frame; unlike its stream_reader, a frame that does not end is an EOFError."""
    import zstandard

    ready, size, frame = [], 0, zstandard.ZstdDecompressor().decompressobj()
    ended = False
    while packed := raw.read(ZST_CHUNK):
        while packed:
            if ended:
                frame = zstandard.ZstdDecompressor().decompressobj()
            try:
                ready.append(frame.decompress(packed))
            except zstandard.ZstdError as error:
                raise _damaged(source, error) from error
            size += len(ready[-1])
            packed, ended = frame.unused_data, frame.eof
        if size >= CHUNK:
            yield from _sliced(b"".join(ready))
            ready, size = [], 0
    if not ended:
        raise EOFError
    yield from _sliced(b"".join(ready))


def _sliced(data: bytes) -> Iterator[bytes]:
    return (data[at : at + CHUNK] for at in range(0, len(data), CHUNK))


def _damaged(source: Source, error: Exception) -> DataError:
    return DataError(
        f"{source.name} is not whole {source.compression or source.format} data: "
        f"{str(error).rstrip('.').lower()}",
        fix=_again(source),
    )


def _again(source: Source) -> str:
    if source.place:
        return source.place.again
    return f"get the file again, then try: {TESTS[source.compression]} {shlex.quote(source.name)}"
