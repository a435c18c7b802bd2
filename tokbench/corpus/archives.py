"""Zip and tar archives as one corpus: member after member in one pass, nothing unpacked to the disk.

Members with a corpus's suffix are read, of a zip sorted by name and of a tar, which is a stream, as they
stand there; hidden ones and links are passed over, and so are archives inside.
"""

from __future__ import annotations

import shlex
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import PurePosixPath
from typing import BinaryIO, cast

from tokbench.corpus.compression import Done, open_bytes, unpacked_file
from tokbench.corpus.signatures import python_line
from tokbench.corpus.source import FORMATS, Elsewhere, Source, format_of_name
from tokbench.errors import DataError, FileError, plural

TAR_BLOCK = 1 << 17  # bytes that are read at a time; tarfile's own 10 KiB are slower by half
ENCRYPTED = 1  # of a zip member's flags (APPNOTE 4.4.4)
DAMAGE = (zipfile.BadZipFile, tarfile.TarError, NotImplementedError, EOFError)
TO_CSV = "import pandas; pandas.read_excel({name!r}).to_csv({out!r}, index=False)"
# What zip archives are that hold no corpus: a name inside begins so, or ends so.
OFFICE = {
    "word/": "a Word document",
    "ppt/": "a PowerPoint document",
    "META-INF/": "a Java archive or a book",
}
OTHERS = {".npy": "an .npz file of numpy", "data.pkl": "a checkpoint of PyTorch, which holds a pickle"}


def members(source: Source, done: Done) -> Iterator[Source]:
    """Each member that is read, to be read to its end before the next one is asked for.

    DataError for an archive that is damaged or encrypted, or that holds nothing to read.
    """
    walk = _zip_members if source.format == "zip" else _tar_members
    found = others = 0
    for member in walk(source, done):
        if member is None:
            others += 1
        else:
            found += 1
            yield member
    if not found:
        raise FileError(
            f"{source.name} holds no file to read ({' '.join(FORMATS)})", fix="unpack it and name the files"
        )
    if others:
        source.note(f"{plural(others, 'file')} in it with other suffixes passed over")


def _zip_members(source: Source, done: Done) -> Iterator[Source | None]:
    with open_bytes(source) as raw:
        try:
            archive = zipfile.ZipFile(raw)
        except (*DAMAGE, ValueError, OSError) as error:
            raise _damaged(source, error) from error
        _refuse_documents(source, archive.namelist())
        passed = 0
        for info in sorted(archive.infolist(), key=lambda each: each.filename):
            if not info.is_dir() and not _is_hidden(info.filename):
                opened = partial(_opened_zip, source, archive, info)
                yield _member(source, info.filename, info.file_size, opened, f"unzip -p {_quoted(source)}")
            passed += info.compress_size
            done(min(passed, source.size))


def _opened_zip(
    source: Source, archive: zipfile.ZipFile, info: zipfile.ZipInfo
) -> AbstractContextManager[BinaryIO]:
    if info.flag_bits & ENCRYPTED:
        raise DataError(
            f"{source.name} is encrypted ({info.filename})",
            fix=f"unpack it with its password (unzip {_quoted(source)} -d FOLDER), and name the folder",
        )
    try:
        return cast(AbstractContextManager[BinaryIO], archive.open(info))
    except (*DAMAGE, OSError) as error:
        raise _damaged(source, error) from error


def _refuse_documents(source: Source, names: list[str]) -> None:
    """DataError for what is a zip archive and something else first."""
    what = next((OFFICE[each] for each in OFFICE if any(name.startswith(each) for name in names)), "")
    what = what or next((OTHERS[each] for each in OTHERS if any(name.endswith(each) for name in names)), "")
    if any(name.startswith("xl/") for name in names):
        name = source.name
        out = str(PurePosixPath(name).with_suffix(".csv"))
        raise DataError(
            f"{name} is a spreadsheet of Excel, which has no one text a row",
            fix=f"export it as CSV, or with pandas: {python_line(TO_CSV.format(name=name, out=out))}",
        )
    if what and not any(
        format_of_name(name)[0] in FORMATS.values() and not _is_hidden(name) for name in names
    ):
        raise DataError(f"{source.name} is {what}, and no corpus", fix="write its texts into a .txt file")


def _tar_members(source: Source, done: Done) -> Iterator[Source | None]:
    with unpacked_file(source, done) as stream:
        try:
            archive = tarfile.open(fileobj=stream, mode="r|", bufsize=TAR_BLOCK)  # noqa: SIM115
            while (info := archive.next()) is not None:
                archive.members = []  # type: ignore[attr-defined]  # which it would keep: as many as there are in the archive
                if info.isreg() and not _is_hidden(info.name):
                    opened = partial(_opened_tar, archive, info)
                    yield _member(source, info.name, info.size, opened, f"tar -xOf {_quoted(source)}")
            while stream.read(TAR_BLOCK):  # what follows its end may be damaged, too
                pass
        except DAMAGE as error:
            raise _damaged(source, error) from error


def _opened_tar(archive: tarfile.TarFile, info: tarfile.TarInfo) -> AbstractContextManager[BinaryIO]:
    return nullcontext(cast(BinaryIO, archive.extractfile(info)))


def _member(
    source: Source, name: str, size: int, opened: Callable[[], AbstractContextManager[BinaryIO]], cat: str
) -> Source | None:
    """A member as a source; None for one whose suffix is no corpus's."""
    kind, compression = format_of_name(name)
    if kind not in FORMATS.values():
        return None
    place = Elsewhere(
        url=f"{source.name}!{name}",
        open=opened,
        cat=f"{cat} {shlex.quote(name)}",
        again=f"get the archive again, then try: {_test(source)}",
    )
    return Source(f"{source.name}/{name}", None, kind, compression, size, place, source.notes)


def _is_hidden(name: str) -> bool:
    """Whether a member is hidden, or what macOS puts beside one.

    >>> _is_hidden("./a/b.txt"), _is_hidden("a/.b.txt"), _is_hidden("__MACOSX/a.txt")
    (False, True, True)
    """
    parts = PurePosixPath(name).parts
    return any(part.startswith(".") and part not in (".", "..") for part in parts) or "__MACOSX" in parts


def _quoted(source: Source) -> str:
    return shlex.quote(source.name)


def _test(source: Source) -> str:
    return f"unzip -t {_quoted(source)}" if source.format == "zip" else f"tar -tf {_quoted(source)}"


def _damaged(source: Source, error: Exception) -> DataError:
    reason = str(error).rstrip(".").lower() or type(error).__name__
    again = source.place.again if source.place else f"get the file again, then try: {_test(source)}"
    return DataError(f"{source.name} is not a whole {source.format} archive: {reason}", fix=again)
